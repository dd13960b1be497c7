package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
)

var client = &http.Client{
	Timeout:       5 * time.Second,
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// request is one that is sent to a member of each kind; what depends on the member is made by functions.
type request struct {
	name, method, path string
	headers            map[string]string
	body               []byte
	// of makes what names the member itself.
	of func(*cluster.Node) ([]byte, map[string]string)
	// bodyOf cuts what differs for a good reason out of the answer.
	mask func(string) string
}

// answer is what can be compared of an answer.
func (r *run) answer(node *cluster.Node, q request) string {
	body, headers := q.body, map[string]string{}
	for name, value := range q.headers {
		headers[name] = value
	}
	if q.of != nil {
		made, more := q.of(node)
		if made != nil {
			body = made
		}
		for name, value := range more {
			headers[name] = value
		}
	}
	asked, err := http.NewRequest(q.method, node.PeerURL()+q.path, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for name, value := range headers {
		asked.Header.Set(name, value)
	}
	got, err := client.Do(asked)
	r.s.Count("requests to peer ports", 1)
	if err != nil {
		// The texts of Go's client name ports.
		if strings.Contains(err.Error(), "EOF") {
			return "the connection was closed without an answer"
		}
		return err.Error()
	}
	defer got.Body.Close()
	text := ""
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(q.path, "/raft/stream") {
		read, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
		text = string(read)
		// Go cuts some connections in the midst of an answer, and sometimes lets them hang.
		if err != nil {
			text = strings.TrimSuffix(text, "\n") + "\n"
		}
	}
	// Go's protobuf takes one of two spaces for its errors, by a hash of the program that it is built into.
	text = strings.ReplaceAll(text, "\u00a0", " ")
	if q.mask != nil {
		text = q.mask(text)
	}
	lines := []string{fmt.Sprint(got.StatusCode)}
	for _, name := range []string{"Content-Type", "X-Etcd-Cluster-Id", "X-Server-Version", "Allow", "X-Content-Type-Options"} {
		lines = append(lines, fmt.Sprintf("%s: %s", name, got.Header.Get(name)))
	}
	return strings.Join(append(lines, text), "\n")
}

func (r *run) compare(q request) {
	theirs, ours := r.answer(r.goNode, q), r.answer(r.ourNode, q)
	r.s.Count("answers compared", 1)
	if theirs != ours {
		r.s.Wrong("%s: %s %s%s", q.name, q.method, q.path, difference(theirs, ours))
	}
}

// difference is the lines that differ of two answers.
func difference(theirs, ours string) string {
	goLines, ourLines := strings.Split(theirs, "\n"), strings.Split(ours, "\n")
	text := ""
	for i := range max(len(goLines), len(ourLines)) {
		var line [2]string
		for n, lines := range [][]string{goLines, ourLines} {
			if i < len(lines) {
				line[n] = lines[i]
			}
		}
		if line[0] != line[1] {
			text += fmt.Sprintf("\nGo:   %q\nours: %q", line[0], line[1])
		}
	}
	return text
}

func (r *run) clusterID() (string, error) {
	got, err := client.Get(r.goNode.PeerURL() + "/members")
	if err != nil {
		return "", err
	}
	defer got.Body.Close()
	return got.Header.Get("X-Etcd-Cluster-Id"), nil
}

// from are the headers of a peer that is in order.
func (r *run) from(clusterID string, id uint64) map[string]string {
	return map[string]string{
		"X-Server-From": hex(id), "X-Server-Version": "3.7.1", "X-Min-Cluster-Version": "3.0.0", "X-Etcd-Cluster-ID": clusterID,
	}
}

func hex(id uint64) string { return fmt.Sprintf("%x", id) }

func with(headers map[string]string, name, value string) map[string]string {
	changed := map[string]string{}
	for n, v := range headers {
		changed[n] = v
	}
	changed[name] = value
	if value == "" {
		delete(changed, name)
	}
	return changed
}

func marshal(m *raftpb.Message) []byte {
	body, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return body
}

func sized(body []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(len(body))), body...)
}

