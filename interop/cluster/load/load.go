// Package load puts a random, seeded load on every member of a cluster at once and remembers every call for the judges.
package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"quorate.dev/interop/cluster/history"
	"quorate.dev/interop/cluster/story"
)

// callPatience is longer than any timeout of the server's own, which must answer first.
const callPatience = 12 * time.Second

// Target is one member as the load sees it.
type Target struct {
	Name   string
	Client *clientv3.Client

	mu     sync.Mutex
	away   bool
	ctx    context.Context
	cancel context.CancelFunc
}

// Dial makes a client of one member alone that repeats no request, so that no error stays hidden.
func Dial(name, endpoint string) (*Target, error) { return dial(name, 1, endpoint) }

// DialAll makes a client of a whole cluster as programs have it: it repeats reads that met a bad moment.
func DialAll(name string, endpoints ...string) (*Target, error) { return dial(name, 0, endpoints...) }

func dial(name string, attempts uint, endpoints ...string) (*Target, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, MaxUnaryRetries: attempts, Logger: zap.NewNop(),
		// A member that is back is to be found again at once.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.2, Jitter: 0.2, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: time.Second,
		})},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Target{Name: name, Client: client, ctx: ctx, cancel: cancel}, nil
}

// Close ends its watchers too.
func (t *Target) Close() {
	t.cancel()
	_ = t.Client.Close()
}

func (t *Target) SetAway(away bool) {
	t.mu.Lock()
	t.away = away
	t.mu.Unlock()
}

func (t *Target) isAway() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.away
}

// Load is the workers, the watchers, and what they know together.
type Load struct {
	Story *story.Story
	Seed  uint64
	// Keep is how many revisions a compaction leaves at least.
	Keep int

	mu        sync.Mutex
	targets   []*Target
	calls     []*history.Call
	known     int64
	compacted int64
	leases    map[int64]*history.Lease
	leaseIDs  []int64
	// maybe are the leases whose grant was not answered.
	maybe   map[int64]bool
	watches []*watcher

	stop    context.CancelFunc
	running context.Context
	workers sync.WaitGroup
	team    []*worker
	pause   time.Duration
}

// New makes a load that has not begun.
func New(s *story.Story, seed uint64) *Load {
	running, stop := context.WithCancel(context.Background())
	return &Load{Story: s, Seed: seed, Keep: 200, leases: map[int64]*history.Lease{}, maybe: map[int64]bool{}, running: running, stop: stop}
}

// Add gives the workers one more member to talk to.
func (l *Load) Add(t *Target) {
	l.mu.Lock()
	l.targets = append(l.targets, t)
	l.mu.Unlock()
}

// Remove keeps the workers from a member that leaves the cluster.
func (l *Load) Remove(t *Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.targets {
		if other == t {
			l.targets = append(l.targets[:i:i], l.targets[i+1:]...)
		}
	}
}

// Start sets `count` workers to work, together at about `rate` calls a second.
func (l *Load) Start(count, rate int) {
	l.pause = time.Duration(count) * time.Second / time.Duration(rate)
	for i := range count {
		l.workers.Add(1)
		w := &worker{load: l, id: i, random: rand.New(rand.NewPCG(l.Seed, uint64(i)))}
		l.team = append(l.team, w)
		go func() {
			defer l.workers.Done()
			w.run()
		}()
	}
	l.workers.Add(2)
	go func() {
		defer l.workers.Done()
		l.compactNowAndThen(rand.New(rand.NewPCG(l.Seed, 1<<32)))
	}()
	go func() {
		defer l.workers.Done()
		l.watchNowAndThen(rand.New(rand.NewPCG(l.Seed, 1<<33)))
	}()
}

// Stop waits until every call has its answer.
func (l *Load) Stop() {
	l.stop()
	l.workers.Wait()
}

