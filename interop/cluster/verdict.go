package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"quorate.dev/interop/cluster/history"
	"quorate.dev/interop/cluster/load"
	"quorate.dev/interop/cluster/story"
)

const verdictPatience = 20 * time.Second

// Verdict lets the cluster come to rest and judges all that was seen of it, through its members and through other clients.
func (c *Cluster) Verdict(others ...*load.Target) {
	c.Load.Stop()
	if err := c.awaitLeaseEnds(); err != nil {
		c.Story.Wrong("%v", err)
	}
	end := c.Load.Finish(c.Nodes()[0].Target)
	whole, parts := c.Load.EndWatches(append(c.Targets(), others...), end, verdictPatience)
	for _, node := range c.Nodes() {
		if err := c.AwaitCaughtUp(node); err != nil {
			c.Story.Wrong("%v", err)
		}
	}
	calls, leases := c.Load.Results()
	log, wrongs := history.Gather(whole)
	for _, w := range parts {
		wrongs = append(wrongs, log.Check(w, c.Load.Compacted())...)
	}
	judgement := history.Verify(calls, log, leases)
	for _, wrong := range append(wrongs, judgement.Wrongs...) {
		c.Story.Wrong("%s", wrong)
	}
	c.Story.Count("ms was the longest time without a write acknowledged", int(history.LongestGap(calls).Milliseconds()))
	c.Story.Count("revisions", judgement.Revisions)
	c.Story.Count("writes checked", judgement.Writes)
	c.Story.Count("reads checked", judgement.Reads)
	c.Story.Count("writes whose answer was lost", judgement.Ambiguous)
	c.Story.Count("leases expired", judgement.Expired)
	c.Story.Count("leases revoked", judgement.Revoked)
	c.CompareMembers()
}

// CompareMembers asks every member the same and wants the same answer.
func (c *Cluster) CompareMembers() {
	c.same("the members", func(ctx context.Context, n *Node) (proto.Message, error) {
		return pb.NewClusterClient(n.Target.Client.ActiveConnection()).MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	})
	c.same("the members as each knows them", func(ctx context.Context, n *Node) (proto.Message, error) {
		return pb.NewClusterClient(n.Target.Client.ActiveConnection()).MemberList(ctx, &pb.MemberListRequest{})
	})
	c.same("all keys", func(ctx context.Context, n *Node) (proto.Message, error) {
		request := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Serializable: true}
		return pb.NewKVClient(n.Target.Client.ActiveConnection()).Range(ctx, request)
	})
	alarms := c.same("the alarms", func(ctx context.Context, n *Node) (proto.Message, error) {
		return pb.NewMaintenanceClient(n.Target.Client.ActiveConnection()).Alarm(ctx, &pb.AlarmRequest{})
	})
	if list, is := alarms.(*pb.AlarmResponse); is && len(list.Alarms) > 0 {
		c.Story.Wrong("alarms: %v", list.Alarms)
	}
	leases := c.same("the leases", func(ctx context.Context, n *Node) (proto.Message, error) {
		list, err := pb.NewLeaseClient(n.Target.Client.ActiveConnection()).LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
		if err == nil {
			sort.Slice(list.Leases, func(a, b int) bool { return list.Leases[a].ID < list.Leases[b].ID })
		}
		return list, err
	})
	if list, is := leases.(*pb.LeaseLeasesResponse); is {
		for _, lease := range list.Leases {
			c.sameLease(lease.ID)
		}
	}
	c.compareHashes()
	c.compareStatus()
}

// same says what differs; the headers' member is the only thing that may.
func (c *Cluster) same(what string, ask func(context.Context, *Node) (proto.Message, error)) proto.Message {
	var first proto.Message
	var of *Node
	for _, node := range c.Nodes() {
		ctx, cancel := context.WithTimeout(context.Background(), callPatience)
		answer, err := ask(ctx, node)
		cancel()
		if err != nil {
			c.Story.Wrong("%s does not tell %s: %v", node, what, err)
			continue
		}
		header := answer.(interface{ GetHeader() *pb.ResponseHeader }).GetHeader()
		if header.GetMemberId() != node.ID {
			c.Story.Wrong("%s calls itself %x", node, header.GetMemberId())
		}
		header.MemberId = 0
		c.Story.Count("answers of members compared", 1)
		if first == nil {
			first, of = answer, node
		} else if !proto.Equal(first, answer) {
			c.Story.Wrong("%s differ:\n  %s: %.3000s\n  %s: %.3000s", what, of, prototext.Format(first), node, prototext.Format(answer))
		}
	}
	return first
}

const callPatience = 10 * time.Second

func (c *Cluster) sameLease(id int64) {
	c.same(fmt.Sprintf("lease %x", id), func(ctx context.Context, n *Node) (proto.Message, error) {
		answer, err := pb.NewLeaseClient(n.Target.Client.ActiveConnection()).LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
		if err != nil {
			return nil, err
		}
		if answer.TTL <= 0 || answer.TTL > answer.GrantedTTL {
			c.Story.Wrong("%s says lease %x has %d s of %d left", n, id, answer.TTL, answer.GrantedTTL)
		}
		answer.TTL = 0
		slices.SortFunc(answer.Keys, slices.Compare)
		return answer, nil
	})
}

