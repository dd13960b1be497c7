package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"quorate.dev/interop/cluster/fleet"
)

func (s *side) list(ctx context.Context, at string) []*pb.Member {
	response, err := s.cluster(at).MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	if err != nil {
		return nil
	}
	return response.Members
}

func (s *side) add(at, name string, urls []string, isLearner bool) string {
	ctx, cancel := within(15 * time.Second)
	defer cancel()
	response, err := s.cluster(at).MemberAdd(ctx, &pb.MemberAddRequest{PeerURLs: urls, IsLearner: isLearner})
	if err != nil {
		return failed(err)
	}
	s.learn(name, response.Member.ID)
	return fmt.Sprintf("%s: %s, %s", s.header(response.Header, at), s.show([]*pb.Member{response.Member}), s.show(response.Members))
}

func (s *side) addSelf(at, name string, isLearner bool) string {
	return s.add(at, name, []string{s.member(name).PeerURL()}, isLearner)
}

func (s *side) remove(at string, id uint64) string {
	ctx, cancel := within(15 * time.Second)
	defer cancel()
	response, err := s.cluster(at).MemberRemove(ctx, &pb.MemberRemoveRequest{ID: id})
	if err != nil {
		return failed(err)
	}
	return s.header(response.Header, at) + ": " + s.show(response.Members)
}

func (s *side) update(at string, id uint64, urls ...string) string {
	ctx, cancel := within(15 * time.Second)
	defer cancel()
	response, err := s.cluster(at).MemberUpdate(ctx, &pb.MemberUpdateRequest{ID: id, PeerURLs: urls})
	if err != nil {
		return failed(err)
	}
	return s.header(response.Header, at) + ": " + s.show(response.Members)
}

func (s *side) promote(at string, id uint64) string {
	ctx, cancel := within(15 * time.Second)
	defer cancel()
	response, err := s.cluster(at).MemberPromote(ctx, &pb.MemberPromoteRequest{ID: id})
	if err != nil {
		return failed(err)
	}
	return s.header(response.Header, at) + ": " + s.show(response.Members)
}

func (s *side) listing(at string, linearizable bool) string {
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	response, err := s.cluster(at).MemberList(ctx, &pb.MemberListRequest{Linearizable: linearizable})
	if err != nil {
		return failed(err)
	}
	return s.header(response.Header, at) + ": " + s.show(response.Members)
}

func (s *side) status(at string) *pb.StatusResponse {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	response, err := s.maintenance(at).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return &pb.StatusResponse{Version: failed(err)}
	}
	return response
}

func (s *side) standing(at string) string {
	status := s.status(at)
	return fmt.Sprintf("version %s storage %s leader %v learner %v downgrade %v errors %v quota %d",
		status.Version, status.StorageVersion, status.Leader != 0, status.IsLearner, status.DowngradeInfo, status.Errors, status.DbSizeQuota)
}

func (s *side) leader() string { return s.name(s.status(s.anyone()).Leader) }

// follower is a voter that does not lead.
func (s *side) follower() string {
	leader := s.leader()
	for _, name := range []string{"m1", "m2", "m3", "m6"} {
		if name != leader && s.member(name).Running() {
			return name
		}
	}
	return ""
}

// tooEarly: within the first five seconds nobody counts as connected.
func tooEarly(t *twin) {
	t.both("add a voter before anybody is connected for long", func(s *side) string {
		return s.add("m1", "early", []string{"http://127.0.0.1:1"}, false)
	})
	t.both("remove a voter before that", func(s *side) string { return s.remove("m1", s.id("m2")) })
}