// requests compares what members of both kinds answer to requests that a peer should not send.
func requests(r *run) error {
	if err := r.boot(fleet.Quorate, fleet.Go, fleet.Quorate); err != nil {
		return err
	}
	id, err := r.clusterID()
	if err != nil {
		return err
	}
	// The sender is a real member, the third: neither of those that are asked.
	good := r.from(id, r.c.Nodes()[0].ID)
	for _, path := range []string{"/raft", "/raft/snapshot", "/raft/stream/message/1", "/raft/stream/msgapp/1"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "HEAD"} {
			r.compare(request{name: "method", method: method, path: path, headers: good})
		}
		method := "POST"
		if strings.Contains(path, "stream") {
			method = "GET"
		}
		for _, c := range [][2]string{
			{"X-Etcd-Cluster-ID", "1234"}, {"X-Etcd-Cluster-ID", "0"}, {"X-Etcd-Cluster-ID", ""}, {"X-Etcd-Cluster-ID", "not hex"},
			{"X-Etcd-Cluster-ID", strings.ToUpper(id)}, {"X-Server-Version", ""}, {"X-Server-Version", "2.3.8"}, {"X-Server-Version", "3.0.0"},
			{"X-Server-Version", "4.0.0"}, {"X-Min-Cluster-Version", "4.0.0"}, {"X-Min-Cluster-Version", "3.8.0"}, {"X-Min-Cluster-Version", ""},
			{"X-Server-From", "zzz"}, {"X-Server-From", ""},
		} {
			r.compare(request{name: c[0] + " " + c[1], method: method, path: path, headers: with(good, c[0], c[1])})
		}
	}
	for _, path := range []string{
		"/", "/raft/", "/raft/x", "/raft/stream/", "/raft/stream/message", "/raft/stream/message/", "/raft/stream/other/1",
		"/raft/stream/message/xyz", "/raft/stream/message/0", "/raft/stream/message/11112222333344445555", "/raft/stream/message/1/2", "/raft/snapshot/", "/raft/probing/x",
		"/members/", "/members/x", "/members/promote/", "/members/promote/zz", "/members/promote/1", "/leases/x", "/metrics", "/health", "/v3/kv/range", "/debug/vars", "/downgrade/enabled", "/members/hashkv",
	} {
		for _, method := range []string{"GET", "POST"} {
			r.compare(request{name: "path", method: method, path: path, headers: good})
		}
	}
	if err := r.leases(good); err != nil {
		return err
	}
	for _, body := range []string{"", "{", "[]", `{"revision":-1}`, `{"revision":99999999}`, `{"revision":"1"}`, `{"revision":1.5}`} {
		r.compare(request{name: "hashkv of " + body, method: "GET", path: "/members/hashkv", headers: good, body: []byte(body), mask: maskRevisions})
	}
	r.bodies(good)
	r.verdict()
	return nil
}

// leases asks what only a leader knows of each kind as the leader, then of each as a follower.
func (r *run) leases(good map[string]string) error {
	ask := func() {
		for _, path := range []string{"/leases", "/leases/internal"} {
			for _, body := range [][]byte{{}, []byte("garbage"), {0x08, 0xff, 0xff}, nil, bytes.Repeat([]byte{1}, 100_000)} {
				// A lease that is not there; in an envelope on one path.
				if body == nil && path == "/leases" {
					body = []byte{0x08, 0x05}
				} else if body == nil {
					body = []byte{0x0a, 0x02, 0x08, 0x05}
				}
				// Go's handler breaks down over an empty body there.
				if len(body) == 0 && path == "/leases/internal" {
					continue
				}
				q := request{name: fmt.Sprintf("lease body of %d", len(body)), method: "POST", path: path, headers: good, body: body}
				r.kept[q.name+path] = append(r.kept[q.name+path], r.answer(r.asked, q))
			}
		}
	}
	// The third member leads while the other two are asked as followers.
	for _, turn := range [][2]*cluster.Node{{r.goNode, r.goNode}, {r.ourNode, r.ourNode}, {r.c.Nodes()[0], r.goNode}, {r.c.Nodes()[0], r.ourNode}} {
		if err := r.c.MoveLeader(turn[0]); err != nil {
			return err
		}
		r.asked = turn[1]
		ask()
	}
	for what, answers := range r.kept {
		r.s.Count("answers compared", 2)
		for i := 0; i < 4; i += 2 {
			// A follower of Go says that a lease it does not know is not there; ours that the leader would know.
			if i == 2 && strings.HasPrefix(answers[2], "404") && strings.HasPrefix(answers[3], "500") && strings.Contains(answers[3], "not a primary lessor") {
				continue
			}
			if answers[i] != answers[i+1] {
				r.s.Wrong("%s (leader: %v)%s", what, i == 0, difference(answers[i], answers[i+1]))
			}
		}
	}
	return nil
}

