package main

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// speed runs the schedule of tools/raft-speed.js on Go's library: one process, no disk, storage told by messages.
func speed() {
	runtime.GOMAXPROCS(1)
	for _, c := range [][2]int{{1, 1}, {1, 100}, {1, 2000}, {3, 1}, {3, 100}, {3, 2000}} {
		measure(c[0], c[1])
	}
}

type member struct {
	id      uint64
	raw     *raft.RawNode
	storage *raft.MemoryStorage
	applied uint64
	inbox   []*pb.Message
}

func measure(size, batch int) {
	drawing = &node{timeouts: newRandom(1), config: raft.Config{ElectionTick: 10}}
	var members []*member
	cs := &pb.ConfState{AutoLeave: proto.Bool(false)}
	for id := 1; id <= size; id++ {
		cs.Voters = append(cs.Voters, uint64(id))
	}
	for id := 1; id <= size; id++ {
		s := raft.NewMemoryStorage()
		_ = s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: proto.Uint64(1), Term: proto.Uint64(1), ConfState: cs}})
		raw, err := raft.NewRawNode(&raft.Config{
			ID: uint64(id), ElectionTick: 10, HeartbeatTick: 1, Storage: s, Applied: 1, AsyncStorageWrites: true,
			MaxSizePerMsg: 512 * 1024, MaxUncommittedEntriesSize: 1 << 30, MaxInflightMsgs: 512, MaxInflightBytes: math.MaxUint64, Logger: quiet{},
		})
		if err != nil {
			panic(err)
		}
		members = append(members, &member{id: uint64(id), raw: raw, storage: s, applied: 1})
	}
	settle := func() {
		for busy := true; busy; {
			busy = false
			for _, m := range members {
				inbox := m.inbox
				m.inbox = nil
				for _, msg := range inbox {
					_ = m.raw.Step(msg)
				}
				for m.raw.HasReady() {
					busy = true
					for _, msg := range m.raw.Ready().Messages {
						switch msg.GetTo() {
						case raft.LocalAppendThread:
							_ = m.storage.Append(msg.GetEntries())
						case raft.LocalApplyThread:
							entries := msg.GetEntries()
							m.applied = entries[len(entries)-1].GetIndex()
							if m.applied%20000 < uint64(len(entries)) && m.applied > 20000 {
								_ = m.storage.Compact(m.applied - 10000)
							}
						default:
							members[msg.GetTo()-1].inbox = append(members[msg.GetTo()-1].inbox, msg)
							continue
						}
						for _, r := range msg.GetResponses() {
							if r.GetTo() == m.id {
								_ = m.raw.Step(r)
							} else {
								members[r.GetTo()-1].inbox = append(members[r.GetTo()-1].inbox, r)
							}
						}
					}
				}
			}
		}
	}
	_ = members[0].raw.Campaign()
	settle()
	data := make([]byte, 100)
	round := func() {
		entries := make([]*pb.Entry, batch)
		for i := range entries {
			entries[i] = &pb.Entry{Data: data}
		}
		if err := members[0].raw.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: proto.Uint64(1), Entries: entries}); err != nil {
			panic(err)
		}
		settle()
	}
	for i := 0; i < 20000/batch+2000; i++ {
		round()
	}
	before := members[0].applied
	rounds := 0
	begin := time.Now()
	for time.Since(begin) < 2*time.Second {
		for i := 0; i < 10; i++ {
			round()
		}
		rounds += 10
	}
	took := time.Since(begin)
	entries := members[0].applied - before
	fmt.Printf("nodes %d batch %d: %.0f entries/s, %.2f us/round, %.3f us/entry\n", size, batch, float64(entries)/took.Seconds(),
		float64(took.Microseconds())/float64(rounds), float64(took.Microseconds())/float64(entries))
}
