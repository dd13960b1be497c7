// Reads, writes and repairs write-ahead logs with etcd's own package: the judge of Quorate's.
//
//	wal read DIR           prints what a member would start from, as JSON
//	wal write DIR SEGMENT  writes the batches on stdin, a JSON value each, in segments of SEGMENT bytes
//	wal repair DIR         cuts a torn end off
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

type entry struct {
	Type  int32  `json:"type"`
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
	Data  []byte `json:"data"`
}

type hardState struct {
	Term   uint64 `json:"term"`
	Vote   uint64 `json:"vote"`
	Commit uint64 `json:"commit"`
}

type position struct {
	Index  uint64   `json:"index"`
	Term   uint64   `json:"term"`
	Voters []uint64 `json:"voters"`
}

type batch struct {
	Metadata  []byte     `json:"metadata,omitempty"`
	Snapshot  *position  `json:"snapshot,omitempty"`
	Entries   []entry    `json:"entries,omitempty"`
	HardState *hardState `json:"hardState,omitempty"`
}

type found struct {
	Metadata  []byte     `json:"metadata"`
	HardState hardState  `json:"hardState"`
	Snapshots []position `json:"snapshots"`
	Entries   []entry    `json:"entries"`
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, dir string) error {
	switch verb {
	case "read":
		return read(dir)
	case "write":
		size, err := strconv.ParseInt(os.Args[3], 10, 64)
		if err != nil {
			return err
		}
		wal.SegmentSizeBytes = size
		return write(dir)
	case "repair":
		if !wal.Repair(zap.NewNop(), dir) {
			return errors.New("not repaired")
		}
		return nil
	}
	return fmt.Errorf("no verb %q", verb)
}

func read(dir string) error {
	snapshots, err := wal.ValidSnapshotEntries(zap.NewNop(), dir)
	if err != nil {
		return err
	}
	if len(snapshots) == 0 {
		return errors.New("no valid snapshot")
	}
	w, err := wal.Open(zap.NewNop(), dir, snapshots[len(snapshots)-1])
	if err != nil {
		return err
	}
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	if err != nil {
		return err
	}
	out := found{Metadata: metadata, Entries: []entry{}, Snapshots: []position{}}
	out.HardState = hardState{state.GetTerm(), state.GetVote(), state.GetCommit()}
	for _, s := range snapshots {
		voters := s.GetConfState().GetVoters()
		if voters == nil {
			voters = []uint64{}
		}
		out.Snapshots = append(out.Snapshots, position{s.GetIndex(), s.GetTerm(), voters})
	}
	for _, e := range entries {
		data := e.GetData()
		if data == nil {
			data = []byte{}
		}
		out.Entries = append(out.Entries, entry{int32(e.GetType()), e.GetTerm(), e.GetIndex(), data})
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func write(dir string) error {
	input := json.NewDecoder(bufio.NewReader(os.Stdin))
	var w *wal.WAL
	for {
		var b batch
		if err := input.Decode(&b); errors.Is(err, io.EOF) {
			return w.Close()
		} else if err != nil {
			return err
		}
		if w == nil {
			var err error
			if w, err = wal.Create(zap.NewNop(), dir, b.Metadata); err != nil {
				return err
			}
			continue
		}
		if err := save(w, b); err != nil {
			return err
		}
	}
}

func save(w *wal.WAL, b batch) error {
	if s := b.Snapshot; s != nil {
		leave := false // Raft always says it.
		conf := &raftpb.ConfState{Voters: s.Voters, AutoLeave: &leave}
		if err := w.SaveSnapshot(&walpb.Snapshot{Index: &s.Index, Term: &s.Term, ConfState: conf}); err != nil {
			return err
		}
	}
	entries := make([]*raftpb.Entry, 0, len(b.Entries))
	for _, e := range b.Entries {
		made := &raftpb.Entry{Term: &e.Term, Index: &e.Index}
		if len(e.Data) > 0 { // An empty slice that is not nil would be written as a field.
			made.Data = e.Data
		}
		if e.Type != 0 {
			made.Type = raftpb.EntryType(e.Type).Enum()
		}
		entries = append(entries, made)
	}
	var state *raftpb.HardState
	if h := b.HardState; h != nil {
		state = &raftpb.HardState{Term: &h.Term, Vote: &h.Vote, Commit: &h.Commit}
	}
	return w.Save(state, entries)
}
