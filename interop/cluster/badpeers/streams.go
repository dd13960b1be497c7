package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"time"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
	"quorate.dev/interop/cluster/story"
)

func itoa(n int) string { return strconv.Itoa(n) }

// behindProxies boots a cluster whose members all stand behind a proxy.
func (r *run) behindProxies(kinds ...fleet.Kind) (map[*cluster.Node]*proxy, error) {
	proxies := map[*cluster.Node]*proxy{}
	err := r.bootWith(func(node *cluster.Node) error {
		p, err := stand(node)
		proxies[node] = p
		return err
	}, kinds...)
	return proxies, err
}

// streams lets garbage come out of streams, and cuts them anywhere: members must drop them, dial again and go on.
func streams(r *run) error {
	proxies, err := r.behindProxies(fleet.Quorate, fleet.Go, fleet.Quorate)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(*seed, 78))
	window := r.s.Begin(story.Handover, "")
	var spoiling []fault
	for range 8 {
		spoiling = append(spoiling, fault{cutAfter(int64(random.IntN(4000))), false}, fault{cutAfter(int64(random.IntN(40))), false})
	}
	for _, noise := range [][]byte{
		bytes.Repeat([]byte{0xff}, 64), {7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, []byte("HTTP/1.1 200 OK\r\n\r\n"), {},
		binary.BigEndian.AppendUint64(nil, 513<<20), append(binary.BigEndian.AppendUint64(nil, 5), "rubbish"...),
	} {
		spoiling = append(spoiling, fault{garbage(noise), false})
	}
	random.Shuffle(len(spoiling), func(a, b int) { spoiling[a], spoiling[b] = spoiling[b], spoiling[a] })
	// Go makes room for as many bytes as it is told, and trusts what comes in them. These come first: ours must be the one to dial again for them.
	for _, noise := range [][]byte{
		append([]byte{2}, binary.BigEndian.AppendUint64(nil, 1<<40)...), append([]byte{1}, binary.BigEndian.AppendUint64(nil, 1<<62)...),
		append([]byte{2}, binary.BigEndian.AppendUint64(nil, 1<<63)...),
		append([]byte{2}, append(binary.BigEndian.AppendUint64(nil, 5), "rubbish"...)...),
	} {
		spoiling = append([]fault{{garbage(noise), true}}, spoiling...)
	}
	for _, p := range proxies {
		p.fragile = hex(r.goNode.ID)
		p.spoil(nil, slices.Clone(spoiling))
	}
	// Streams that stand are not touched: the members are stopped in turn, so that all are dialled again.
	for _, node := range r.c.Nodes() {
		away := r.c.Stop(node, syscall.SIGKILL)
		if err := r.c.Back(node, away); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left := 0
		for _, p := range proxies {
			left += p.left()
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d streams were not dialled again", left)
		}
	}
	r.s.Count("streams spoiled", 3*len(spoiling))
	if _, err := r.c.Leader(); err != nil {
		return err
	}
	window.End(5 * time.Second)
	r.verdict()
	return nil
}

// snapshots spoils the snapshots that a member needs, one after the other: it must take none of them, and the whole one at last.
func snapshots(r *run) error {
	proxies, err := r.behindProxies(fleet.Quorate, fleet.Go, fleet.Quorate)
	if err != nil {
		return err
	}
	page := func(db []byte, n int) []byte { return db[n*4096 : (n+1)*4096] }
	ways := []func(io.Reader) io.Reader{
		cutAfter(0), cutAfter(5), cutAfter(100), cutAfter(9000), endAfter(5), endAfter(100),
		inDatabase(func(db []byte) []byte { return db[:len(db)/2] }),
		inDatabase(func(db []byte) []byte { return db[:4096] }),
		inDatabase(func(db []byte) []byte { return nil }),
		// Both metas: with one alone the database is still whole.
		inDatabase(func(db []byte) []byte {
			page(db, 0)[40] ^= 1
			page(db, 1)[40] ^= 1
			return db
		}),
		inDatabase(func(db []byte) []byte { return bytes.Repeat([]byte{0x5a}, len(db)) }),
	}
	// The number of a page in use, its type, its count.
	for _, at := range []int{0, 8, 10} {
		ways = append(ways, inDatabase(func(db []byte) []byte {
			for n := 2; n < len(db)/4096; n++ {
				page(db, n)[at] ^= 0x40
			}
			return db
		}))
	}
	var spoiling []fault
	for _, way := range ways {
		spoiling = append(spoiling, fault{way, false})
	}
	victim := r.ourNode
	for _, sender := range []*cluster.Node{r.goNode, r.c.Nodes()[0]} {
		window := r.s.Begin(story.Handover, "")
		proxies[victim].spoil(slices.Clone(spoiling), nil)
		if err := r.c.NeedSnapshot(victim, sender, syscall.SIGKILL); err != nil {
			return fmt.Errorf("from %s: %w", sender, err)
		}
		if left := proxies[victim].left(); left > 0 {
			r.s.Wrong("%s was content with snapshot %d from %s, which was spoiled", victim, len(spoiling)-left, sender)
		}
		r.s.Count("snapshots spoiled", len(spoiling))
		window.End(2 * time.Second)
	}
	r.verdict()
	return nil
}