func describe(t *twin) {
	// The leader looks at all versions again after 4 seconds.
	t.must("a cluster version of 3.7", func(s *side) error {
		return until("cluster version 3.7", func() bool {
			return strings.Contains(get(s.member("m1").ClientURL()+"/version"), `"etcdcluster":"3.7.0"`) &&
				s.status("m1").StorageVersion == "3.7.0" && s.status("m2").StorageVersion == "3.7.0" && s.status("m3").StorageVersion == "3.7.0"
		})
	})
	for _, at := range first {
		t.both("members, linearizable, at "+at, func(s *side) string { return s.listing(at, true) })
		t.both("members, serializable, at "+at, func(s *side) string { return s.listing(at, false) })
		t.both("status of "+at, func(s *side) string { return s.standing(at) })
		for _, path := range []string{"/version", "/downgrade/enabled", "/members/", "/members/promote/", "/members/promote/x", "/nothing"} {
			t.both("GET "+path+" of the peer port of "+at, func(s *side) string { return s.plain(get(s.member(at).PeerURL() + path)) })
		}
		t.both("GET /members of the peer port of "+at, func(s *side) string {
			// The order is that of the ids, which differ.
			text := s.plain(get(s.member(at).PeerURL() + "/members"))
			return fmt.Sprint(len(text), strings.Count(text, "id-of-"), strings.HasSuffix(text, "}]\n"))
		})
	}
	for _, path := range []string{"/members/promote/x", "/members/promote/5", "/members/promote/-5", "/members/promote/99999999999999999999", "/members", "/downgrade/enabled"} {
		t.both("POST "+path+" to the leader", func(s *side) string { return post(s.member(s.leader()).PeerURL() + path) })
	}
	t.both("POST /members/promote of a voter", func(s *side) string {
		return post(fmt.Sprintf("%s/members/promote/%d", s.member(s.leader()).PeerURL(), s.id("m1")))
	})
}

func refusals(t *twin) {
	for _, urls := range [][]string{
		nil, {""}, {"127.0.0.1:1"}, {"http://127.0.0.1"}, {"http://127.0.0.1:1/path"}, {"ftp://127.0.0.1:1"}, {"http://127.0.0.1:1", "nonsense"},
	} {
		t.both(fmt.Sprintf("add a member at %q", urls), func(s *side) string { return s.add("m1", "bad", urls, false) })
	}
	for _, isLearner := range []bool{false, true} {
		t.both(fmt.Sprintf("add a member at the URL of another, a learner: %v", isLearner), func(s *side) string {
			return s.add("m2", "bad", []string{"http://127.0.0.1:1", s.member("m1").PeerURL()}, isLearner)
		})
	}
	for _, at := range []func(*side) string{(*side).leader, (*side).follower} {
		t.both("remove a member that is none", func(s *side) string { return s.remove(at(s), 5) })
		t.both("update a member that is none", func(s *side) string { return s.update(at(s), 5, "http://127.0.0.1:1") })
		t.both("promote a member that is none", func(s *side) string { return s.promote(at(s), 5) })
		t.both("promote a voter", func(s *side) string { return s.promote(at(s), s.id("m2")) })
	}
}

func learner(t *twin) {
	t.both("add a learner", func(s *side) string { return s.addSelf(s.follower(), "m4", true) })
	t.both("members with one that has not started", func(s *side) string { return s.listing("m1", true) })
	t.both("add a second learner", func(s *side) string { return s.add("m1", "bad", []string{"http://127.0.0.1:1"}, true) })
	t.both("promote one that has not started, at the leader", func(s *side) string { return s.promote(s.leader(), s.id("m4")) })
	t.both("promote one that has not started, at a follower", func(s *side) string { return s.promote(s.follower(), s.id("m4")) })
	t.both("move leadership to a learner", func(s *side) string { return s.move(s.leader(), s.id("m4")) })
	t.both("remove the learner", func(s *side) string { return s.remove("m3", s.id("m4")) })
	t.both("remove it again", func(s *side) string { return s.remove("m3", s.id("m4")) })
	t.both("update what was removed", func(s *side) string { return s.update("m3", s.id("m4"), "http://127.0.0.1:1") })
	t.both("promote what was removed", func(s *side) string { return s.promote(s.leader(), s.id("m4")) })
	t.both("add another learner", func(s *side) string { return s.addSelf("m2", "m5", true) })
	t.must("start the learner", func(s *side) error {
		if err := s.member("m5").Start(s.initial("m1", "m2", "m3", "m5"), "existing"); err != nil {
			return err
		}
		return until("a learner that has told its name", func() bool {
			return s.meet(4) && s.status("m5").Leader != 0 && s.status("m5").StorageVersion == "3.7.0"
		})
	})
	served(t)
}

