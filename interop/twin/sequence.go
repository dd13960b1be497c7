package main

import (
	"fmt"
	"math/rand"
	"slices"
	"sort"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

const (
	kv          = "/etcdserverpb.KV/"
	lease       = "/etcdserverpb.Lease/"
	maintenance = "/etcdserverpb.Maintenance/"
)

// sequence is one seeded row of requests over a small key space, so that requests meet each other.
type sequence struct {
	pair     *twins
	seed     int64
	random   *rand.Rand
	revision int64 // as last seen in an answer
	compact  int64
	leases   []int64
}

func newSequence(pair *twins, seed int64) *sequence {
	s := &sequence{pair: pair, seed: seed, random: rand.New(rand.NewSource(seed))}
	for i := 0; i < 3; i++ {
		s.leases = append(s.leases, seed*16+int64(i)+1)
	}
	return s
}

func (s *sequence) run() {
	s.pair.sequences++
	first := s.unary(kv+"Range", &pb.RangeRequest{Key: []byte("a")}, &pb.RangeResponse{}, nil)
	s.see(first)
	var watch *watching
	if s.random.Intn(3) == 0 {
		watch = s.startWatching()
	}
	steps := 10 + s.random.Intn(40)
	for i := 0; i < steps; i++ {
		s.step()
		if watch != nil && s.random.Intn(12) == 0 {
			watch.request(s.watchRequest())
		}
	}
	if watch != nil {
		watch.finish()
	}
	s.unary(maintenance+"HashKV", &pb.HashKVRequest{Revision: 0}, &pb.HashKVResponse{}, nil)
	if s.random.Intn(4) == 0 {
		for _, id := range s.leases {
			s.unary(lease+"LeaseRevoke", &pb.LeaseRevokeRequest{ID: id}, &pb.LeaseRevokeResponse{}, nil)
		}
		s.see(s.unary(kv+"DeleteRange", &pb.DeleteRangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}, &pb.DeleteRangeResponse{}, nil))
	}
}

func (s *sequence) see(answers [2]answer) {
	for _, m := range answers[0].messages {
		if holder, ok := m.(interface{ GetHeader() *pb.ResponseHeader }); ok && holder.GetHeader().GetRevision() > s.revision {
			s.revision = holder.GetHeader().GetRevision()
		}
	}
}

func (s *sequence) step() {
	switch n := s.random.Intn(100); {
	case n < 28:
		s.see(s.unary(kv+"Put", s.put(), &pb.PutResponse{}, nil))
	case n < 44:
		request := s.rangeRequest()
		s.see(s.unary(kv+"Range", request, &pb.RangeResponse{}, settleTies(request)))
	case n < 48:
		s.serverStream(kv+"RangeStream", s.rangeRequest(), &pb.RangeStreamResponse{})
	case n < 56:
		s.see(s.unary(kv+"DeleteRange", s.deleteRange(), &pb.DeleteRangeResponse{}, nil))
	case n < 76:
		s.see(s.unary(kv+"Txn", s.txn(3), &pb.TxnResponse{}, nil))
	case n < 79:
		request := &pb.CompactionRequest{Revision: s.anyRevision(), Physical: s.random.Intn(2) == 0}
		s.see(s.unary(kv+"Compact", request, &pb.CompactionResponse{}, nil))
		if !request.Physical {
			time.Sleep(compacting) // Or one side would answer HashKV with the hash that its compaction has left, and the other not yet.
		}
	case n < 89:
		s.leaseStep()
	case n < 92:
		request := &pb.HashKVRequest{Revision: s.anyRevision()}
		s.unary(maintenance+"HashKV", request, &pb.HashKVResponse{}, nil)
	case n < 95:
		s.badStep()
	case n < 97:
		s.alarmStep()
	default:
		s.otherStep()
	}
}

// compacting is longer than it takes either server to carry out a compaction.
const compacting = 40 * time.Millisecond

var names = []string{"a", "b", "c", "d", "aa", "ab", "b\x00", "\x00", "\xff", "\xff\xff", "foo", "foo1", "foo2", "fop", "dir/x", "dir/y", "dir0"}

