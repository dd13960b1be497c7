package main

import (
	"bytes"
	"cmp"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// settleTies makes answers comparable where etcd leaves the order open: its sort is not stable, so key-values that rank alike stand in
// any order, and a limit may cut any of them off. That the ranks themselves rise or fall is compared as it is.
func settleTies(request *pb.RangeRequest) func(proto.Message) {
	if request.SortTarget == pb.RangeRequest_KEY {
		return nil
	}
	return func(m proto.Message) {
		kvs := m.(*pb.RangeResponse).Kvs
		for from := 0; from < len(kvs); {
			to := from + 1
			for to < len(kvs) && compareRanks(request.SortTarget, kvs[from], kvs[to]) == 0 {
				to++
			}
			slices.SortFunc(kvs[from:to], func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
			if to == len(kvs) && m.(*pb.RangeResponse).More {
				for _, kv := range kvs[from:] {
					keepRank(request.SortTarget, kv)
				}
			}
			from = to
		}
	}
}

func compareRanks(target pb.RangeRequest_SortTarget, a, b *mvccpb.KeyValue) int {
	switch target {
	case pb.RangeRequest_VERSION:
		return cmp.Compare(a.Version, b.Version)
	case pb.RangeRequest_CREATE:
		return cmp.Compare(a.CreateRevision, b.CreateRevision)
	case pb.RangeRequest_MOD:
		return cmp.Compare(a.ModRevision, b.ModRevision)
	case pb.RangeRequest_VALUE:
		return bytes.Compare(a.Value, b.Value)
	}
	return bytes.Compare(a.Key, b.Key)
}

// keepRank leaves of a key-value only what it was sorted by: which of several alike was kept is open.
func keepRank(target pb.RangeRequest_SortTarget, kv *mvccpb.KeyValue) {
	kept := &mvccpb.KeyValue{}
	switch target {
	case pb.RangeRequest_VERSION:
		kept.Version = kv.Version
	case pb.RangeRequest_CREATE:
		kept.CreateRevision = kv.CreateRevision
	case pb.RangeRequest_MOD:
		kept.ModRevision = kv.ModRevision
	case pb.RangeRequest_VALUE:
		kept.Value = kv.Value
	}
	proto.Reset(kv)
	proto.Merge(kv, kept)
}
