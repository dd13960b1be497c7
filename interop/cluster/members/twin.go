package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"quorate.dev/interop/cluster/fleet"
)

// side is one of the two clusters. Ids and ports differ between them, so what is compared names members by their names.
type side struct {
	kind    fleet.Kind
	fleet   *fleet.Fleet
	mu      sync.Mutex
	members map[string]*fleet.Member
	conns   map[string]*grpc.ClientConn
	ids     map[string]uint64
}

func newSide(kind fleet.Kind, f *fleet.Fleet) *side {
	return &side{
		kind: kind, fleet: f,
		members: map[string]*fleet.Member{}, conns: map[string]*grpc.ClientConn{}, ids: map[string]uint64{},
	}
}

func (s *side) member(name string) *fleet.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[name] == nil {
		s.members[name] = s.fleet.NewMember(name, s.kind)
	}
	return s.members[name]
}

func (s *side) conn(name string) *grpc.ClientConn {
	m := s.member(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[name] == nil {
		conn, err := grpc.NewClient(m.Client, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			panic(err)
		}
		s.conns[name] = conn
	}
	return s.conns[name]
}

func (s *side) cluster(name string) pb.ClusterClient { return pb.NewClusterClient(s.conn(name)) }
func (s *side) maintenance(name string) pb.MaintenanceClient {
	return pb.NewMaintenanceClient(s.conn(name))
}

func (s *side) id(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.ids[name]; ok {
		return id
	}
	return 0xdead
}

func (s *side) learn(name string, id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[name] = id
}

func (s *side) name(id uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, known := range s.ids {
		if known == id {
			return name
		}
	}
	return "unknown"
}

// plain replaces what differs between the two clusters by names.
func (s *side) plain(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, m := range s.members {
		text = strings.ReplaceAll(text, m.Peer, name+".peer")
		text = strings.ReplaceAll(text, m.Client, name+".client")
	}
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, fmt.Sprintf("%x", id), "id-of-"+name)
		text = strings.ReplaceAll(text, fmt.Sprint(id), "id-of-"+name)
	}
	return text
}

func (s *side) show(members []*pb.Member) string {
	ascending := sort.SliceIsSorted(members, func(a, b int) bool { return members[a].ID < members[b].ID })
	var lines []string
	for _, m := range members {
		line := fmt.Sprintf("%s name=%q peers=%v clients=%v learner=%v", s.name(m.ID), m.Name, m.PeerURLs, m.ClientURLs, m.IsLearner)
		lines = append(lines, s.plain(line))
	}
	sort.Strings(lines)
	return fmt.Sprintf("{%s} by id: %v", strings.Join(lines, "; "), ascending)
}

func (s *side) header(h *pb.ResponseHeader, asked string) string {
	if h == nil {
		return "no header"
	}
	return fmt.Sprintf("revision %d, from %v, term %v", h.Revision, s.name(h.MemberId) == asked, h.RaftTerm > 1)
}

func failed(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", st.Code(), st.Message())
}

// within bounds a call; what takes longer is a difference, for etcd answers all that is asked here at once.
func within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// twin asks both clusters the same.
type twin struct {
	sides   [2]*side
	verbose bool
	asked   int
	wrong   int
}

func (t *twin) both(what string, call func(*side) string) {
	t.asked++
	var answers [2]string
	var wait sync.WaitGroup
	for i, s := range t.sides {
		wait.Add(1)
		go func() {
			defer wait.Done()
			answers[i] = call(s)
		}()
	}
	wait.Wait()
	if answers[0] != answers[1] {
		t.wrong++
		fmt.Printf("  differs: %s\n    etcd:    %s\n    quorate: %s\n", what, answers[0], answers[1])
	} else if t.verbose {
		fmt.Printf("  %s: %s\n", what, answers[0])
	}
}

// must is a step without which the rest says nothing.
func (t *twin) must(what string, step func(*side) error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for _, s := range t.sides {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := step(s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				t.wrong++
				fmt.Printf("  %s: %s: %v\n", s.kind, what, err)
			}
		}()
	}
	wait.Wait()
}

// until waits for `holds`, as long as a cluster may need to come to rest.
func until(what string, holds func() bool) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return nil
		}
	}
	return fmt.Errorf("never came to it: %s", what)
}

func get(url string) string {
	client := http.Client{Timeout: 5 * time.Second}
	return answerOf(client.Get(url))
}

func post(url string) string {
	client := http.Client{Timeout: 10 * time.Second}
	return answerOf(client.Post(url, "", nil))
}

func answerOf(response *http.Response, err error) string {
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s cluster id %v allow %q: %s", response.StatusCode, response.Header.Get("Content-Type"),
		response.Header.Get("X-Etcd-Cluster-ID") != "", response.Header.Get("Allow"), body)
}

// logged are the fields `keys` of the lines of the member's log with one of these messages, in their order.
func (s *side) logged(name string, messages []string, keys ...string) string {
	var lines []string
	for _, line := range strings.Split(s.member(name).Log(), "\n") {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			continue
		}
		for _, message := range messages {
			if fields["msg"] != message {
				continue
			}
			shown := []string{message}
			for _, key := range keys {
				if value, ok := fields[key]; ok {
					shown = append(shown, fmt.Sprintf("%s=%v", key, value))
				}
			}
			lines = append(lines, s.plain(strings.Join(shown, " ")))
		}
	}
	return strings.Join(lines, "; ")
}
