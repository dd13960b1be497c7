package main

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
	"quorate.dev/interop/cluster/story"
)

// messages sends our members what no sound member sends, in the name of one: numbers beyond all bounds. Go's members are not
// asked: several of these end them.
func messages(r *run) error {
	if err := r.boot(fleet.Quorate, fleet.Go, fleet.Quorate); err != nil {
		return err
	}
	id, err := r.clusterID()
	if err != nil {
		return err
	}
	// Forged messages may make members take another for the leader for a moment.
	window := r.s.Begin(story.Handover, "")
	for _, leads := range []bool{true, false} {
		for _, huge := range []uint64{1 << 31, 1<<53 - 1, 1 << 53, 1<<63 - 1, 1<<64 - 1} {
			if err := r.forge(id, leads, huge); err != nil {
				return err
			}
		}
	}
	window.End(2 * time.Second)
	r.verdict()
	return nil
}

// forge sends one of each kind with one huge number, to our member as the leader or as a follower.
func (r *run) forge(clusterID string, leads bool, huge uint64) error {
	leader := r.goNode
	if leads {
		leader = r.ourNode
	}
	if err := r.c.MoveLeader(leader); err != nil {
		return err
	}
	status, err := r.ourNode.Status(5 * time.Second)
	if err != nil {
		return err
	}
	// A term beyond all bounds that is believed stays for good: so that comes with what must not be believed.
	numbers := []func(*raftpb.Message){
		func(m *raftpb.Message) { m.Index = proto.Uint64(huge) },
		func(m *raftpb.Message) { m.Commit = proto.Uint64(huge) },
		func(m *raftpb.Message) { m.LogTerm = proto.Uint64(huge) },
		func(m *raftpb.Message) { m.RejectHint, m.Reject = proto.Uint64(huge), proto.Bool(true) },
		func(m *raftpb.Message) {
			m.Index, m.RejectHint, m.Reject = proto.Uint64(huge), proto.Uint64(huge), proto.Bool(true)
		},
		func(m *raftpb.Message) { m.Vote = proto.Uint64(huge) },
		func(m *raftpb.Message) {
			m.Index, m.Entries = proto.Uint64(huge), []*raftpb.Entry{{Index: proto.Uint64(huge), Term: proto.Uint64(huge)}}
		},
		func(m *raftpb.Message) {
			m.Snapshot = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: proto.Uint64(huge), Term: m.Term}}
		},
		func(m *raftpb.Message) { m.Context = bytes.Repeat([]byte{0xff}, 9) },
	}
	types := []raftpb.MessageType{
		raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgVoteResp, raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgReadIndex,
		raftpb.MsgReadIndexResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp, raftpb.MsgTransferLeader, raftpb.MsgSnap,
	}
	for _, kind := range types {
		for n, change := range numbers {
			m := &raftpb.Message{
				Type: kind.Enum(), To: proto.Uint64(r.ourNode.ID), From: proto.Uint64(r.goNode.ID), Term: proto.Uint64(status.RaftTerm),
			}
			change(m)
			if err := r.post(clusterID, r.ourNode, m); err != nil {
				return fmt.Errorf("%s with number %d of %d: %w", kind, n, huge, err)
			}
		}
	}
	return r.alive()
}

// post sends a message; that it is refused is as good as that it is taken.
func (r *run) post(clusterID string, to *cluster.Node, m *raftpb.Message) error {
	asked, err := http.NewRequest("POST", to.PeerURL()+"/raft", bytes.NewReader(marshal(m)))
	if err != nil {
		return err
	}
	for name, value := range r.from(clusterID, m.GetFrom()) {
		asked.Header.Set(name, value)
	}
	got, err := client.Do(asked)
	if err != nil {
		return err
	}
	r.s.Count(fmt.Sprintf("forged messages answered %d", got.StatusCode), 1)
	return got.Body.Close()
}

// alive shows that every member still serves, and that a leader is found.
func (r *run) alive() error {
	for _, node := range r.c.Nodes() {
		if !node.Running() {
			return fmt.Errorf("%s has ended", node)
		}
	}
	_, err := r.c.Leader()
	return err
}