// served is what a learner answers itself.
func served(t *twin) {
	t.both("status of a learner", func(s *side) string { return s.standing("m5") })
	t.both("its members", func(s *side) string { return s.listing("m5", false) })
	ctx := context.Background()
	for what, call := range map[string]func(*side) error{
		"a serializable range": func(s *side) error {
			_, err := pb.NewKVClient(s.conn("m5")).Range(ctx, &pb.RangeRequest{Key: []byte("a"), Serializable: true})
			return err
		},
		"a range": func(s *side) error {
			_, err := pb.NewKVClient(s.conn("m5")).Range(ctx, &pb.RangeRequest{Key: []byte("a")})
			return err
		},
		"a put": func(s *side) error {
			_, err := pb.NewKVClient(s.conn("m5")).Put(ctx, &pb.PutRequest{Key: []byte("a")})
			return err
		},
		"a hash": func(s *side) error {
			_, err := s.maintenance("m5").HashKV(ctx, &pb.HashKVRequest{})
			return err
		},
		"a lease": func(s *side) error {
			_, err := pb.NewLeaseClient(s.conn("m5")).LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: 10})
			return err
		},
		"a watch": func(s *side) error {
			stream, err := pb.NewWatchClient(s.conn("m5")).Watch(ctx)
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"a health check": func(s *side) error {
			_, err := healthpb.NewHealthClient(s.conn("m5")).Check(ctx, &healthpb.HealthCheckRequest{})
			return err
		},
		"a snapshot": func(s *side) error {
			stream, err := s.maintenance("m5").Snapshot(ctx, &pb.SnapshotRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"a change of members": func(s *side) error {
			_, err := s.cluster("m5").MemberRemove(ctx, &pb.MemberRemoveRequest{ID: 5})
			return err
		},
		"a keepalive": func(s *side) error {
			stream, err := pb.NewLeaseClient(s.conn("m5")).LeaseKeepAlive(ctx)
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		t.both("of a learner, "+what, func(s *side) string {
			if err := call(s); err != nil {
				return failed(err)
			}
			return "answered"
		})
	}
	for _, path := range []string{"/health", "/readyz", "/livez", "/version"} {
		t.both(path+" of a learner", func(s *side) string {
			// Checks are listed in the order of a map.
			lines := strings.Split(get(s.member("m5").ClientURL()+path), "\n")
			for i, line := range lines {
				lines[i] = line[max(0, strings.Index(line, "[")):]
			}
			sort.Strings(lines)
			return strings.Join(lines, "\n")
		})
	}
}

func (s *side) move(at string, to uint64) string {
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	response, err := s.maintenance(at).MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: to})
	if err != nil {
		return failed(err)
	}
	return s.header(response.Header, at)
}

func leaders(t *twin) {
	t.both("move leadership, asked of a follower", func(s *side) string { return s.move(s.follower(), s.id("m1")) })
	t.both("move leadership to nobody", func(s *side) string { return s.move(s.leader(), 5) })
	t.both("move leadership to the leader", func(s *side) string { return s.move(s.leader(), s.id(s.leader())) })
	t.both("move leadership to a follower, and whether it leads", func(s *side) string {
		to := s.follower()
		answer := s.move(s.leader(), s.id(to))
		return fmt.Sprint(answer, ", ", s.leader() == to)
	})
	t.both("stop the leader: what it says, how it ends, who leads", func(s *side) string {
		old := s.leader()
		end := s.member(old).Stop(syscall.SIGTERM)
		said := s.logged(old, []string{"leadership transfer starting", "leadership transfer finished"})
		moved := until("another leader", func() bool { return s.leader() != old && s.leader() != "unknown" })
		err := s.member(old).Start("ignored=http://127.0.0.1:1", "new")
		if err == nil {
			err = until("it is back", func() bool { return s.status(old).Leader != 0 })
		}
		return fmt.Sprint(end, " ", said, " ", moved, " ", err)
	})
}

