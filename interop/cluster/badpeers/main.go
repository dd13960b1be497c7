// Bad input at real members' peer ports. One cluster has members of both kinds: what Go answers, ours must answer too, and after
// all of it both must serve on and hold the same.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
	only    = flag.String("only", "", "one part alone")
	seed    = flag.Uint64("seed", 1, "seed of the load and of what is sent")
	ports   = flag.Int("ports", 27100, "where to look for free ports")
	verbose = flag.Bool("verbose", false, "print every step")
)

type part struct {
	name string
	play func(*run) error
}

// run is one cluster: a member of Go and two of ours, unless a part wants its own.
type run struct {
	f       *fleet.Fleet
	s       *story.Story
	c       *cluster.Cluster
	goNode  *cluster.Node
	ourNode *cluster.Node
	// asked is whom the answers in `kept` come from, by what was asked.
	asked *cluster.Node
	kept  map[string][]string
}

func main() {
	flag.Parse()
	fleet.PortsFrom(*ports)
	s := story.New(*verbose)
	began := time.Now()
	f := &fleet.Fleet{Etcd: *etcd, Script: *script, Token: "bad-peers", Flags: cluster.SnapshotFlags()}
	f.Guard()
	go func() {
		<-s.Over
		finish(f, s, began)
	}()
	for _, p := range []part{
		{"requests", requests},
		{"messages", messages},
		{"streams", streams},
		{"snapshots", snapshots},
		{"removed", removed},
		{"starts", starts},
	} {
		if *only != "" && *only != p.name {
			continue
		}
		before := s.Wrongs()
		f.Dir = filepath.Join(*dir, p.name)
		if err := os.MkdirAll(f.Dir, 0o755); err != nil {
			panic(err)
		}
		if err := p.play(&run{f: f, s: s, kept: map[string][]string{}}); err != nil {
			s.Wrong("%s: %v", p.name, err)
		}
		f.KillAll()
		fmt.Printf("  %s: %d wrong, %.1f s so far\n", p.name, s.Wrongs()-before, time.Since(began).Seconds())
	}
	finish(f, s, began)
}

func finish(f *fleet.Fleet, s *story.Story, began time.Time) {
	f.KillAll()
	fmt.Printf("  %s\n", s.Figures())
	fmt.Printf("bad peers: %d wrong, in %.1f s\n", s.Wrongs(), time.Since(began).Seconds())
	if s.Wrongs() > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// boot starts a cluster under a light load.
func (r *run) boot(kinds ...fleet.Kind) error { return r.bootWith(nil, kinds...) }

func (r *run) bootWith(before func(*cluster.Node) error, kinds ...fleet.Kind) error {
	l := load.New(r.s, *seed)
	r.c = cluster.New(r.f, r.s, l, *seed)
	r.c.Before = before
	if err := r.c.Boot(kinds); err != nil {
		return err
	}
	for _, node := range r.c.Nodes() {
		l.Add(node.Target)
		l.WatchAll(node.Target)
		if node.Kind == fleet.Go {
			r.goNode = node
		} else {
			r.ourNode = node
		}
	}
	l.Start(8, 100)
	return nil
}

// verdict shows that nothing of it has left a mark.
func (r *run) verdict() {
	r.c.Verdict()
	r.s.Judge()
	r.c.StopAll()
}