func (s *sequence) key() []byte {
	if s.random.Intn(60) == 0 {
		return nil
	}
	if s.random.Intn(12) == 0 {
		bytes := make([]byte, 1+s.random.Intn(4))
		s.random.Read(bytes)
		return bytes
	}
	return []byte(names[s.random.Intn(len(names))])
}

func (s *sequence) end(key []byte) []byte {
	switch s.random.Intn(8) {
	case 0, 1, 2:
		return nil
	case 3:
		return []byte{0}
	case 4: // The prefix.
		end := append([]byte(nil), key...)
		for i := len(end) - 1; i >= 0; i-- {
			if end[i] < 0xff {
				end[i]++
				return end[:i+1]
			}
		}
		return []byte{0}
	default:
		return s.key()
	}
}

func (s *sequence) value() []byte {
	sizes := []int{0, 1, 3, 20, 256, 2000}
	bytes := make([]byte, sizes[s.random.Intn(len(sizes))])
	s.random.Read(bytes)
	return bytes
}

// anyRevision is mostly near now, sometimes absurd.
func (s *sequence) anyRevision() int64 {
	switch s.random.Intn(10) {
	case 0:
		return 0
	case 1:
		return -1 - s.random.Int63n(3)
	case 2:
		return s.revision + 1 + s.random.Int63n(3)
	case 3:
		extremes := []int64{1<<63 - 1, -1 << 63, 1<<53 + 1, 1}
		return extremes[s.random.Intn(len(extremes))]
	default:
		return max(0, s.revision-s.random.Int63n(30))
	}
}

func (s *sequence) lease() int64 {
	if s.random.Intn(15) == 0 {
		return []int64{-5, 1<<63 - 1, 999999999}[s.random.Intn(3)]
	}
	return s.leases[s.random.Intn(len(s.leases))]
}

func (s *sequence) put() *pb.PutRequest {
	r := &pb.PutRequest{Key: s.key(), Value: s.value(), PrevKv: s.random.Intn(3) == 0}
	if s.random.Intn(4) == 0 {
		r.Lease = s.lease()
	}
	if s.random.Intn(8) == 0 {
		r.IgnoreValue = true
		if s.random.Intn(4) > 0 {
			r.Value = nil
		}
	}
	if s.random.Intn(8) == 0 {
		r.IgnoreLease = true
		if s.random.Intn(4) > 0 {
			r.Lease = 0
		}
	}
	return r
}

func (s *sequence) rangeRequest() *pb.RangeRequest {
	r := &pb.RangeRequest{Key: s.key(), Serializable: s.random.Intn(3) == 0}
	r.RangeEnd = s.end(r.Key)
	if s.random.Intn(3) == 0 {
		r.Limit = s.random.Int63n(5) - 1
	}
	if s.random.Intn(3) == 0 {
		r.Revision = s.anyRevision()
	}
	if s.random.Intn(4) == 0 {
		r.SortOrder = pb.RangeRequest_SortOrder(s.random.Intn(3))
		r.SortTarget = pb.RangeRequest_SortTarget(s.random.Intn(5))
		if s.random.Intn(15) == 0 {
			r.SortOrder = 7
		}
		if s.random.Intn(15) == 0 {
			r.SortTarget = -2
		}
	}
	r.KeysOnly = s.random.Intn(6) == 0
	r.CountOnly = s.random.Intn(8) == 0
	if s.random.Intn(8) == 0 {
		r.MinModRevision = max(0, s.anyRevision())
	}
	if s.random.Intn(8) == 0 {
		r.MaxModRevision = max(0, s.anyRevision())
	}
	if s.random.Intn(8) == 0 {
		r.MinCreateRevision = s.anyRevision()
	}
	if s.random.Intn(8) == 0 {
		r.MaxCreateRevision = max(0, s.anyRevision())
	}
	return r
}

func (s *sequence) deleteRange() *pb.DeleteRangeRequest {
	r := &pb.DeleteRangeRequest{Key: s.key(), PrevKv: s.random.Intn(3) == 0}
	if s.random.Intn(2) == 0 {
		r.RangeEnd = s.end(r.Key)
	}
	return r
}

