// Leases on every member of a real cluster, and the answers of the peer port about leases and hashes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"quorate.dev/interop/cluster/fleet"
)

var (
	etcd    = flag.String("etcd", "", "the Go program")
	script  = flag.String("quorate", "", "Quorate's script")
	dir     = flag.String("dir", "", "where data and logs go")
	spoiler = flag.String("spoiler", "", "the script that spoils a stopped member of ours")
	ports   = flag.Int("ports", 27100, "the first of the ports taken, for those that run beside others")
	kinds   = flag.String("kinds", "quorate,quorate,quorate", "whose program each member runs")
)

// A cluster, a client of each member's own, and what was found wrong.
type cluster struct {
	fleet   *fleet.Fleet
	members []*fleet.Member
	clients map[*fleet.Member]*clientv3.Client
	initial string
	faults  int
}

func main() {
	flag.Parse()
	fleet.PortsFrom(*ports)
	parsed, err := fleet.Kinds(*kinds)
	if err != nil {
		panic(err)
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		panic(err)
	}
	c := &cluster{
		fleet:   &fleet.Fleet{Etcd: *etcd, Script: *script, Dir: *dir, Token: "leases"},
		clients: map[*fleet.Member]*clientv3.Client{},
	}
	c.fleet.Flags = []string{"--corrupt-check-time=2s", "--compact-hash-check-time=2s"}
	c.fleet.Flags = append(c.fleet.Flags, "--feature-gates=CompactHashCheck=true,InitialCorruptCheck=true")
	c.fleet.Guard()
	defer c.fleet.KillAll()
	for i, kind := range parsed {
		c.members = append(c.members, c.fleet.NewMember(fmt.Sprintf("m%d", i+1), kind))
	}
	c.initial = fleet.InitialCluster(c.members)
	c.boot()
	for _, kind := range leadingKinds(parsed) {
		c.scene("led by "+string(kind), func() { c.leadBy(kind) })
		c.scene("every member answers", c.everywhere)
		c.scene("kept at a follower, then left alone", c.kept)
		c.scene("the peer port's words", c.peerPort)
	}
	c.scene("compacted, restarted, compared", c.compared)
	c.scene("the leader hangs", c.leaderHangs)
	c.scene("the leader is killed", c.leaderKilled)
	c.scene("no alarm", c.noAlarm)
	c.scene("a spoiled member", c.spoiled)
	c.fleet.KillAll()
	if c.faults > 0 {
		for _, m := range c.members {
			fmt.Printf("  the end of %s's log:\n%s\n", m, m.LogTail(8))
		}
		os.Exit(1)
	}
}

func leadingKinds(kinds []fleet.Kind) []fleet.Kind {
	var distinct []fleet.Kind
	for _, kind := range []fleet.Kind{fleet.Quorate, fleet.Go} {
		for _, each := range kinds {
			if each == kind {
				distinct = append(distinct, kind)
				break
			}
		}
	}
	return distinct
}

func (c *cluster) scene(name string, play func()) {
	before, began := c.faults, time.Now()
	play()
	verdict := "ok"
	if c.faults > before {
		verdict = "WRONG"
	}
	fmt.Printf("  %-36s %-5s %.1f s\n", name, verdict, time.Since(began).Seconds())
}

func (c *cluster) wrong(format string, values ...any) {
	c.faults++
	fmt.Printf("    WRONG: "+format+"\n", values...)
}

func (c *cluster) boot() {
	for _, m := range c.members {
		c.start(m, "new")
	}
	for _, m := range c.members {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: []string{m.ClientURL()}, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		})
		if err != nil {
			panic(err)
		}
		c.clients[m] = client
	}
	for _, m := range c.members {
		c.awaitServing(m)
	}
}

func (c *cluster) start(m *fleet.Member, state string) {
	if err := m.Start(c.initial, state); err != nil {
		panic(err)
	}
}

func within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

func until(patience time.Duration, holds func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

func (c *cluster) awaitServing(m *fleet.Member) {
	served := until(20*time.Second, func() bool {
		ctx, cancel := within(time.Second)
		defer cancel()
		_, err := c.clients[m].Get(ctx, "x")
		return err == nil
	})
	if !served {
		c.wrong("%s does not serve:\n%s", m, m.LogTail(5))
	}
}

// leader is nil while nobody leads.
func (c *cluster) leader() *fleet.Member {
	for _, m := range c.members {
		if !m.Running() {
			continue
		}
		ctx, cancel := within(500 * time.Millisecond)
		status, err := c.clients[m].Status(ctx, m.ClientURL())
		cancel()
		if err == nil && status.Leader != 0 && status.Leader == status.Header.MemberId {
			return m
		}
	}
	return nil
}

func (c *cluster) followers() []*fleet.Member {
	leader := c.leader()
	var others []*fleet.Member
	for _, m := range c.members {
		if m != leader {
			others = append(others, m)
		}
	}
	return others
}

func (c *cluster) leadBy(kind fleet.Kind) {
	led := until(20*time.Second, func() bool {
		leader := c.leader()
		if leader == nil {
			return false
		}
		if leader.Kind == kind {
			return true
		}
		for _, m := range c.members {
			if m.Kind != kind {
				continue
			}
			ctx, cancel := within(5 * time.Second)
			status, err := c.clients[m].Status(ctx, m.ClientURL())
			if err == nil {
				_, err = c.clients[leader].MoveLeader(ctx, status.Header.MemberId)
			}
			cancel()
			if err == nil {
				return c.leader() == m
			}
		}
		return false
	})
	if !led {
		c.wrong("no member of %s leads", kind)
	}
}