// Drain waits until every call that is under way now has ended.
func (l *Load) Drain() {
	now := time.Now().UnixNano()
	for _, w := range l.team {
		for since := w.busySince.Load(); since != 0 && since <= now; since = w.busySince.Load() {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// Known is the newest revision that anybody has been told of.
func (l *Load) Known() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// Compacted is the newest revision that was asked to be compacted.
func (l *Load) Compacted() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.compacted
}

// Results are for the judges, when the load has stopped.
func (l *Load) Results() ([]*history.Call, map[int64]*history.Lease) { return l.calls, l.leases }

// MaybeLease says that the lease may be there or not.
func (l *Load) MaybeLease(id int64) bool { return l.maybe[id] }

func (l *Load) tell(revision int64) {
	l.mu.Lock()
	l.known = max(l.known, revision)
	l.mu.Unlock()
}

func (l *Load) pick(random *rand.Rand) *Target {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 10 {
		if t := l.targets[random.IntN(len(l.targets))]; !t.isAway() {
			return t
		}
	}
	return nil
}

// worker makes one call after the other, each to any member.
type worker struct {
	load   *Load
	id     int
	random *rand.Rand
	count  int
	leases []*history.Lease
	// busySince is the moment at which the call under way began, in nanoseconds; 0 between calls.
	busySince atomic.Int64
}

func (w *worker) run() {
	next := time.Now()
	for w.load.running.Err() == nil {
		if t := w.load.pick(w.random); t != nil {
			w.busySince.Store(time.Now().UnixNano())
			w.step(t)
			w.busySince.Store(0)
		}
		next = next.Add(w.load.pause)
		if wait := time.Until(next); wait > 0 {
			time.Sleep(wait)
		} else {
			next = time.Now()
		}
	}
}

func (w *worker) step(t *Target) {
	switch n := w.random.IntN(100); {
	case n < 40:
		w.keys(t, w.put())
	case n < 55:
		w.keys(t, w.txn(2, map[string]bool{}))
	case n < 62:
		w.keys(t, w.deletion())
	case n < 74:
		w.keys(t, w.read(false, 0))
	case n < 82:
		w.keys(t, w.read(true, 0))
	case n < 86:
		w.keys(t, w.oldRead())
	case n < 87:
		w.readStream(t)
	default:
		w.lease(t)
	}
}

// keys sends one request of the KV service and remembers it for the judges.
func (w *worker) keys(t *Target, request proto.Message) {
	kv := pb.NewKVClient(t.Client.ActiveConnection())
	c := w.load.begin(t, request)
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	switch r := request.(type) {
	case *pb.PutRequest:
		answer, err := kv.Put(ctx, r)
		w.done(c, answer, err)
	case *pb.DeleteRangeRequest:
		answer, err := kv.DeleteRange(ctx, r)
		w.done(c, answer, err)
	case *pb.TxnRequest:
		answer, err := kv.Txn(ctx, r)
		w.done(c, answer, err)
	case *pb.RangeRequest:
		answer, err := kv.Range(ctx, r)
		w.done(c, answer, err)
	}
}

// readStream puts the parts of a RangeStream together: they must be what Range would have answered.
func (w *worker) readStream(t *Target) {
	request := w.read(false, 0)
	c := w.load.begin(t, request)
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	whole := &pb.RangeResponse{}
	stream, err := pb.NewKVClient(t.Client.ActiveConnection()).RangeStream(ctx, request)
	for err == nil {
		var part *pb.RangeStreamResponse
		if part, err = stream.Recv(); err == nil {
			proto.Merge(whole, part.RangeResponse)
		}
	}
	if err == io.EOF {
		err = nil
	}
	w.done(c, whole, err)
}

func (l *Load) begin(t *Target, request proto.Message) *history.Call {
	return &history.Call{Member: t.Name, From: time.Now(), Floor: l.Known(), Request: request}
}

func (w *worker) done(c *history.Call, answer interface {
	proto.Message
	GetHeader() *pb.ResponseHeader
}, err error) {
	c.Till = time.Now()
	l := w.load
	l.Story.Count("requests", 1)
	if err == nil {
		c.Answer = answer
		l.tell(answer.GetHeader().GetRevision())
	} else {
		c.Err = err
		l.Story.Failed(story.Failure{
			Member: c.Member, What: fmt.Sprintf("%T", c.Request), From: c.From, Till: c.Till, Err: err, Excuse: w.excuse(c, err),
		})
	}
	l.mu.Lock()
	l.calls = append(l.calls, c)
	l.mu.Unlock()
}

// excuse says why the request itself may have been refused.
func (w *worker) excuse(c *history.Call, err error) string {
	text := status.Convert(err).Message()
	switch text {
	case "etcdserver: mvcc: required revision has been compacted":
		if r, is := c.Request.(*pb.RangeRequest); is && r.Revision > 0 && r.Revision < w.load.Compacted() {
			return text
		}
	case "etcdserver: mvcc: required revision is a future revision":
		// A serializable read may ask a member that is behind.
		if r, is := c.Request.(*pb.RangeRequest); is && r.Serializable && r.Revision > 0 {
			return text
		}
	case "etcdserver: key not found":
		if ignores(c.Request) {
			return text
		}
	case "etcdserver: requested lease not found":
		for _, id := range leasesOf(c.Request) {
			if w.load.mayBeGone(id, c.Till) {
				return text
			}
		}
	}
	return ""
}

func ignores(request proto.Message) bool {
	r, is := request.(*pb.PutRequest)
	return is && (r.IgnoreValue || r.IgnoreLease)
}

func leasesOf(request proto.Message) []int64 {
	var ids []int64
	switch r := request.(type) {
	case *pb.PutRequest:
		ids = append(ids, r.Lease)
	case *pb.TxnRequest:
		for _, op := range append(append([]*pb.RequestOp(nil), r.Success...), r.Failure...) {
			if put := op.GetRequestPut(); put != nil {
				ids = append(ids, put.Lease)
			}
			if inner := op.GetRequestTxn(); inner != nil {
				ids = append(ids, leasesOf(inner)...)
			}
		}
	}
	return ids
}

// compactNowAndThen keeps some hundreds of revisions, so that watchers from the past and members that were away find some gone.
func (l *Load) compactNowAndThen(random *rand.Rand) {
	for l.sleep(time.Duration(1000+random.IntN(2000)) * time.Millisecond) {
		t := l.pick(random)
		revision := l.Known() - int64(l.Keep+random.IntN(600))
		if t == nil || revision <= l.Compacted() || revision < 1 {
			continue
		}
		l.mu.Lock()
		l.compacted = revision
		l.mu.Unlock()
		from := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), callPatience)
		_, err := t.Client.Compact(ctx, revision)
		cancel()
		l.Story.Count("requests", 1)
		l.Story.Count("compactions", 1)
		if err != nil {
			l.Story.Failed(story.Failure{Member: t.Name, What: "Compact", From: from, Till: time.Now(), Err: err})
		}
	}
}

func (l *Load) sleep(d time.Duration) bool {
	select {
	case <-l.running.Done():
		return false
	case <-time.After(d):
		return true
	}
}