func (s *sequence) txn(depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for i := s.random.Intn(3); i > 0; i-- {
		r.Compare = append(r.Compare, s.compare())
	}
	reads := s.random.Intn(5) == 0
	for i := s.random.Intn(4); i > 0; i-- {
		r.Success = append(r.Success, s.op(depth, reads))
	}
	for i := s.random.Intn(3); i > 0; i-- {
		r.Failure = append(r.Failure, s.op(depth, reads))
	}
	if s.random.Intn(80) == 0 {
		for i := 0; i < 129; i++ {
			r.Success = append(r.Success, s.op(0, true))
		}
	}
	return r
}

func (s *sequence) op(depth int, reads bool) *pb.RequestOp {
	n := s.random.Intn(12)
	switch {
	case s.random.Intn(100) == 0:
		return &pb.RequestOp{}
	case reads || n < 3:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: s.rangeRequest()}}
	case n < 7:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: s.put()}}
	case n < 9 || depth == 0:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: s.deleteRange()}}
	default:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: s.txn(depth - 1)}}
	}
}

func (s *sequence) compare() *pb.Compare {
	c := &pb.Compare{Key: s.key(), Result: pb.Compare_CompareResult(s.random.Intn(4)), Target: pb.Compare_CompareTarget(s.random.Intn(5))}
	if s.random.Intn(3) == 0 {
		c.RangeEnd = s.end(c.Key)
	}
	kind := int(c.Target)
	if s.random.Intn(15) == 0 {
		kind = s.random.Intn(6)
	}
	if s.random.Intn(40) == 0 {
		c.Target = 9
	}
	if s.random.Intn(40) == 0 {
		c.Result = 9
	}
	switch kind {
	case 0:
		c.TargetUnion = &pb.Compare_Version{Version: s.random.Int63n(3)}
	case 1:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: max(0, s.anyRevision())}
	case 2:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: s.anyRevision()}
	case 3:
		c.TargetUnion = &pb.Compare_Value{Value: s.value()}
	case 4:
		c.TargetUnion = &pb.Compare_Lease{Lease: s.lease()}
	}
	return c
}

func (s *sequence) leaseStep() {
	switch s.random.Intn(6) {
	case 0, 1:
		ttl := []int64{1000, 2000, 5000, 100000, 9000000000, 9000000001, 1<<63 - 1}[s.random.Intn(7)]
		s.unary(lease+"LeaseGrant", &pb.LeaseGrantRequest{ID: s.lease(), TTL: ttl}, &pb.LeaseGrantResponse{}, nil)
	case 2:
		s.see(s.unary(lease+"LeaseRevoke", &pb.LeaseRevokeRequest{ID: s.lease()}, &pb.LeaseRevokeResponse{}, nil))
	case 3, 4:
		request := &pb.LeaseTimeToLiveRequest{ID: s.lease(), Keys: s.random.Intn(2) == 0}
		s.unary(lease+"LeaseTimeToLive", request, &pb.LeaseTimeToLiveResponse{}, func(m proto.Message) {
			got := m.(*pb.LeaseTimeToLiveResponse)
			if got.TTL > 0 && got.TTL <= got.GrantedTTL && got.TTL > got.GrantedTTL-600 {
				got.TTL = got.GrantedTTL // The clock runs on between the two calls.
			}
			sort.Slice(got.Keys, func(a, b int) bool { return string(got.Keys[a]) < string(got.Keys[b]) })
		})
	default:
		s.unary(lease+"LeaseLeases", &pb.LeaseLeasesRequest{}, &pb.LeaseLeasesResponse{}, func(m proto.Message) {
			got := m.(*pb.LeaseLeasesResponse)
			// Ids that a server made up (Lock and Election without a lease) are its own.
			got.Leases = slices.DeleteFunc(got.Leases, func(l *pb.LeaseStatus) bool { return l.ID > 1<<56 && l.ID < 1<<63-1 })
			sort.Slice(got.Leases, func(a, b int) bool { return got.Leases[a].ID < got.Leases[b].ID })
		})
	}
}