func promotion(t *twin) {
	t.must("a learner that has everything", func(s *side) error {
		return until("the same index", func() bool { return s.status("m5").RaftAppliedIndex == s.status(s.leader()).RaftAppliedIndex })
	})
	t.both("promote the learner at a follower", func(s *side) string { return s.promote(s.follower(), s.id("m5")) })
	t.both("promote it again, at the leader", func(s *side) string { return s.promote(s.leader(), s.id("m5")) })
	t.both("status of what was a learner", func(s *side) string { return s.standing("m5") })
	t.both("a put on what was a learner", func(s *side) string {
		_, err := pb.NewKVClient(s.conn("m5")).Put(context.Background(), &pb.PutRequest{Key: []byte("a")})
		return fmt.Sprint(err)
	})
	t.both("update a member by a second URL", func(s *side) string {
		return s.update("m1", s.id("m5"), s.member("m5").PeerURL(), "http://127.0.0.1:2")
	})
	t.both("update it back", func(s *side) string { return s.update("m1", s.id("m5"), s.member("m5").PeerURL()) })
}

func strictness(t *twin) {
	// Four have started; as many may be added as leave them a quorum.
	time.Sleep(6 * time.Second)
	for i := range 5 {
		t.both(fmt.Sprintf("add voter %d that does not start", i+1), func(s *side) string {
			return s.add("m1", fmt.Sprintf("idle%d", i), []string{fmt.Sprintf("http://127.0.0.1:%d", 10+i)}, false)
		})
	}
	t.both("remove one of four that run, with others that do not", func(s *side) string { return s.remove("m1", s.id("m5")) })
	t.both("a learner beside voters that do not run", func(s *side) string { return s.add("m1", "idle9", []string{"http://127.0.0.1:20"}, true) })
	t.both("remove it", func(s *side) string { return s.remove("m1", s.id("idle9")) })
	for i := range 4 {
		t.both(fmt.Sprintf("remove voter %d that did not start", i+1), func(s *side) string {
			return s.remove("m2", s.id(fmt.Sprintf("idle%d", i)))
		})
	}
	t.both("members after all that", func(s *side) string { return s.listing("m3", true) })
	t.must("m1 leads", func(s *side) error {
		s.move(s.leader(), s.id("m1"))
		return until("m1 leads", func() bool { return s.leader() == "m1" })
	})
	t.both("stop two of four, one after the other, and remove them", func(s *side) string {
		s.member("m5").Stop(syscall.SIGKILL)
		time.Sleep(time.Second)
		answers := []string{s.remove("m2", s.id("m5"))}
		s.member("m3").Stop(syscall.SIGKILL)
		time.Sleep(time.Second)
		answers = append(answers, s.remove("m1", s.id("m2")), s.remove("m1", s.id("m1")), s.remove("m2", s.id("m3")))
		return strings.Join(answers, " | ")
	})
	t.both("add a replacement", func(s *side) string { return s.addSelf("m1", "m6", false) })
	t.must("start the replacement", func(s *side) error {
		if err := s.member("m6").Start(s.initial("m1", "m2", "m6"), "existing"); err != nil {
			return err
		}
		return until("three members", func() bool { return s.meet(3) })
	})
	for _, name := range []string{"m3", "m5"} {
		t.both("a removed member comes back: how it ends and what it says", func(s *side) string {
			if err := s.member(name).Start(s.initial("m1", "m2", "m3", "m5"), "existing"); err != nil {
				return err.Error()
			}
			return s.ended(name)
		})
	}
}

// ended is the end of a member that was removed.
func (s *side) ended(name string) string {
	end := s.member(name).WaitEnd(20 * time.Second)
	if s.kind == fleet.Go && end == "1" {
		// Removed before it served, etcd ends with 0 or 1, as two of its goroutines happen to run.
		end = "0"
	}
	said := s.logged(name, []string{"server error", "data-dir used by this member must be removed"}, "level", "error")
	return end + " " + said
}

