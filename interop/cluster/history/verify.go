package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Call is one request that may read or write keys, and what became of it.
type Call struct {
	Member     string
	From, Till time.Time
	// Floor is the newest revision that anybody had been told of when the call began.
	Floor           int64
	Request, Answer proto.Message
	// Err leaves open whether a write has happened.
	Err error
}

// Lease is what the load knows of a lease.
type Lease struct {
	ID  int64
	TTL time.Duration
	// AliveUntil is the earliest moment at which it may end by itself.
	AliveUntil time.Time
	// RevokedFrom is when its revocation was first asked for.
	RevokedFrom time.Time
}

// Judgement is what all calls and events come to when they are laid side by side.
type Judgement struct {
	Writes, Reads, Events, Revisions int
	// Ambiguous writes are those that happened though their answer was an error.
	Ambiguous, Expired, Revoked int
	Wrongs                      []string
}

func (j *Judgement) wrong(format string, args ...any) {
	j.Wrongs = append(j.Wrongs, fmt.Sprintf(format, args...))
}

// Verify replays the agreed events and asks of each answer whether it is the one that etcd's rules give at its revision:
// writes at the revision they were told, reads at the revision they name and none older than what was known when they began.
func Verify(calls []*Call, log *Log, leases map[int64]*Lease) *Judgement {
	j := &Judgement{}
	writes, reads := map[int64]*Call{}, map[int64][]*Call{}
	var open []*Call
	for _, c := range calls {
		if c.Err != nil {
			if !refused(c.Err) {
				open = append(open, c)
			}
			continue
		}
		at := revisionOf(c.Answer)
		if wrote(c) {
			if other := writes[at]; other != nil {
				j.wrong("two writes were told revision %d: %s and %s", at, brief(other), brief(c))
			}
			writes[at] = c
			j.Writes++
			if at <= c.Floor {
				j.wrong("a write was told revision %d when %d was known before it began: %s", at, c.Floor, brief(c))
			}
			continue
		}
		j.Reads++
		r, isRange := c.Request.(*pb.RangeRequest)
		if isRange && at < c.Floor && !r.Serializable {
			j.wrong("a linearizable read on %s answered from revision %d when %d was known before it began: %s", c.Member, at, c.Floor, brief(c))
		}
		if isRange && r.Revision > 0 {
			if r.Revision > at {
				j.wrong("a read of revision %d was answered at %d", r.Revision, at)
			}
			at = r.Revision
		}
		reads[at] = append(reads[at], c)
	}

	state := NewState()
	seen := map[string]int64{}
	check := func() {
		for _, c := range reads[state.Revision] {
			j.answer(state, c)
		}
		delete(reads, state.Revision)
	}
	check()
	for state.Revision < log.Last {
		revision := state.Revision + 1
		events := log.At(revision)
		if events == nil {
			j.wrong("no watcher has seen revision %d", revision)
			return j
		}
		j.Events += len(events)
		for _, e := range events {
			if e.Type == mvccpb.Event_PUT {
				token := tokenOf(e.Kv.Value)
				// ignore_value writes the same value again.
				if before := state.Get(e.Kv.Key); seen[token] != 0 && (before == nil || tokenOf(before.Value) != token) {
					j.wrong("value %s was written at revision %d and again at %d", token, seen[token], revision)
				}
				seen[token] = revision
			}
		}
		if c := writes[revision]; c != nil {
			wanted, made := state.Do(c.Request)
			if !proto.Equal(wanted, bare(c.Answer)) {
				j.wrong("revision %d on %s: %s\n      answered %s\n      wanted   %s", revision, c.Member, brief(c), short(bare(c.Answer)), short(wanted))
			}
			if !sameEvents(made, events) {
				j.wrong("revision %d: watchers saw %s, but %s makes %s", revision, showEvents(events), brief(c), showEvents(made))
				state.resume(events, revision)
			}
			delete(writes, revision)
		} else {
			j.unanswered(state, events, open, leases, log)
			state.Apply(events)
		}
		check()
	}
	j.Revisions = int(state.Revision)
	for at, c := range writes {
		j.wrong("acknowledged at revision %d on %s, and not in the history, which ends at %d: %s", at, c.Member, log.Last, brief(c))
	}
	for at, list := range reads {
		j.wrong("%d reads answered from revision %d, and the history ends at %d: %s", len(list), at, log.Last, brief(list[0]))
	}
	return j
}

// resume goes on after a difference with what the members have.
func (s *State) resume(events []*mvccpb.Event, revision int64) {
	s.Apply(events)
	s.Revision = revision
}

