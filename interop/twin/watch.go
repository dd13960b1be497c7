package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"sort"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// watching is one watch stream on each side. What a stream says of one watcher must be equal in content and order;
// how events are gathered into responses, and how watchers interleave, is a matter of time.
type watching struct {
	s       *sequence
	streams [2]*watchStream
	cancel  context.CancelFunc
}

// catchUp is longer than the pause between two rounds in which Go's watchers catch up.
const catchUp = 120 * time.Millisecond

type watchStream struct {
	grpc.ClientStream
	mutex sync.Mutex
	lines map[int64][]string // by watch id
	count int
}

func (s *sequence) startWatching() *watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{s: s, cancel: cancel}
	for i, side := range s.pair.sides {
		stream, err := side.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/etcdserverpb.Watch/Watch")
		if err != nil {
			log.Fatal(err)
		}
		w.streams[i] = &watchStream{ClientStream: stream, lines: map[int64][]string{}}
		go w.streams[i].read()
	}
	for i := 1 + s.random.Intn(5); i > 0; i-- {
		w.request(s.createRequest())
	}
	return w
}

func (s *sequence) createRequest() *pb.WatchRequest {
	create := &pb.WatchCreateRequest{Key: s.key(), PrevKv: s.random.Intn(2) == 0, Fragment: s.random.Intn(3) == 0}
	create.RangeEnd = s.end(create.Key)
	if s.random.Intn(2) == 0 {
		create.StartRevision = s.anyRevision()
		if create.StartRevision > s.revision { // An event's reader would wait for a future that never comes.
			create.StartRevision = s.revision + 1
		}
	}
	if s.random.Intn(4) == 0 {
		create.Filters = append(create.Filters, pb.WatchCreateRequest_FilterType(s.random.Intn(2)))
	}
	if s.random.Intn(8) == 0 {
		create.WatchId = int64(s.random.Intn(6))
	}
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}
}

func (s *sequence) watchRequest() *pb.WatchRequest {
	switch s.random.Intn(3) {
	case 0:
		return s.createRequest()
	case 1:
		cancel := &pb.WatchCancelRequest{WatchId: int64(s.random.Intn(6))}
		return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: cancel}}
	default:
		return &pb.WatchRequest{}
	}
}

func (w *watching) request(r *pb.WatchRequest) {
	if *verbose {
		fmt.Println(w.s.seed, "watch", show(r))
	}
	w.settle() // A cancel must meet the same events on both sides.
	w.s.pair.requests++
	for _, stream := range w.streams {
		if err := stream.SendMsg(r); err != nil && err != io.EOF {
			log.Fatal(err)
		}
	}
	if r.GetCreateRequest().GetStartRevision() != 0 {
		time.Sleep(catchUp) // Or a compaction that comes next would find one side's watcher behind and the other's not.
	}
	w.settle()
}

func (ws *watchStream) read() {
	for {
		response := &pb.WatchResponse{}
		if err := ws.RecvMsg(response); err != nil {
			return
		}
		ws.mutex.Lock()
		ws.note(response)
		ws.mutex.Unlock()
	}
}

func (ws *watchStream) note(r *pb.WatchResponse) {
	ws.count++
	if r.Created || r.Canceled || len(r.Events) == 0 {
		control := proto.Clone(r).(*pb.WatchResponse)
		control.Header = nil
		line := "control " + show(control)
		if r.Created || r.Canceled && r.CompactRevision == 0 {
			line += fmt.Sprintf(" at %d", r.Header.GetRevision())
		}
		ws.lines[r.WatchId] = append(ws.lines[r.WatchId], line)
		return
	}
	for _, event := range r.Events {
		ws.lines[r.WatchId] = append(ws.lines[r.WatchId], "event "+show(event))
	}
}

func (ws *watchStream) text() (string, int) {
	ws.mutex.Lock()
	defer ws.mutex.Unlock()
	ids := make([]int64, 0, len(ws.lines))
	for id := range ws.lines {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(a, b int) bool { return ids[a] < ids[b] })
	var out strings.Builder
	lines := 0
	for _, id := range ids {
		fmt.Fprintf(&out, "\n    watch %d", id)
		for _, line := range ws.lines[id] {
			fmt.Fprintf(&out, "\n      %s", line)
			lines++
		}
	}
	return out.String(), lines
}

// settle waits until both sides have said the same and say no more for a while; a side that never does is a difference.
func (w *watching) settle() (string, string) {
	deadline := time.Now().Add(3 * time.Second)
	stable := time.Now()
	last := ""
	for {
		a, _ := w.streams[0].text()
		b, _ := w.streams[1].text()
		if a+b != last {
			last, stable = a+b, time.Now()
		}
		quiet := time.Since(stable)
		if a == b && quiet > 15*time.Millisecond || time.Now().After(deadline) {
			return a, b
		}
		time.Sleep(3 * time.Millisecond)
	}
}

func (w *watching) finish() {
	time.Sleep(catchUp)
	a, b := w.settle()
	_, lines := w.streams[0].text()
	w.s.pair.events += lines
	if a != b {
		w.s.pair.differ(w.s, "watch stream", a, b)
	}
	w.cancel()
}
