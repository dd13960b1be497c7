package main

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

type node struct {
	id        uint64
	raw       *raft.RawNode
	storage   *raft.MemoryStorage
	config    raft.Config
	timeouts  *random
	applied   uint64
	confState *pb.ConfState
	appends   []*pb.Message
	applies   []*pb.Message
}

type world struct {
	random      *random
	nodes       []*node
	net         []*pb.Message
	isolated    [8]bool
	keeper      uint64
	confChanges bool
	reads       int
	hash        uint32
	show        func(string)
	panicked    bool
}

type quiet struct{}

func (quiet) Debug(...interface{})            {}
func (quiet) Debugf(string, ...interface{})   {}
func (quiet) Error(...interface{})            {}
func (quiet) Errorf(string, ...interface{})   {}
func (quiet) Info(...interface{})             {}
func (quiet) Infof(string, ...interface{})    {}
func (quiet) Warning(...interface{})          {}
func (quiet) Warningf(string, ...interface{}) {}
func (quiet) Fatal(v ...interface{})          { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(f string, v ...interface{}) {
	panic(fmt.Sprintf(f, v...))
}
func (quiet) Panic(v ...interface{})            { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(f string, v ...interface{}) { panic(fmt.Sprintf(f, v...)) }

func (w *world) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.show(text)
	h := w.hash
	for i := 0; i < len(text); i++ {
		h = (h ^ uint32(text[i])) * 16777619
	}
	w.hash = h
}

func pick(r *random, values ...uint64) uint64 { return values[r.below(len(values))] }

func newWorld(seed int, show func(string)) *world {
	r := newRandom(uint32(seed))
	w := &world{random: r, hash: 2166136261, show: show}
	n := 1 + r.below(7)
	members := 1 + r.below(n)
	learners := 0
	if members > 1 && r.below(3) == 0 {
		learners = 1
	}
	bootstrap := r.below(4) == 0
	cfg := raft.Config{Logger: quiet{}}
	cfg.ElectionTick = 3 + r.below(8)
	cfg.HeartbeatTick = 1 + r.below(2)
	cfg.PreVote = r.below(2) == 0
	cfg.CheckQuorum = r.below(2) == 0
	if lease := r.below(3) == 0; lease && cfg.CheckQuorum {
		cfg.ReadOnlyOption = raft.ReadOnlyLeaseBased
	}
	cfg.AsyncStorageWrites = r.below(2) == 0
	cfg.StepDownOnRemoval = r.below(2) == 0
	cfg.DisableProposalForwarding = r.below(8) == 0
	cfg.MaxInflightMsgs = int(pick(r, 1, 2, 3, 16, 256))
	cfg.MaxUncommittedEntriesSize = pick(r, 0, 0, 20, 200)
	small := r.below(3) == 0
	cfg.MaxSizePerMsg = math.MaxUint64
	if small {
		cfg.MaxSizePerMsg = pick(r, 1, 30, 100)
		cfg.MaxCommittedSizePerReady = pick(r, 0, 1, 60, 300)
		if r.below(3) == 0 {
			cfg.MaxInflightBytes = cfg.MaxSizePerMsg * pick(r, 1, 2, 4)
		}
	}
	// The size of a refused membership change differs by two bytes (Go writes its type out), so the two are not mixed.
	w.confChanges = !small
	w.keeper = uint64(1 + r.below(members-learners))
	w.line("nodes=%d members=%d learners=%d bootstrap=%v election=%d heartbeat=%d prevote=%v quorum=%v lease=%v async=%v stepdown=%v noforward=%v small=%v",
		n, members, learners, bootstrap, cfg.ElectionTick, cfg.HeartbeatTick, cfg.PreVote, cfg.CheckQuorum, cfg.ReadOnlyOption == raft.ReadOnlyLeaseBased,
		cfg.AsyncStorageWrites, cfg.StepDownOnRemoval, cfg.DisableProposalForwarding, small)
	cs := &pb.ConfState{AutoLeave: new(bool)}
	var peers []raft.Peer
	for id := 1; id <= members; id++ {
		if id > members-learners {
			cs.Learners = append(cs.Learners, uint64(id))
		} else {
			cs.Voters = append(cs.Voters, uint64(id))
		}
		peers = append(peers, raft.Peer{ID: uint64(id)})
	}
	for id := 1; id <= n; id++ {
		nd := &node{id: uint64(id), storage: raft.NewMemoryStorage(), config: cfg, timeouts: newRandom(uint32(seed*31 + id)), confState: &pb.ConfState{}}
		nd.config.ID, nd.config.Storage = uint64(id), nd.storage
		w.nodes = append(w.nodes, nd)
		if !bootstrap && id <= members {
			snap := &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: proto.Uint64(2), Term: proto.Uint64(1), ConfState: proto.Clone(cs).(*pb.ConfState)}}
			if err := nd.storage.ApplySnapshot(snap); err != nil {
				panic(err)
			}
			nd.applied, nd.confState = 2, cs
		}
		nd.start()
		if bootstrap && id <= members {
			if err := nd.raw.Bootstrap(peers); err != nil {
				panic(err)
			}
		}
	}
	return w
}