func (j *Judgement) answer(state *State, c *Call) {
	if r, is := c.Request.(*pb.RangeRequest); is {
		wanted := state.Range(r)
		got := bare(c.Answer).(*pb.RangeResponse)
		got.Header = nil
		if !proto.Equal(wanted, got) {
			j.wrong("at revision %d on %s: %s\n      answered %s\n      wanted   %s", state.Revision, c.Member, brief(c), short(got), short(wanted))
		}
		return
	}
	wanted, events := state.Do(c.Request)
	if len(events) > 0 {
		j.wrong("%s was answered as if it changed nothing at revision %d", brief(c), state.Revision)
	}
	if !proto.Equal(wanted, bare(c.Answer)) {
		j.wrong("at revision %d on %s: %s\n      answered %s\n      wanted   %s", state.Revision, c.Member, brief(c), short(bare(c.Answer)), short(wanted))
	}
}

// unanswered finds the cause of a revision that no answer told of: a write whose answer was lost, or the end of a lease.
func (j *Judgement) unanswered(state *State, events []*mvccpb.Event, open []*Call, leases map[int64]*Lease, log *Log) {
	revision := state.Revision + 1
	for _, c := range open {
		if c.Floor < revision && state.makes(c.Request, events) {
			j.Ambiguous++
			return
		}
	}
	var lease int64
	deletesOnly := true
	for _, e := range events {
		if e.Type == mvccpb.Event_PUT {
			deletesOnly = false
		} else if before := state.Get(e.Kv.Key); before == nil {
			j.wrong("revision %d deletes %s, which is not there", revision, e.Kv.Key)
		} else {
			lease = before.Lease
		}
	}
	if !deletesOnly {
		j.wrong("revision %d was written by nobody: %s", revision, showEvents(events))
		return
	}
	// The end of a lease takes all of its keys, in their order, and nothing else.
	var gone []string
	for _, e := range events {
		gone = append(gone, string(e.Kv.Key))
	}
	if lease != 0 && strings.Join(gone, "\n") == strings.Join(state.Attached(lease), "\n") {
		j.leaseEnded(leases[lease], log.SeenAt(revision), revision)
		return
	}
	j.wrong("revision %d was deleted by nobody: %s", revision, showEvents(events))
}

func (j *Judgement) leaseEnded(lease *Lease, seen time.Time, revision int64) {
	switch {
	case lease == nil:
		j.wrong("revision %d ends a lease that nobody was granted", revision)
	case !lease.RevokedFrom.IsZero() && !seen.Before(lease.RevokedFrom):
		j.Revoked++
	case seen.Before(lease.AliveUntil):
		j.wrong("lease %x ended at revision %d, %s early", lease.ID, revision, lease.AliveUntil.Sub(seen).Round(time.Millisecond))
	default:
		j.Expired++
	}
}

// LongestGap is the longest time in which no write was acknowledged to anybody.
func LongestGap(calls []*Call) time.Duration {
	var times []time.Time
	for _, c := range calls {
		if c.Err == nil && wrote(c) {
			times = append(times, c.Till)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	var longest time.Duration
	for i := 1; i < len(times); i++ {
		longest = max(longest, times[i].Sub(times[i-1]))
	}
	return longest
}

// refused says that nothing was done: the request could not be carried out. Any other error may hide a write.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.OutOfRange:
		return true
	}
	return false
}

func wrote(c *Call) bool {
	switch r := c.Answer.(type) {
	case *pb.PutResponse:
		return true
	case *pb.DeleteRangeResponse:
		return r.Deleted > 0
	case *pb.TxnResponse:
		return changed(r)
	}
	return false
}

func changed(t *pb.TxnResponse) bool {
	for _, op := range t.Responses {
		if op.GetResponsePut() != nil || op.GetResponseDeleteRange().GetDeleted() > 0 {
			return true
		}
		if inner := op.GetResponseTxn(); inner != nil && changed(inner) {
			return true
		}
	}
	return false
}

func revisionOf(answer proto.Message) int64 {
	return answer.(interface{ GetHeader() *pb.ResponseHeader }).GetHeader().GetRevision()
}

// bare is an answer whose header says its revision only.
func bare(answer proto.Message) proto.Message {
	copied := proto.Clone(answer)
	header := copied.(interface{ GetHeader() *pb.ResponseHeader }).GetHeader()
	header.ClusterId, header.MemberId, header.RaftTerm = 0, 0, 0
	return copied
}

// tokenOf is the part of a value that says which write it comes from.
func tokenOf(value []byte) string {
	token, _, _ := strings.Cut(string(value), "|")
	return token
}

func sameEvents(a, b []*mvccpb.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || !proto.Equal(a[i].Kv, b[i].Kv) {
			return false
		}
	}
	return true
}

func brief(c *Call) string { return short(c.Request) }

func short(m proto.Message) string {
	text := fmt.Sprintf("%T{%v}", m, m)
	if len(text) > 1200 {
		text = text[:1200] + "..."
	}
	return text
}

func showEvents(events []*mvccpb.Event) string {
	var parts []string
	for _, e := range events {
		kv := e.Kv
		parts = append(parts, fmt.Sprintf("%s %s create %d mod %d version %d lease %x value %.30q", e.Type, kv.Key, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease, kv.Value))
	}
	return "[" + strings.Join(parts, "; ") + "]"
}
