// A live migration: three members of one kind are replaced one by one by three of the other, and back again, under the load of
// ordinary clients that know the cluster's endpoints. No request may fail but for the changes of leader.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
	"quorate.dev/interop/cluster/load"
	"quorate.dev/interop/cluster/story"
)

var (
	etcd    = flag.String("etcd", "", "the Go program")
	script  = flag.String("quorate", "", "Quorate's script")
	dir     = flag.String("dir", "", "where data and logs go")
	path    = flag.String("path", "go,quorate,go", "the kinds that the cluster is of, one after the other")
	seed    = flag.Uint64("seed", 1, "seed of the load and of the choices")
	rate    = flag.Int("rate", 400, "calls a second")
	workers = flag.Int("workers", 32, "how many calls at once")
	verbose = flag.Bool("verbose", false, "print every step")
)

func main() {
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		panic(err)
	}
	f := &fleet.Fleet{Etcd: *etcd, Script: *script, Dir: *dir, Token: fmt.Sprintf("migrate-%d", *seed), Flags: cluster.SnapshotFlags()}
	f.Guard()
	s := story.New(*verbose)
	began := time.Now()
	go func() {
		<-s.Over
		finish(f, s, nil, began)
	}()
	explained, err := run(f, s)
	if err != nil {
		s.Wrong("%v", err)
	}
	finish(f, s, explained, began)
}

func finish(f *fleet.Fleet, s *story.Story, explained map[string]int, began time.Time) {
	f.KillAll()
	fmt.Printf("  %s\n", s.Figures())
	fmt.Printf("  errors that etcd gives too: %s\n", story.Counts(explained))
	fmt.Printf("migration %s, seed %d: %d wrong, in %.1f s\n", *path, *seed, s.Wrongs(), time.Since(began).Seconds())
	if s.Wrongs() > 0 {
		os.Exit(1)
	}
}

func run(f *fleet.Fleet, s *story.Story) (map[string]int, error) {
	l := load.New(s, *seed)
	// Ordinary watchers are not overtaken while their member is replaced.
	l.Keep = 5000
	c := cluster.New(f, s, l, *seed)
	kinds, err := fleet.Kinds(*path)
	if err != nil {
		return nil, err
	}
	if err := c.Boot([]fleet.Kind{kinds[0], kinds[0], kinds[0]}); err != nil {
		return nil, err
	}
	app, err := load.DialAll("the cluster", endpoints(c, nil)...)
	if err != nil {
		return nil, err
	}
	l.Add(app)
	l.WatchAll(app)
	for _, node := range c.Nodes() {
		l.WatchAll(node.Target)
	}
	l.Start(*workers, *rate)
	endLease, err := keepLease(app.Client, s)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds[1:] {
		if err := migrate(c, app, kind); err != nil {
			c.Verdict(app)
			return s.Judge(), err
		}
		c.HashesUnderLoad()
	}
	endLease()
	c.Verdict(app)
	explained := s.Judge()
	c.StopAll()
	return explained, nil
}

func endpoints(c *cluster.Cluster, without *cluster.Node) []string {
	var all []string
	for _, node := range c.Here(without) {
		all = append(all, node.ClientURL())
	}
	return all
}

// migrate replaces every member by one of this kind; the clients are told before a member leaves and after one has come.
func migrate(c *cluster.Cluster, app *load.Target, kind fleet.Kind) error {
	for _, old := range c.Nodes() {
		app.Client.SetEndpoints(endpoints(c, old)...)
		if err := c.MoveLeader(c.Here(old)[0]); err != nil {
			return err
		}
		c.Load.Drain()
		if err := c.Remove(old); err != nil {
			return err
		}
		joined, err := c.Add(kind, false)
		if err != nil {
			return err
		}
		c.Load.WatchAll(joined.Target)
		app.Client.SetEndpoints(endpoints(c, nil)...)
	}
	c.Story.Say("all members are %s", kind)
	return nil
}

// keepLease holds one lease as a session does; it must outlive every replacement.
func keepLease(client *clientv3.Client, s *story.Story) (end func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	lease, err := client.Grant(ctx, 10)
	if err != nil {
		cancel()
		return nil, err
	}
	renewals, err := client.KeepAlive(ctx, lease.ID)
	if err != nil {
		cancel()
		return nil, err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range renewals {
			s.Count("renewals of the session's lease", 1)
		}
		if ctx.Err() == nil {
			s.Wrong("the session's lease was lost")
		}
	}()
	return func() {
		cancel()
		<-over
		if _, err := client.Revoke(context.Background(), lease.ID); err != nil {
			s.Wrong("the session's lease was gone at the end: %v", err)
		}
	}, nil
}