func (s *sequence) badStep() {
	methods := []string{kv + "Put", kv + "Range", kv + "DeleteRange", kv + "Txn", kv + "Compact", lease + "LeaseGrant", maintenance + "HashKV"}
	method := methods[s.random.Intn(len(methods))]
	switch s.random.Intn(8) {
	case 0:
		s.raw(kv+"Nothing", []byte{})
	case 1:
		s.raw("/etcdserverpb.Nobody/Put", []byte{})
	case 2:
		bytes := make([]byte, s.random.Intn(20))
		s.random.Read(bytes)
		s.raw(method, bytes)
	case 3: // A good message, cut.
		bytes, _ := proto.Marshal(s.txn(2))
		s.raw(kv+"Txn", bytes[:s.random.Intn(len(bytes)+1)])
	case 4: // A good message, with one byte changed.
		bytes, _ := proto.Marshal(s.put())
		if len(bytes) > 0 {
			bytes[s.random.Intn(len(bytes))] = byte(s.random.Intn(256))
		}
		s.raw(kv+"Put", bytes)
	case 5:
		bytes, _ := proto.Marshal(s.rangeRequest())
		if len(bytes) > 0 {
			bytes[s.random.Intn(len(bytes))] = byte(s.random.Intn(256))
		}
		s.raw(kv+"Range", bytes)
	case 6:
		if s.random.Intn(10) == 0 {
			s.raw(kv+"Put", make([]byte, 2097152+1+s.random.Intn(100)))
		}
	case 7:
		if s.random.Intn(10) == 0 {
			size := 1572864 - 60 + s.random.Intn(120)
			s.unary(kv+"Put", &pb.PutRequest{Key: []byte("big"), Value: make([]byte, size)}, &pb.PutResponse{}, nil)
			s.unary(kv+"DeleteRange", &pb.DeleteRangeRequest{Key: []byte("big")}, &pb.DeleteRangeResponse{}, nil)
		}
	}
	s.see(s.unary(kv+"Range", &pb.RangeRequest{Key: []byte("a"), CountOnly: true}, &pb.RangeResponse{}, nil))
}

func (s *sequence) alarmStep() {
	id := uint64(s.random.Intn(3))
	request := func(action pb.AlarmRequest_AlarmAction, kind pb.AlarmType) {
		s.unary(maintenance+"Alarm", &pb.AlarmRequest{Action: action, MemberID: id, Alarm: kind}, &pb.AlarmResponse{}, func(m proto.Message) {
			alarms := m.(*pb.AlarmResponse).Alarms
			sort.Slice(alarms, func(a, b int) bool { return fmt.Sprint(alarms[a]) < fmt.Sprint(alarms[b]) })
		})
	}
	kind := pb.AlarmType(1 + s.random.Intn(2))
	request(pb.AlarmRequest_GET, pb.AlarmType(s.random.Intn(3)))
	if s.random.Intn(2) == 0 {
		request(pb.AlarmRequest_ACTIVATE, kind)
		for i := 0; i < 4; i++ {
			switch s.random.Intn(4) {
			case 0:
				s.see(s.unary(kv+"Put", s.put(), &pb.PutResponse{}, nil))
			case 1:
				s.see(s.unary(kv+"Txn", s.txn(2), &pb.TxnResponse{}, nil))
			case 2:
				s.see(s.unary(kv+"DeleteRange", s.deleteRange(), &pb.DeleteRangeResponse{}, nil))
			case 3:
				s.leaseStep()
			}
		}
	}
	request(pb.AlarmRequest_GET, 0)
	request(pb.AlarmRequest_DEACTIVATE, kind)
	request(pb.AlarmRequest_ACTIVATE, 0)
}

func (s *sequence) otherStep() {
	switch s.random.Intn(3) {
	case 0:
		s.unary("/etcdserverpb.Cluster/MemberList", &pb.MemberListRequest{Linearizable: s.random.Intn(2) == 0}, &pb.MemberListResponse{}, func(m proto.Message) {
			for _, member := range m.(*pb.MemberListResponse).Members {
				member.ClientURLs = nil // They listen on different ports.
			}
		})
	case 1:
		s.unary(maintenance+"Status", &pb.StatusRequest{}, &pb.StatusResponse{}, func(m proto.Message) {
			status := m.(*pb.StatusResponse)
			status.DbSize, status.DbSizeInUse = 0, 0
			status.RaftIndex, status.RaftAppliedIndex = 0, 0
		})
	case 2:
		s.lockStep()
	}
}