func (n *node) start() {
	drawing = n
	n.config.Applied = n.applied
	config := n.config
	raw, err := raft.NewRawNode(&config)
	if err != nil {
		panic(err)
	}
	n.raw = raw
}

func (w *world) run(steps int) {
	defer func() {
		if r := recover(); r != nil {
			w.panicked = true
			w.show(fmt.Sprint(r))
			w.line("panic")
		}
	}()
	for i := 0; i < steps; i++ {
		w.step()
	}
}

func (w *world) step() {
	r := w.random
	kind := r.below(100)
	n := w.nodes[r.below(len(w.nodes))]
	drawing = n
	switch {
	case kind < 20:
		w.line("tick %d", n.id)
		n.raw.Tick()
	case kind < 55:
		n = w.deliver()
		if n == nil {
			return
		}
	case kind < 74:
		w.ready(n)
	case kind < 79:
		if n.config.AsyncStorageWrites {
			w.append(n)
		} else {
			w.ready(n)
		}
	case kind < 83:
		if n.config.AsyncStorageWrites {
			w.apply(n)
		} else {
			w.ready(n)
		}
	case kind < 89:
		w.propose(n)
	case kind < 91:
		w.confChange(n)
	case kind < 93:
		w.reads++
		if n.hastyReader() {
			return
		}
		w.line("read %d %d", n.id, w.reads)
		n.raw.ReadIndex([]byte(fmt.Sprint(w.reads)))
	case kind < 94:
		to := uint64(1 + r.below(len(w.nodes)))
		w.line("transfer %d to %d", n.id, to)
		n.raw.TransferLeader(to)
	case kind < 95:
		w.rare(n)
	case kind < 96:
		w.restart(n)
	case kind < 97:
		w.compact(n)
	case kind < 98:
		if r.below(3) == 0 {
			w.isolated[n.id] = !w.isolated[n.id]
		}
		w.line("isolated %d %v", n.id, w.isolated[n.id])
	case kind < 99:
		w.isolated = [8]bool{}
		w.line("healed")
		w.settle(1 + r.below(8))
	default:
		// Enough ticks for an election, with everything in between done.
		w.line("timeout %d", n.id)
		for i := 0; i < 2*n.config.ElectionTick; i++ {
			n.raw.Tick()
			if n.raw.HasReady() {
				w.ready(n)
			}
		}
	}
	w.status(n)
}

// settle lets everybody do what there is to do, round after round.
func (w *world) settle(rounds int) {
	for ; rounds > 0; rounds-- {
		for _, n := range w.nodes {
			w.ready(n)
			for len(n.appends) > 0 {
				w.append(n)
			}
			for len(n.applies) > 0 {
				w.apply(n)
			}
		}
		for count := len(w.net); count > 0; count-- {
			w.deliver()
		}
	}
}

func (w *world) send(m *pb.Message) {
	if len(w.net) >= 100 {
		w.take(w.random.below(len(w.net)))
	}
	w.net = append(w.net, m)
}

func (w *world) take(at int) *pb.Message {
	m := w.net[at]
	last := len(w.net) - 1
	w.net[at] = w.net[last]
	w.net = w.net[:last]
	return m
}

func (w *world) deliver() *node {
	r := w.random
	if len(w.net) == 0 {
		return nil
	}
	// Mostly the oldest, or all would be chaos.
	at := r.below(len(w.net))
	if r.below(2) == 0 {
		at = r.below(1 + len(w.net)/4)
	}
	fate := r.below(24)
	var m *pb.Message
	if fate == 0 {
		m = w.net[at]
	} else {
		m = w.take(at)
	}
	if fate == 1 || w.isolated[m.GetFrom()] || w.isolated[m.GetTo()] {
		w.line("lost %s", raft.DescribeMessage(m, nil))
		return nil
	}
	n := w.nodes[m.GetTo()-1]
	if m.GetType() == pb.MsgSnap {
		for len(n.applies) > 0 {
			w.apply(n)
		}
	}
	if m.GetType() == pb.MsgReadIndex && n.hastyReader() {
		return nil
	}
	w.line("deliver %s context=%x", raft.DescribeMessage(m, nil), m.GetContext())
	drawing = n
	err := n.raw.Step(proto.Clone(m).(*pb.Message))
	if err != nil {
		w.line("error %v", err)
	}
	return n
}