func wrongStarts(t *twin) {
	start := func(what, name string, flags func(*side) (string, string)) {
		t.both("start "+what, func(s *side) string {
			m := s.member(name)
			initial, state := flags(s)
			os.RemoveAll(m.DataDir)
			if err := m.Start(initial, state); err != nil {
				return err.Error()
			}
			end := m.WaitEnd(25 * time.Second)
			m.Stop(syscall.SIGKILL)
			text := s.logged(name, []string{"discovery failed", "failed to start"}, "error")
			// What etcd prints of its members stands in the order of a map.
			from, to := strings.Index(text, "{ClusterID"), strings.Index(text, "RemovedMemberIDs:[]}")
			if from >= 0 && to > from {
				text = text[:from] + text[to:]
			}
			// Which of the others was compared last is a matter of their ids.
			text = regexp.MustCompile(` != "[^"]*"`).ReplaceAllString(text, "")
			os.Remove(m.LogPath)
			return end + " " + text
		})
	}
	start("a member that the flags do not name", "w1", func(s *side) (string, string) { return s.initial("m1", "m2"), "existing" })
	start("one that the cluster was not told of", "w2", func(s *side) (string, string) {
		return s.initial("m1", "m2", "m6", "w2"), "existing"
	})
	start("one that names too few", "w3", func(s *side) (string, string) { return s.initial("m1", "w3"), "existing" })
	start("one in the place of another", "w4", func(s *side) (string, string) { return s.initial("m1", "m2", "w4"), "existing" })
	start("one whose peers are not there", "w5", func(s *side) (string, string) { return s.initial("w6", "w5"), "existing" })
	start("one at the URL of another", "w7", func(s *side) (string, string) {
		return s.initial("w7") + ",other=" + s.member("w7").PeerURL(), "new"
	})
	start("one that was there before, as if it were new", "m2", func(s *side) (string, string) {
		s.member("m2").Stop(syscall.SIGTERM)
		os.Rename(s.member("m2").DataDir, s.member("m2").DataDir+".kept")
		os.Remove(s.member("m2").LogPath)
		return s.initial(first...), "new" // The id comes from the URLs alone.
	})
	t.must("bring it back", func(s *side) error {
		m := s.member("m2")
		os.RemoveAll(m.DataDir)
		if err := os.Rename(m.DataDir+".kept", m.DataDir); err != nil {
			return err
		}
		if err := m.Start("", "new"); err != nil {
			return err
		}
		return until("it is back", func() bool { return s.status("m2").Leader != 0 })
	})
}

func removal(t *twin) {
	time.Sleep(6 * time.Second)
	// Asked of itself, a Go leader may be told by others that it is gone before it answers.
	t.both("remove the leader, asked of a follower", func(s *side) string {
		leader := s.leader()
		answer := s.remove(s.follower(), s.id(leader))
		end := s.ended(leader)
		err := until("another leads", func() bool { return s.leader() != leader && s.leader() != "unknown" })
		s.learn("gone", s.id(leader))
		s.forget(leader)
		parts := strings.SplitN(answer, ":", 2)
		return fmt.Sprint(parts[0], strings.Count(answer, "name="), " ", end, " ", err)
	})
	t.both("update a member to the URL of another", func(s *side) string {
		return s.plain(s.update(s.anyone(), s.id("m6"), s.member(s.anyone()).PeerURL()))
	})
	t.both("what is left", func(s *side) string {
		ctx, cancel := within(5 * time.Second)
		defer cancel()
		members := s.list(ctx, s.anyone())
		kv := clientv3.NewKVFromKVClient(pb.NewKVClient(s.conn(s.anyone())), nil)
		_, err := kv.Put(ctx, "after", "all")
		return fmt.Sprint(len(members), err)
	})
}

// forget drops a member that is no more: what is asked from now on is asked of others.
func (s *side) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, name)
}

