package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"google.golang.org/protobuf/proto"
	"quorate.dev/interop/cluster/fleet"
)

func contains(m *fleet.Member, text string) bool { return strings.Contains(m.Log(), text) }

type question struct {
	method, path, cluster string
	body                  []byte
}

func ask(m *fleet.Member, q question) string {
	request, err := http.NewRequest(q.method, m.PeerURL()+q.path, bytes.NewReader(q.body))
	if err != nil {
		return err.Error()
	}
	if q.cluster != "" {
		request.Header.Set("X-Etcd-Cluster-ID", q.cluster)
	}
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	own := ""
	if response.Header.Get("X-Etcd-Cluster-ID") != "" {
		own = " with its cluster's id"
	}
	return fmt.Sprintf("%d %s %q%s", response.StatusCode, response.Header.Get("Content-Type"), body, own)
}

func encoded(message proto.Message) []byte {
	bytes, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return bytes
}

// peerPort asks the leader and the followers the same; members of both kinds must say the same in the same place.
func (c *cluster) peerPort() {
	leader := c.leader()
	if leader == nil {
		c.wrong("nobody leads")
		return
	}
	id := int64(c.grant(leader, 600, "peer-port"))
	time.Sleep(200 * time.Millisecond)
	renewal := func(id int64) []byte { return encoded(&pb.LeaseKeepAliveRequest{ID: id}) }
	left := func(id int64, keys bool) []byte {
		asked := &pb.LeaseTimeToLiveRequest{ID: id, Keys: keys}
		return encoded(&leasepb.LeaseInternalRequest{LeaseTimeToLiveRequest: asked})
	}
	questions := []question{
		{method: "POST", path: "/leases", body: renewal(id)},
		{method: "GET", path: "/leases"},
		{method: "POST", path: "/leases", body: []byte("\xff\xff")},
		{method: "POST", path: "/leases", body: make([]byte, 70_000)},
		{method: "POST", path: "/leases/internal", body: left(id, false)},
		{method: "POST", path: "/leases/internal", body: left(id, true)},
		{method: "POST", path: "/leases/internal", body: []byte("{}")},
		{method: "PUT", path: "/leases/internal"},
		{method: "GET", path: "/members/hashkv", body: []byte(`{"revision":2}`)},
		{method: "GET", path: "/members/hashkv", body: []byte(`{"revision":1000000000}`)},
		{method: "GET", path: "/members/hashkv", body: []byte(`{"revision":-1}`)},
		{method: "GET", path: "/members/hashkv", body: []byte(`{"revision":"2"}`)},
		{method: "GET", path: "/members/hashkv", body: []byte("nonsense")},
		{method: "GET", path: "/members/hashkv", cluster: "1234", body: []byte("{}")},
		{method: "POST", path: "/members/hashkv", body: []byte("{}")},
	}
	// To a follower, a lease that it does not know is an answer for etcd, and none for ours.
	if leader.Kind == fleet.Quorate {
		questions = append(questions, question{method: "POST", path: "/leases", body: renewal(1)})
	}
	// Only what stands still can be compared: the remaining time of the lease is in the answer.
	for _, q := range questions {
		said := map[string]*fleet.Member{}
		for _, m := range c.followers() {
			said[ask(m, q)] = m
		}
		if len(said) > 1 {
			c.wrong("followers differ on %s %s %.20q:", q.method, q.path, q.body)
			for answer, m := range said {
				c.wrong("  %s says %.200s", m, answer)
			}
		}
		answer := ask(leader, q)
		if wanted, known := leaderSays[q.method+" "+q.path]; known && !strings.Contains(answer, wanted(q)) {
			c.wrong("%s leads and says to %s %s %.20q: %.200s", leader, q.method, q.path, q.body, answer)
		}
	}
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	if _, err := c.clients[leader].Revoke(ctx, clientLease(id)); err != nil {
		c.wrong("revoke: %v", err)
	}
}

// leaderSays: what stands in its answer.
var leaderSays = map[string]func(question) string{
	"POST /leases": func(q question) string {
		switch {
		case len(q.body) > 60_000:
			return `413 text/plain; charset=utf-8 "request body too large\n"`
		case q.body[0] == 0xff:
			return `400 text/plain; charset=utf-8 "error unmarshalling request\n"`
		case len(q.body) < 4:
			return `404 text/plain; charset=utf-8 "lease not found\n"`
		}
		return "200 application/protobuf"
	},
	"POST /leases/internal": func(q question) string {
		if q.body[0] == '{' {
			return `400 text/plain; charset=utf-8 "error unmarshalling request\n"`
		}
		return "200 application/protobuf"
	},
}

func clientLease(id int64) clientv3.LeaseID { return clientv3.LeaseID(id) }