func (w *world) ready(n *node) {
	drawing = n
	has := n.raw.HasReady()
	w.line("ready %d %v", n.id, has)
	if !has {
		return
	}
	rd := n.raw.Ready()
	w.line("%s", raft.DescribeReady(rd, nil))
	if !n.config.AsyncStorageWrites {
		n.store(rd.HardState, rd.Entries, rd.Snapshot)
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			n.appends = append(n.appends, m)
		case raft.LocalApplyThread:
			n.applies = append(n.applies, m)
		default:
			w.send(m)
		}
	}
	if !n.config.AsyncStorageWrites {
		n.applyAll(rd.CommittedEntries)
		n.raw.Advance(rd)
	}
}

func (n *node) store(hs *pb.HardState, entries []*pb.Entry, snap *pb.Snapshot) {
	if !raft.IsEmptyHardState(hs) {
		if err := n.storage.SetHardState(hs); err != nil {
			panic(err)
		}
	}
	if !raft.IsEmptySnap(snap) {
		_ = n.storage.ApplySnapshot(snap)
		n.applied, n.confState = snap.GetMetadata().GetIndex(), snap.GetMetadata().GetConfState()
	}
	if err := n.storage.Append(entries); err != nil {
		panic(err)
	}
}

func (n *node) applyAll(entries []*pb.Entry) {
	for _, e := range entries {
		if e.GetIndex() <= n.applied {
			continue
		}
		n.applied = e.GetIndex()
		switch e.GetType() {
		case pb.EntryConfChange:
			cc := &pb.ConfChange{}
			if err := proto.Unmarshal(e.GetData(), cc); err != nil {
				panic(err)
			}
			n.confState = n.raw.ApplyConfChange(cc)
		case pb.EntryConfChangeV2:
			cc := &pb.ConfChangeV2{}
			if err := proto.Unmarshal(e.GetData(), cc); err != nil {
				panic(err)
			}
			n.confState = n.raw.ApplyConfChange(cc)
		}
	}
}

func (w *world) append(n *node) {
	drawing = n
	w.line("append %d %d", n.id, len(n.appends))
	if len(n.appends) == 0 {
		return
	}
	m := n.appends[0]
	n.appends = n.appends[1:]
	n.store(&pb.HardState{Term: proto.Uint64(m.GetTerm()), Vote: proto.Uint64(m.GetVote()), Commit: proto.Uint64(m.GetCommit())}, m.GetEntries(), m.GetSnapshot())
	w.respond(n, m)
}

func (w *world) apply(n *node) {
	drawing = n
	w.line("apply %d %d", n.id, len(n.applies))
	if len(n.applies) == 0 {
		return
	}
	m := n.applies[0]
	n.applies = n.applies[1:]
	n.applyAll(m.GetEntries())
	w.respond(n, m)
}

func (w *world) respond(n *node, m *pb.Message) {
	for _, response := range m.GetResponses() {
		if response.GetTo() != n.id {
			w.send(response)
			continue
		}
		drawing = n
		if err := n.raw.Step(response); err != nil {
			w.line("error %v", err)
		}
	}
}

func (w *world) propose(n *node) {
	r := w.random
	count := 1 + r.below(4)
	var entries []*pb.Entry
	for i := 0; i < count; i++ {
		entries = append(entries, &pb.Entry{Data: []byte(strings.Repeat(string(rune('a'+r.below(26))), 1+r.below(40)))})
	}
	err := n.raw.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: proto.Uint64(n.id), Entries: entries})
	w.line("propose %d %d %v", n.id, count, err)
}

