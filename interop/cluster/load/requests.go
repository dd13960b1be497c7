package load

import (
	"fmt"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

const (
	prefixes    = 4
	keysPerPart = 60
)

func (w *worker) key() []byte {
	return fmt.Appendf(nil, "p%d/k%02d", w.random.IntN(prefixes), w.random.IntN(keysPerPart))
}

func prefix(n int) (from, end []byte) {
	return fmt.Appendf(nil, "p%d/", n), fmt.Appendf(nil, "p%d0", n)
}

// value begins with a token that no other write has.
func (w *worker) value() []byte {
	w.count++
	size := w.random.IntN(200)
	switch w.random.IntN(200) {
	case 0:
		size = 200_000 + w.random.IntN(200_000)
	case 1, 2, 3:
		size = 20_000
	}
	return fmt.Appendf(nil, "w%d-%d|%s", w.id, w.count, strings.Repeat("v", size))
}

func (w *worker) put() *pb.PutRequest {
	r := &pb.PutRequest{Key: w.key(), Value: w.value(), PrevKv: w.random.IntN(4) == 0}
	switch w.random.IntN(12) {
	case 0:
		r.IgnoreValue, r.Value = true, nil
	case 1:
		r.IgnoreLease = true
	case 2, 3, 4:
		r.Lease = w.anyLease()
	}
	return r
}

func (w *worker) anyLease() int64 {
	l := w.load
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.leaseIDs) == 0 {
		return 0
	}
	return l.leaseIDs[w.random.IntN(len(l.leaseIDs))]
}

func (w *worker) deletion() *pb.DeleteRangeRequest {
	r := &pb.DeleteRangeRequest{Key: w.key(), PrevKv: w.random.IntN(2) == 0}
	if w.random.IntN(4) == 0 {
		r.RangeEnd = append(append([]byte(nil), r.Key[:len(r.Key)-1]...), 'z')
	}
	return r
}

func (w *worker) read(serializable bool, revision int64) *pb.RangeRequest {
	r := &pb.RangeRequest{Key: w.key(), Serializable: serializable, Revision: revision}
	switch w.random.IntN(6) {
	case 0:
		r.Key, r.RangeEnd = prefix(w.random.IntN(prefixes))
		r.Limit = int64(w.random.IntN(30))
	case 1:
		r.Key, r.RangeEnd = []byte{0}, []byte{0}
		r.CountOnly = true
	case 2:
		r.Key, r.RangeEnd = prefix(w.random.IntN(prefixes))
		r.KeysOnly = true
	}
	return r
}

// oldRead asks for a revision of the near past, now and then for one that is compacted.
func (w *worker) oldRead() *pb.RangeRequest {
	known := w.load.Known()
	revision := max(1, known-int64(w.random.IntN(600)))
	return w.read(w.random.IntN(2) == 0, revision)
}

// txn never writes a key twice, which would be refused.
func (w *worker) txn(depth int, used map[string]bool) *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for range w.random.IntN(3) {
		r.Compare = append(r.Compare, w.compare())
	}
	for range 1 + w.random.IntN(3) {
		r.Success = append(r.Success, w.op(depth, used))
	}
	for range w.random.IntN(3) {
		r.Failure = append(r.Failure, w.op(depth, used))
	}
	return r
}

func (w *worker) op(depth int, used map[string]bool) *pb.RequestOp {
	n := w.random.IntN(10)
	if n == 0 && depth > 0 {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: w.txn(depth-1, used)}}
	}
	key := w.key()
	if n < 4 || used[string(key)] {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: w.read(false, 0)}}
	}
	used[string(key)] = true
	if n < 8 {
		put := &pb.PutRequest{Key: key, Value: w.value(), PrevKv: w.random.IntN(3) == 0}
		if w.random.IntN(5) == 0 {
			put.Lease = w.anyLease()
		}
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}}
	}
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key, PrevKv: true}}}
}

func (w *worker) compare() *pb.Compare {
	c := &pb.Compare{Key: w.key(), Result: pb.Compare_CompareResult(w.random.IntN(4))}
	switch w.random.IntN(5) {
	case 0:
		c.Target = pb.Compare_VERSION
		c.TargetUnion = &pb.Compare_Version{Version: int64(w.random.IntN(3))}
	case 1:
		c.Target = pb.Compare_CREATE
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: int64(w.random.IntN(2000))}
	case 2:
		c.Target = pb.Compare_MOD
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: w.load.Known() - int64(w.random.IntN(500))}
	case 3:
		c.Target = pb.Compare_VALUE
		c.TargetUnion = &pb.Compare_Value{Value: fmt.Appendf(nil, "w%d", w.random.IntN(8))}
	case 4:
		c.Target = pb.Compare_LEASE
		c.TargetUnion = &pb.Compare_Lease{Lease: w.anyLease()}
	}
	if w.random.IntN(6) == 0 {
		c.Key, c.RangeEnd = prefix(w.random.IntN(prefixes))
	}
	return c
}
