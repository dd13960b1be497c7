// One cluster of three members of both kinds, under load on every member, while leadership goes from one kind to the other,
// members of each kind fall behind until they need a snapshot from the other, and members of each kind come and go.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
	"quorate.dev/interop/cluster/load"
	"quorate.dev/interop/cluster/story"
)

var (
	etcd    = flag.String("etcd", "", "the Go program")
	script  = flag.String("quorate", "", "Quorate's script")
	dir     = flag.String("dir", "", "where data and logs go")
	goCount = flag.Int("go", 3, "members of Go, of three")
	seconds = flag.Int("seconds", 60, "how long the load runs at least; every kind of scene is played once in any case")
	seed    = flag.Uint64("seed", 1, "seed of the load and of the choices")
	rate    = flag.Int("rate", 500, "calls a second")
	workers = flag.Int("workers", 48, "how many calls at once")
	scenes  = flag.String("scenes", "snapshot,replace", "what is played; leadership moves about in any case")
	verbose = flag.Bool("verbose", false, "print every step")
)

func main() {
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		panic(err)
	}
	f := &fleet.Fleet{Etcd: *etcd, Script: *script, Dir: *dir, Token: fmt.Sprintf("mixed-%d", *seed), Flags: cluster.SnapshotFlags()}
	f.Guard()
	s := story.New(*verbose)
	began := time.Now()
	go func() {
		<-s.Over
		finish(f, s, nil, began)
	}()
	explained := run(f, s)
	finish(f, s, explained, began)
}

func finish(f *fleet.Fleet, s *story.Story, explained map[string]int, began time.Time) {
	f.KillAll()
	fmt.Printf("  %s\n", s.Figures())
	fmt.Printf("  errors that etcd gives too: %s\n", story.Counts(explained))
	fmt.Printf("%d Go, %d Quorate, seed %d: %d wrong, in %.1f s\n", *goCount, 3-*goCount, *seed, s.Wrongs(), time.Since(began).Seconds())
	if s.Wrongs() > 0 {
		os.Exit(1)
	}
}

func run(f *fleet.Fleet, s *story.Story) map[string]int {
	l := load.New(s, *seed)
	c := cluster.New(f, s, l, *seed)
	var kinds []fleet.Kind
	for i := range 3 {
		kind := fleet.Quorate
		if i < *goCount {
			kind = fleet.Go
		}
		kinds = append(kinds, kind)
	}
	c.Random.Shuffle(3, func(a, b int) { kinds[a], kinds[b] = kinds[b], kinds[a] })
	if err := c.Boot(kinds); err != nil {
		s.Wrong("%v", err)
		return nil
	}
	for _, node := range c.Nodes() {
		l.Add(node.Target)
		l.WatchAll(node.Target)
	}
	l.Start(*workers, *rate)
	if err := play(c); err != nil {
		s.Fatal("%v", err)
	}
	c.Verdict()
	explained := s.Judge()
	c.StopAll()
	if s.Wrongs() == 0 {
		again(c)
	}
	return explained
}

// again shows that what the members had agreed on is what they find on their disks.
func again(c *cluster.Cluster) {
	if err := c.RestartAll(); err != nil {
		c.Story.Wrong("after the restart of all: %v", err)
		return
	}
	c.CompareMembers()
	c.StopAll()
}

// play runs through the scenes until the time is up, while others move leadership about and compare hashes.
func play(c *cluster.Cluster) error {
	over := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { moveAbout(c, over) })
	others.Go(func() { compareNowAndThen(c, over) })
	defer others.Wait()
	defer close(over)
	until := time.Now().Add(time.Duration(*seconds) * time.Second)
	for round := 0; round == 0 || time.Now().Before(until); round++ {
		for _, kind := range kinds() {
			if !strings.Contains(*scenes, "snapshot") {
				break
			}
			if err := fallBehind(c, kind, round); err != nil {
				return err
			}
			time.Sleep(time.Second)
		}
		for i, kind := range kinds() {
			if !strings.Contains(*scenes, "replace") {
				break
			}
			if err := replace(c, kind, (round+i)%2 == int(*seed%2)); err != nil {
				return err
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
	}
	return nil
}

func kinds() []fleet.Kind {
	switch *goCount {
	case 3:
		return []fleet.Kind{fleet.Go}
	case 0:
		return []fleet.Kind{fleet.Quorate}
	default:
		return []fleet.Kind{fleet.Go, fleet.Quorate}
	}
}

// fallBehind lets a member of this kind need a snapshot, from the other kind where there is one: in the first round certainly.
func fallBehind(c *cluster.Cluster, kind fleet.Kind, round int) error {
	victim := c.OfKind(kind)
	sender := c.Sender(kind.Other(), victim)
	if sender == nil {
		sender = c.Sender(kind, victim)
	}
	signal := syscall.SIGTERM
	if c.Random.IntN(2) == 0 {
		signal = syscall.SIGKILL
	}
	if round > 0 {
		return c.MayNeedSnapshot(victim, sender, signal)
	}
	return c.NeedSnapshot(victim, sender, signal)
}

// replace adds a member of this kind and removes one that was there, the leader as it may be.
func replace(c *cluster.Cluster, kind fleet.Kind, asLearner bool) error {
	leaving := c.OfKind(kind)
	joined, err := c.Add(kind, asLearner)
	if err != nil {
		return err
	}
	c.Load.Add(joined.Target)
	c.Load.WatchAll(joined.Target)
	time.Sleep(time.Second)
	return c.Remove(leaving)
}

func moveAbout(c *cluster.Cluster, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(1200 * time.Millisecond):
		}
		leader, err := c.Leader()
		if err != nil {
			continue
		}
		others := c.Here(leader)
		if len(others) == 0 {
			continue
		}
		if err := c.MoveLeader(others[time.Now().UnixNano()%int64(len(others))]); err != nil {
			c.Story.Wrong("%v", err)
		}
	}
}

func compareNowAndThen(c *cluster.Cluster, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(700 * time.Millisecond):
			c.HashesUnderLoad()
		}
	}
}
