// Package history is etcd's key space as a plain map, too slow and too simple to be wrong: what every answer is judged by.
package history

import (
	"bytes"
	"maps"
	"slices"
	"sort"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// State is the key space at one revision.
type State struct {
	Revision int64
	kvs      map[string]*mvccpb.KeyValue
	keys     []string
}

func NewState() *State { return &State{Revision: 1, kvs: map[string]*mvccpb.KeyValue{}} }

func (s *State) Get(key []byte) *mvccpb.KeyValue { return s.kvs[string(key)] }

func (s *State) put(kv *mvccpb.KeyValue) {
	key := string(kv.Key)
	if s.kvs[key] == nil {
		at := sort.SearchStrings(s.keys, key)
		s.keys = append(s.keys, "")
		copy(s.keys[at+1:], s.keys[at:])
		s.keys[at] = key
	}
	s.kvs[key] = kv
}

func (s *State) remove(key string) {
	delete(s.kvs, key)
	at := sort.SearchStrings(s.keys, key)
	s.keys = append(s.keys[:at], s.keys[at+1:]...)
}

// In says whether a key lies in a range as etcd writes ranges.
func In(key, from, end []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(key, from)
	case len(end) == 1 && end[0] == 0:
		return bytes.Compare(key, from) >= 0
	default:
		return bytes.Compare(key, from) >= 0 && bytes.Compare(key, end) < 0
	}
}

func (s *State) scan(from, end []byte) []*mvccpb.KeyValue {
	var found []*mvccpb.KeyValue
	for at := sort.SearchStrings(s.keys, string(from)); at < len(s.keys); at++ {
		key := []byte(s.keys[at])
		if !In(key, from, end) {
			break
		}
		found = append(found, s.kvs[s.keys[at]])
	}
	return found
}

// Attached are the keys of a lease.
func (s *State) Attached(lease int64) []string {
	var keys []string
	for _, key := range s.keys {
		if s.kvs[key].Lease == lease {
			keys = append(keys, key)
		}
	}
	return keys
}

// Range answers as a member does at this revision, but for the header. Orders and filters are not asked for by the load.
func (s *State) Range(r *pb.RangeRequest) *pb.RangeResponse {
	found := s.scan(r.Key, r.RangeEnd)
	answer := &pb.RangeResponse{Count: int64(len(found))}
	if r.CountOnly {
		return answer
	}
	if r.Limit > 0 && int64(len(found)) > r.Limit {
		found, answer.More = found[:r.Limit], true
	}
	for _, kv := range found {
		if r.KeysOnly {
			kv = &mvccpb.KeyValue{Key: kv.Key, CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision, Version: kv.Version}
		}
		answer.Kvs = append(answer.Kvs, kv)
	}
	return answer
}

// writing is one revision in the making.
type writing struct {
	*State
	events []*mvccpb.Event
}

func (w *writing) revision() int64 {
	if len(w.events) > 0 {
		return w.Revision + 1
	}
	return w.Revision
}

func (w *writing) doPut(r *pb.PutRequest) *pb.PutResponse {
	answer := &pb.PutResponse{}
	old := w.Get(r.Key)
	kv := &mvccpb.KeyValue{Key: r.Key, Value: r.Value, Lease: r.Lease, CreateRevision: w.Revision + 1, ModRevision: w.Revision + 1, Version: 1}
	if old != nil {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
		if r.IgnoreValue {
			kv.Value = old.Value
		}
		if r.IgnoreLease {
			kv.Lease = old.Lease
		}
	}
	if r.PrevKv {
		answer.PrevKv = old
	}
	w.put(kv)
	w.events = append(w.events, &mvccpb.Event{Type: mvccpb.Event_PUT, Kv: kv, PrevKv: old})
	answer.Header = &pb.ResponseHeader{Revision: w.revision()}
	return answer
}

func (w *writing) doDelete(r *pb.DeleteRangeRequest) *pb.DeleteRangeResponse {
	found := w.scan(r.Key, r.RangeEnd)
	answer := &pb.DeleteRangeResponse{Deleted: int64(len(found))}
	for _, kv := range found {
		w.remove(string(kv.Key))
		gone := &mvccpb.KeyValue{Key: kv.Key, ModRevision: w.Revision + 1}
		w.events = append(w.events, &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: gone, PrevKv: kv})
		if r.PrevKv {
			answer.PrevKvs = append(answer.PrevKvs, kv)
		}
	}
	answer.Header = &pb.ResponseHeader{Revision: w.revision()}
	return answer
}