// compareHashes asks for the hash at the newest revision, at the oldest that is left, and at some between.
func (c *Cluster) compareHashes() {
	known, compacted := c.Load.Known(), c.Load.Compacted()
	revisions := []int64{0, known, compacted, compacted + 1}
	for range 6 {
		revisions = append(revisions, compacted+c.Random.Int64N(max(1, known-compacted)))
	}
	for _, revision := range revisions {
		byCompaction := map[int64]*pb.HashKVResponse{}
		for _, node := range c.Nodes() {
			ctx, cancel := context.WithTimeout(context.Background(), callPatience)
			answer, err := pb.NewMaintenanceClient(node.Target.Client.ActiveConnection()).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
			cancel()
			if err != nil {
				c.Story.Wrong("%s does not tell the hash of revision %d: %v", node, revision, err)
				continue
			}
			c.Story.Count("hashes compared", 1)
			// Who made a compaction answers for its revision with the hash made then; who got a snapshot since, with one made now.
			if len(byCompaction) > 0 && byCompaction[answer.CompactRevision] == nil && revision != compacted {
				c.Story.Wrong("%s hashes revision %d after compaction %d, others %v", node, revision, answer.CompactRevision, byCompaction)
			}
			if first := byCompaction[answer.CompactRevision]; first == nil {
				byCompaction[answer.CompactRevision] = answer
			} else if first.Hash != answer.Hash || first.HashRevision != answer.HashRevision {
				c.Story.Wrong("the hashes of revision %d differ: %v and, of %s, %v", revision, first, node, answer)
			}
		}
	}
}

// HashesUnderLoad compares hashes while the load goes on, at a revision that all members have.
func (c *Cluster) HashesUnderLoad() {
	type hash struct {
		node           *Node
		value          uint32
		compacted, rev int64
	}
	revision := c.Load.Known() - 20
	var hashes []hash
	for _, node := range c.Here(nil) {
		from := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), callPatience)
		answer, err := pb.NewMaintenanceClient(node.Target.Client.ActiveConnection()).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
		cancel()
		if err != nil {
			excuse := ""
			switch {
			case errors.Is(rpctypes.Error(err), rpctypes.ErrFutureRev), errors.Is(rpctypes.Error(err), rpctypes.ErrCompacted) && revision < c.Load.Compacted():
				excuse = story.Describe(err)
			}
			c.Story.Failed(story.Failure{Member: node.Target.Name, What: "HashKV", From: from, Till: time.Now(), Err: err, Excuse: excuse})
			continue
		}
		hashes = append(hashes, hash{node, answer.Hash, answer.CompactRevision, answer.HashRevision})
	}
	for _, h := range hashes[min(1, len(hashes)):] {
		first := hashes[0]
		// A compaction between two questions changes what is hashed.
		if h.compacted != first.compacted {
			continue
		}
		c.Story.Count("hashes compared", 1)
		if h.value != first.value || h.rev != first.rev {
			c.Story.Wrong("under load, revision %d after compaction %d: %s has hash %d, %s has %d", h.rev, h.compacted, first.node, first.value, h.node, h.value)
		}
	}
}

func (c *Cluster) compareStatus() {
	var first *pb.StatusResponse
	for _, node := range c.Nodes() {
		status, err := node.Status(callPatience)
		if err != nil {
			c.Story.Wrong("%s tells no status: %v", node, err)
			continue
		}
		if len(status.Errors) > 0 {
			c.Story.Wrong("%s has errors in its status: %v", node, status.Errors)
		}
		if first == nil {
			first = status
		}
		if status.Leader != first.Leader || status.RaftTerm != first.RaftTerm || status.Version != first.Version || status.StorageVersion != first.StorageVersion || status.IsLearner {
			c.Story.Wrong("the statuses differ: %v and %v", first, status)
		}
		for _, path := range []string{"/version", "/health"} {
			body, err := get(node, path)
			if err != nil {
				c.Story.Wrong("%s%s: %v", node, path, err)
			}
			if path == "/version" && (body["etcdcluster"] != "3.7.0" || body["etcdserver"] != "3.7.1") {
				c.Story.Wrong("%s%s: %v", node, path, body)
			}
			if path == "/health" && body["health"] != "true" {
				c.Story.Wrong("%s%s: %v", node, path, body)
			}
		}
	}
}

func get(node *Node, path string) (map[string]string, error) {
	answer, err := http.Get(node.ClientURL() + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	body := map[string]string{}
	return body, json.Unmarshal(text, &body)
}

// awaitLeaseEnds waits until exactly those leases are left, on every member, that must be: the long ones.
func (c *Cluster) awaitLeaseEnds() error {
	_, leases := c.Load.Results()
	wanted := map[int64]bool{}
	for id, lease := range leases {
		if lease.RevokedFrom.IsZero() && time.Until(lease.AliveUntil) > time.Minute {
			wanted[id] = true
		}
	}
	deadline := time.Now().Add(verdictPatience)
	for _, node := range c.Nodes() {
		for {
			extra, missing, err := compareLeases(node, wanted)
			extra = slices.DeleteFunc(extra, c.Load.MaybeLease)
			if err == nil && len(extra)+len(missing) == 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s still has the leases %x and lacks %x (%v)", node, extra, missing, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

func compareLeases(node *Node, wanted map[int64]bool) (extra, missing []int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	list, err := node.Target.Client.Leases(ctx)
	if err != nil {
		return nil, nil, err
	}
	found := map[int64]bool{}
	for _, lease := range list.Leases {
		found[int64(lease.ID)] = true
		if !wanted[int64(lease.ID)] {
			extra = append(extra, int64(lease.ID))
		}
	}
	for id := range wanted {
		if !found[id] {
			missing = append(missing, id)
		}
	}
	return extra, missing, nil
}