func (w *world) confChange(n *node) {
	r := w.random
	form := r.below(4)
	count := 1
	if form > 1 {
		count = r.below(4)
	}
	var singles []*pb.ConfChangeSingle
	for i := 0; i < count; i++ {
		kind := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeRemoveNode, pb.ConfChangeUpdateNode, pb.ConfChangeAddLearnerNode}[r.below(4)]
		id := uint64(1 + r.below(len(w.nodes)))
		if id == w.keeper {
			kind = pb.ConfChangeAddNode
		}
		singles = append(singles, &pb.ConfChangeSingle{Type: kind.Enum(), NodeId: proto.Uint64(id)})
	}
	if !w.confChanges {
		return
	}
	var err error
	if form == 0 {
		err = n.raw.ProposeConfChange(&pb.ConfChange{Type: singles[0].Type, NodeId: singles[0].NodeId})
	} else {
		transition := []pb.ConfChangeTransition{pb.ConfChangeTransitionAuto, pb.ConfChangeTransitionJointImplicit, pb.ConfChangeTransitionJointExplicit}[r.below(3)]
		if count == 0 {
			transition = pb.ConfChangeTransitionAuto
		}
		change := &pb.ConfChangeV2{Changes: singles}
		if transition != pb.ConfChangeTransitionAuto {
			change.Transition = transition.Enum()
		}
		err = n.raw.ProposeConfChange(change)
	}
	w.line("change %d %s %v", n.id, pb.ConfChangesToString(singles), err)
}

func (w *world) rare(n *node) {
	r := w.random
	other := uint64(1 + r.below(len(w.nodes)))
	switch r.below(5) {
	case 0:
		w.line("forget %d %v", n.id, n.raw.ForgetLeader())
	case 1:
		w.line("campaign %d %v", n.id, n.raw.Campaign())
	case 2:
		w.line("unreachable %d %d", n.id, other)
		n.raw.ReportUnreachable(other)
	case 3:
		w.line("snapshot finished %d %d", n.id, other)
		n.raw.ReportSnapshot(other, raft.SnapshotFinish)
	default:
		w.line("snapshot failed %d %d", n.id, other)
		n.raw.ReportSnapshot(other, raft.SnapshotFailure)
	}
}

// hastyReader tells of a leader whose reads Go's library may answer too early: one that is left with a single voter answers
// before it has committed anything in its term, even when that voter is another one. Quorate's waits, so no read is given to it here.
func (n *node) hastyReader() bool {
	st := n.raw.Status()
	return st.RaftState == raft.StateLeader && len(st.Config.Voters[0]) == 1 && len(st.Config.Voters[1]) == 0
}

// restart loses what was not stored. The application comes back at what it had applied, or at its last snapshot.
func (w *world) restart(n *node) {
	snap, err := n.storage.Snapshot()
	if err != nil {
		panic(err)
	}
	index := snap.GetMetadata().GetIndex()
	if w.random.below(2) == 0 && n.canSnapshot(index) {
		if _, err := n.storage.CreateSnapshot(n.applied, n.confState, nil); err != nil {
			panic(err)
		}
	} else {
		n.applied, n.confState = index, snap.GetMetadata().GetConfState()
	}
	n.appends, n.applies = nil, nil
	w.line("restart %d applied=%d", n.id, n.applied)
	n.start()
}

// canSnapshot tells whether what is applied is newer than the last snapshot, and known to be committed after a restart.
func (n *node) canSnapshot(last uint64) bool {
	hs, _, _ := n.storage.InitialState()
	return n.applied > last && n.applied <= hs.GetCommit()
}

func (w *world) compact(n *node) {
	snap, err := n.storage.Snapshot()
	if err != nil {
		panic(err)
	}
	first, err := n.storage.FirstIndex()
	if err != nil {
		panic(err)
	}
	keep := uint64(w.random.below(4))
	if n.canSnapshot(snap.GetMetadata().GetIndex()) {
		if _, err := n.storage.CreateSnapshot(n.applied, n.confState, nil); err != nil {
			panic(err)
		}
	}
	snap, _ = n.storage.Snapshot()
	if index := snap.GetMetadata().GetIndex(); index >= first+keep {
		if err := n.storage.Compact(index - keep); err != nil {
			panic(err)
		}
	}
	first, _ = n.storage.FirstIndex()
	w.line("compact %d first=%d", n.id, first)
}

func (w *world) status(n *node) {
	st := n.raw.Status()
	ids := make([]uint64, 0, len(st.Progress))
	for id := range st.Progress {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	var progress strings.Builder
	for _, id := range ids {
		pr := st.Progress[id]
		fmt.Fprintf(&progress, " %d: %s", id, &pr)
	}
	w.line("status %d %s lead=%d term=%d vote=%d commit=%d applied=%d transferee=%d %s%s", n.id, st.RaftState, st.Lead,
		st.GetTerm(), st.GetVote(), st.GetCommit(), st.Applied, st.LeadTransferee, st.Config, progress.String())
}