func (w *writing) doTxn(r *pb.TxnRequest, path *decided) *pb.TxnResponse {
	answer := &pb.TxnResponse{Succeeded: path.succeeded, Header: &pb.ResponseHeader{}}
	ops := r.Failure
	if path.succeeded {
		ops = r.Success
	}
	nested := path.nested
	for _, op := range ops {
		var one *pb.ResponseOp
		switch request := op.Request.(type) {
		case *pb.RequestOp_RequestRange:
			found := w.Range(request.RequestRange)
			found.Header = &pb.ResponseHeader{Revision: w.revision()}
			one = &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: found}}
		case *pb.RequestOp_RequestPut:
			one = &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: w.doPut(request.RequestPut)}}
		case *pb.RequestOp_RequestDeleteRange:
			one = &pb.ResponseOp{Response: &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: w.doDelete(request.RequestDeleteRange)}}
		case *pb.RequestOp_RequestTxn:
			one = &pb.ResponseOp{Response: &pb.ResponseOp_ResponseTxn{ResponseTxn: w.doTxn(request.RequestTxn, nested[0])}}
			nested = nested[1:]
		}
		answer.Responses = append(answer.Responses, one)
	}
	return answer
}

// decided is which way a transaction and those in it go: all compares see the state before the first write.
type decided struct {
	succeeded bool
	nested    []*decided
}

func (s *State) decide(r *pb.TxnRequest) *decided {
	d := &decided{succeeded: true}
	for _, c := range r.Compare {
		d.succeeded = d.succeeded && s.holds(c)
	}
	ops := r.Failure
	if d.succeeded {
		ops = r.Success
	}
	for _, op := range ops {
		if inner := op.GetRequestTxn(); inner != nil {
			d.nested = append(d.nested, s.decide(inner))
		}
	}
	return d
}

func (s *State) holds(c *pb.Compare) bool {
	found := s.scan(c.Key, c.RangeEnd)
	if len(found) == 0 {
		if c.Target == pb.Compare_VALUE {
			return false
		}
		return holdsFor(c, &mvccpb.KeyValue{})
	}
	for _, kv := range found {
		if !holdsFor(c, kv) {
			return false
		}
	}
	return true
}

func holdsFor(c *pb.Compare, kv *mvccpb.KeyValue) bool {
	var order int
	switch c.Target {
	case pb.Compare_VALUE:
		order = bytes.Compare(kv.Value, c.GetValue())
	case pb.Compare_CREATE:
		order = compare(kv.CreateRevision, c.GetCreateRevision())
	case pb.Compare_MOD:
		order = compare(kv.ModRevision, c.GetModRevision())
	case pb.Compare_VERSION:
		order = compare(kv.Version, c.GetVersion())
	case pb.Compare_LEASE:
		order = compare(kv.Lease, c.GetLease())
	}
	switch c.Result {
	case pb.Compare_EQUAL:
		return order == 0
	case pb.Compare_NOT_EQUAL:
		return order != 0
	case pb.Compare_GREATER:
		return order > 0
	default:
		return order < 0
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Do carries out one request and moves the state; the answer's header has its revision alone.
func (s *State) Do(request proto.Message) (proto.Message, []*mvccpb.Event) {
	w := &writing{State: s}
	var answer proto.Message
	switch r := request.(type) {
	case *pb.RangeRequest:
		found := s.Range(r)
		found.Header = &pb.ResponseHeader{Revision: s.Revision}
		answer = found
	case *pb.PutRequest:
		answer = w.doPut(r)
	case *pb.DeleteRangeRequest:
		answer = w.doDelete(r)
	case *pb.TxnRequest:
		done := w.doTxn(r, s.decide(r))
		done.Header.Revision = w.revision()
		answer = done
	}
	if len(w.events) > 0 {
		s.Revision++
	}
	return answer, w.events
}

// makes says whether a request, if it were carried out now, would make these events and no others.
func (s *State) makes(request proto.Message, events []*mvccpb.Event) bool {
	tried := &State{Revision: s.Revision, kvs: maps.Clone(s.kvs), keys: slices.Clone(s.keys)}
	_, made := tried.Do(request)
	return sameEvents(made, events)
}

// Apply takes over a revision whose cause is not known.
func (s *State) Apply(events []*mvccpb.Event) {
	for _, e := range events {
		if e.Type == mvccpb.Event_DELETE {
			if s.Get(e.Kv.Key) != nil {
				s.remove(string(e.Kv.Key))
			}
		} else {
			s.put(e.Kv)
		}
	}
	s.Revision++
}
