// A peer made of etcd's own rafthttp, told what to do by lines on stdin, and telling by lines on stdout what came.
//
//	peer ID URL | remove ID | removed ID | send MESSAGE | snapshot MESSAGE BYTES FAIL_AT
//
//	url URL | received MESSAGE | database INDEX SHA256 | unreachable ID | snapshot ID OUTCOME | error TEXT
//
// Ids and messages are hex.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/client/pkg/v3/types"
	httptypes "go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

var out sync.Mutex

func tell(format string, args ...any) {
	out.Lock()
	defer out.Unlock()
	fmt.Printf(format+"\n", args...)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

type host struct {
	id      uint64
	dir     string
	mu      sync.Mutex
	removed map[uint64]bool
}

// Process checks as etcd's server does.
func (h *host) Process(_ context.Context, m *raftpb.Message) error {
	if h.IsIDRemoved(m.GetFrom()) {
		return httptypes.NewHTTPError(http.StatusForbidden, "cannot process message from removed member")
	}
	if m.GetTo() != h.id {
		return httptypes.NewHTTPError(http.StatusForbidden, "cannot process message to mismatch member")
	}
	if m.GetType() == raftpb.MsgSnap {
		index := m.Snapshot.Metadata.GetIndex()
		file, err := os.ReadFile(filepath.Join(h.dir, fmt.Sprintf("%016x.snap.db", index)))
		if err == nil {
			tell("database %d %x", index, sha256.Sum256(file))
		}
	}
	tell("received %x", must(proto.Marshal(m)))
	return nil
}

func (h *host) IsIDRemoved(id uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.removed[id]
}

func (h *host) ReportUnreachable(id uint64) { tell("unreachable %x", id) }

func (h *host) ReportSnapshot(id uint64, status raft.SnapshotStatus) {
	outcome := "finished"
	if status == raft.SnapshotFailure {
		outcome = "failed"
	}
	tell("snapshot %x %s", id, outcome)
}

// database gives bytes that a simple rule makes, and fails on the way if told to.
type database struct {
	at, size, failAt int64
}

func (d *database) Read(to []byte) (int, error) {
	if d.failAt >= 0 && d.at >= d.failAt {
		return 0, errors.New("told to fail")
	}
	if d.at >= d.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(to)), d.size-d.at, 32768))
	for i := range n {
		at := d.at + int64(i)
		to[i] = byte(at*7 + at>>9)
	}
	d.at += int64(n)
	return n, nil
}

func (d *database) Close() error { return nil }

func message(text string) *raftpb.Message {
	m := &raftpb.Message{}
	if err := proto.Unmarshal(must(hex.DecodeString(text)), m); err != nil {
		panic(err)
	}
	return m
}

func id(text string) types.ID { return types.ID(must(strconv.ParseUint(text, 16, 64))) }

func main() {
	own, cluster, dir := id(os.Args[1]), id(os.Args[2]), os.Args[3]
	logger := must(zap.NewDevelopmentConfig().Build())
	listener := must(rafthttp.NewListener(url.URL{Scheme: "http", Host: "127.0.0.1:0"}, &transport.TLSInfo{}))
	here := "http://" + listener.Addr().String()
	h := &host{id: uint64(own), dir: dir, removed: map[uint64]bool{}}
	failed := make(chan error, 1)
	t := &rafthttp.Transport{
		Logger:      logger,
		ID:          own,
		URLs:        must(types.NewURLs([]string{here})),
		ClusterID:   cluster,
		Raft:        h,
		Snapshotter: snap.New(logger, dir),
		ServerStats: stats.NewServerStats("", own.String()),
		LeaderStats: stats.NewLeaderStats(logger, own.String()),
		ErrorC:      failed,
	}
	if err := t.Start(); err != nil {
		panic(err)
	}
	go func() { panic(http.Serve(listener, t.Handler())) }()
	go func() {
		for err := range failed {
			tell("error %v", err)
		}
	}()
	tell("url %s", here)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch words[0] {
		case "peer":
			t.AddPeer(id(words[1]), []string{words[2]})
		case "remove":
			t.RemovePeer(id(words[1]))
		case "removed":
			h.mu.Lock()
			h.removed[uint64(id(words[1]))] = true
			h.mu.Unlock()
		case "send":
			t.Send([]*raftpb.Message{message(words[1])})
		case "snapshot":
			size := must(strconv.ParseInt(words[2], 10, 64))
			failAt := must(strconv.ParseInt(words[3], 10, 64))
			t.SendSnapshot(snap.NewMessage(message(words[1]), &database{size: size, failAt: failAt}, size))
		}
	}
}
