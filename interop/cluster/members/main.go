// The same changes of members asked of three Go members and of three of ours, and every answer compared.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"quorate.dev/interop/cluster/fleet"
)

var (
	etcd    = flag.String("etcd", "", "the Go program")
	script  = flag.String("quorate", "", "Quorate's script")
	dir     = flag.String("dir", "", "where data and logs go")
	verbose = flag.Bool("verbose", false, "print every answer")
)

func main() {
	flag.Parse()
	fleet.PortBase = 23100
	t := &twin{verbose: *verbose}
	for i, kind := range []fleet.Kind{fleet.Go, fleet.Quorate} {
		folder := filepath.Join(*dir, string(kind))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			panic(err)
		}
		f := &fleet.Fleet{Etcd: *etcd, Script: *script, Dir: folder, Token: "members"}
		f.Guard()
		defer f.KillAll()
		t.sides[i] = newSide(kind, f)
	}
	began := time.Now()
	play(t)
	for _, s := range t.sides {
		s.fleet.KillAll()
	}
	fmt.Printf("%d questions, %d answered differently, in %.1f s\n", t.asked, t.wrong, time.Since(began).Seconds())
	if t.wrong > 0 {
		os.Exit(1)
	}
}

func play(t *twin) {
	began := time.Now()
	boot(t)
	if t.wrong > 0 {
		return
	}
	if time.Since(began) < 3*time.Second {
		tooEarly(t)
	}
	describe(t)
	// Members count as connected after 5 seconds.
	time.Sleep(6*time.Second - min(time.Since(began), time.Second))
	refusals(t)
	learner(t)
	leaders(t)
	promotion(t)
	strictness(t)
	wrongStarts(t)
	removal(t)
	downgrade(t)
	forced(t)
}

var first = []string{"m1", "m2", "m3"}

func (s *side) initial(names ...string) string {
	var members []*fleet.Member
	for _, name := range names {
		members = append(members, s.member(name))
	}
	return fleet.InitialCluster(members)
}

func boot(t *twin) {
	t.must("start three members", func(s *side) error {
		initial := s.initial(first...)
		for _, name := range first {
			if err := s.member(name).Start(initial, "new"); err != nil {
				return err
			}
		}
		return until("three members that serve", func() bool { return s.meet(3) })
	})
}

// meet learns the ids of the members, when `count` of them have told their names.
func (s *side) meet(count int) bool {
	ctx, cancel := within(2 * time.Second)
	defer cancel()
	return s.meetWith(ctx, count)
}

func (s *side) meetWith(ctx context.Context, count int) bool {
	started := 0
	for _, m := range s.list(ctx, s.anyone()) {
		if m.Name != "" {
			started++
			s.learn(m.Name, m.ID)
		}
	}
	return started == count
}

// anyone is a member that runs.
func (s *side) anyone() string {
	for _, name := range []string{"m1", "m2", "m6"} {
		if s.member(name).Running() {
			return name
		}
	}
	return "m1"
}