func (s *side) downgrade(at string, action pb.DowngradeRequest_DowngradeAction, version string) string {
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	response, err := s.maintenance(at).Downgrade(ctx, &pb.DowngradeRequest{Action: action, Version: version})
	if err != nil {
		return failed(err)
	}
	h := response.Header
	return fmt.Sprintf("version %s, header revision %v, from %v", response.Version, h.Revision > 0, s.name(h.MemberId) == at)
}

func (s *side) clusterVersion(version string) func() bool {
	return func() bool {
		return strings.Contains(get(s.member(s.anyone()).PeerURL()+"/version"), `"etcdcluster":"`+version+`"`)
	}
}

func downgrade(t *twin) {
	const validate, enable, cancel = pb.DowngradeRequest_VALIDATE, pb.DowngradeRequest_ENABLE, pb.DowngradeRequest_CANCEL
	ask := func(what string, action pb.DowngradeRequest_DowngradeAction, versions ...string) {
		for _, version := range versions {
			t.both(fmt.Sprintf("%s a downgrade to %q", what, version), func(s *side) string { return s.downgrade(s.anyone(), action, version) })
		}
	}
	versions := []string{"3.6", "3.6.0", "3.6.5", "3.5", "3.7", "3.8", "4.6", "", "x", "3", "3.6.x", "3.6.0.0", "v3.6"}
	ask("validate", validate, versions...)
	ask("enable", enable, versions[3:]...)
	ask("cancel", cancel, "")
	ask("do something else with", 7, "3.6")
	ask("enable", enable, "3.6")
	ask("enable again", enable, "3.6", "3.5")
	ask("validate, while one is going on,", validate, "3.6", "3.5")
	t.must("the cluster goes down", func(s *side) error {
		return until("cluster version 3.6", func() bool {
			return s.clusterVersion("3.6.0")() && s.status(s.anyone()).StorageVersion == "3.6.0"
		})
	})
	t.both("status on the way down", func(s *side) string { return s.standing(s.anyone()) })
	t.both("/downgrade/enabled", func(s *side) string { return get(s.member(s.anyone()).PeerURL() + "/downgrade/enabled") })
	ask("validate, at 3.6,", validate, "3.5", "3.6")
	ask("cancel", cancel, "")
	t.must("the cluster goes up again", func(s *side) error {
		return until("cluster version 3.7", func() bool {
			return s.clusterVersion("3.7.0")() && s.status(s.anyone()).StorageVersion == "3.7.0"
		})
	})
	t.both("status afterwards", func(s *side) string { return s.standing(s.anyone()) })
}

// forced: all are lost but one, which goes on alone, and the cluster grows again from it.
func forced(t *twin) {
	t.both("go on alone: members, status, a put", func(s *side) string {
		name := s.anyone()
		for _, m := range s.members {
			m.Stop(syscall.SIGKILL)
		}
		if err := s.member(name).Start("ignored=http://127.0.0.1:1", "new", "--force-new-cluster"); err != nil {
			return err.Error()
		}
		if err := until("it leads", func() bool { return s.leader() == name }); err != nil {
			return err.Error()
		}
		_, err := pb.NewKVClient(s.conn(name)).Put(context.Background(), &pb.PutRequest{Key: []byte("alone")})
		list := strings.ReplaceAll(s.listing(name, true), name, "the last")
		return fmt.Sprint(list, s.standing(name), err, s.logged(name, []string{"forcing restart member"}, "level"))
	})
	t.both("start it again, without force, and add a member", func(s *side) string {
		name := s.anyone()
		end := s.member(name).Stop(syscall.SIGTERM)
		if err := s.member(name).Start("ignored=http://127.0.0.1:1", "new"); err != nil {
			return err.Error()
		}
		if err := until("it leads", func() bool { return s.leader() == name }); err != nil {
			return err.Error()
		}
		answer := s.addSelf(name, "m7", false)
		if err := s.member("m7").Start(s.initial(name, "m7"), "existing"); err != nil {
			return err.Error()
		}
		err := until("two members", func() bool { return s.meet(2) })
		return strings.ReplaceAll(fmt.Sprint(end, " ", answer, " ", err), name, "the last")
	})
}