// The load goes on meanwhile.
func maskRevisions(text string) string {
	if strings.HasPrefix(text, `{"header"`) {
		return "a hash"
	}
	return text
}

// bodies sends what is no message, or one that this member must not take.
func (r *run) bodies(good map[string]string) {
	random := rand.New(rand.NewPCG(*seed, 77))
	sender := r.c.Nodes()[0].ID
	message := func(change func(*raftpb.Message)) func(*cluster.Node) ([]byte, map[string]string) {
		return func(node *cluster.Node) ([]byte, map[string]string) {
			m := &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), To: proto.Uint64(node.ID), From: proto.Uint64(sender), Term: proto.Uint64(1)}
			change(m)
			return marshal(m), nil
		}
	}
	posts := []request{
		{name: "empty"},
		{name: "garbage", body: []byte("this is no message")},
		{name: "cut", of: func(node *cluster.Node) ([]byte, map[string]string) {
			body, _ := message(func(*raftpb.Message) {})(node)
			return body[:len(body)-1], nil
		}},
		{name: "to nobody", of: message(func(m *raftpb.Message) { m.To = proto.Uint64(0) })},
		{name: "to another", of: message(func(m *raftpb.Message) { m.To = proto.Uint64(12345) })},
		{name: "from a stranger", of: message(func(m *raftpb.Message) { m.From = proto.Uint64(12345) })},
		{name: "of an old term", of: message(func(m *raftpb.Message) {})},
	}
	for _, local := range []raftpb.MessageType{
		raftpb.MsgHup, raftpb.MsgBeat, raftpb.MsgUnreachable, raftpb.MsgSnapStatus, raftpb.MsgCheckQuorum, raftpb.MsgStorageAppend,
		raftpb.MsgStorageAppendResp, raftpb.MsgStorageApply, raftpb.MsgStorageApplyResp,
	} {
		posts = append(posts, request{name: "local " + local.String(), of: message(func(m *raftpb.Message) { m.Type = local.Enum() })})
	}
	for n := range 30 {
		size := random.IntN(60)
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		posts = append(posts, request{name: fmt.Sprintf("random bytes %d: %x", n, body), body: body})
	}
	for _, q := range posts {
		q.method, q.path, q.headers = "POST", "/raft", good
		r.compare(q)
	}
	snap := func(change func(*raftpb.Message)) func(*cluster.Node) ([]byte, map[string]string) {
		return func(node *cluster.Node) ([]byte, map[string]string) {
			body, _ := message(change)(node)
			return sized(body), nil
		}
	}
	for _, q := range []request{
		{name: "empty snapshot"},
		{name: "snapshot of a cut length", body: []byte{0, 0, 0}},
		{name: "snapshot longer than its body", body: []byte{0, 0, 0, 0, 0, 0, 0, 9, 1}},
		{name: "snapshot with a huge message", body: []byte{0, 0, 0, 0, 0x10, 0, 0, 0, 1}},
		{name: "snapshot with an enormous message", body: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
		{name: "snapshot with garbage", body: sized([]byte("garbage"))},
		{name: "snapshot that is none", of: snap(func(*raftpb.Message) {})},
	} {
		q.method, q.path, q.headers = "POST", "/raft/snapshot", good
		r.compare(q)
	}
	for _, q := range []request{
		{name: "stream of a stranger", path: "/raft/stream/message/1234"},
		{name: "stream for nobody", path: "/raft/stream/message/" + hex(sender)},
		{name: "stream for another", path: "/raft/stream/msgapp/" + hex(sender), headers: with(good, "X-Raft-To", "1")},
	} {
		q.method = "GET"
		if q.headers == nil {
			q.headers = good
		}
		r.compare(q)
	}
}
