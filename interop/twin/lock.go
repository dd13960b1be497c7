package main

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
)

const (
	lock     = "/v3lockpb.Lock/"
	election = "/v3electionpb.Election/"
)

// lockStep takes a free lock or an election's lead, and gives it back.
func (s *sequence) lockStep() {
	id := s.seed*16 + 9
	if s.random.Intn(4) > 0 {
		s.unary(lease+"LeaseGrant", &pb.LeaseGrantRequest{ID: id, TTL: 5000}, &pb.LeaseGrantResponse{}, nil)
	}
	if s.random.Intn(2) == 0 {
		got := s.unary(lock+"Lock", &v3lockpb.LockRequest{Name: []byte("lock"), Lease: id}, &v3lockpb.LockResponse{}, nil)
		key := []byte("lock/nobody")
		if len(got[0].messages) > 0 {
			key = got[0].messages[0].(*v3lockpb.LockResponse).Key
		}
		if s.random.Intn(5) == 0 {
			key = nil
		}
		s.unary(lock+"Unlock", &v3lockpb.UnlockRequest{Key: key}, &v3lockpb.UnlockResponse{}, nil)
	} else {
		s.election(id)
	}
	s.see(s.unary(lease+"LeaseRevoke", &pb.LeaseRevokeRequest{ID: id}, &pb.LeaseRevokeResponse{}, nil))
}

func (s *sequence) election(id int64) {
	name := []byte("election")
	s.unary(election+"Leader", &v3electionpb.LeaderRequest{Name: name}, &v3electionpb.LeaderResponse{}, nil)
	got := s.unary(election+"Campaign", &v3electionpb.CampaignRequest{Name: name, Lease: id, Value: s.value()}, &v3electionpb.CampaignResponse{}, nil)
	var leader *v3electionpb.LeaderKey
	if len(got[0].messages) > 0 && s.random.Intn(6) > 0 {
		leader = got[0].messages[0].(*v3electionpb.CampaignResponse).Leader
	}
	if leader != nil && s.random.Intn(6) == 0 {
		leader.Rev++
	}
	s.unary(election+"Proclaim", &v3electionpb.ProclaimRequest{Leader: leader, Value: s.value()}, &v3electionpb.ProclaimResponse{}, nil)
	s.unary(election+"Leader", &v3electionpb.LeaderRequest{Name: name}, &v3electionpb.LeaderResponse{}, nil)
	s.unary(election+"Resign", &v3electionpb.ResignRequest{Leader: leader}, &v3electionpb.ResignResponse{}, nil)
	s.unary(election+"Leader", &v3electionpb.LeaderRequest{Name: name}, &v3electionpb.LeaderResponse{}, nil)
}
