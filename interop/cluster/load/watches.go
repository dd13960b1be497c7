package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"

	"quorate.dev/interop/cluster/history"
)

// watcher is one watch on one member, begun again where a compaction has overtaken it.
type watcher struct {
	load   *Load
	target *Target
	cancel context.CancelFunc
	over   chan struct{}

	mu    sync.Mutex
	watch history.Watch
	whole bool
	next  int64
}

// WatchAll begins a watch of everything, from the first revision on.
func (l *Load) WatchAll(t *Target) {
	l.begun(&watcher{load: l, target: t, whole: true, watch: history.Watch{
		Member: t.Name, Name: "watch of all", Key: []byte{0}, End: []byte{0}, PrevKv: true, From: 1,
	}})
}

// watchNowAndThen begins watches of parts, from revisions of the past, with all their options.
func (l *Load) watchNowAndThen(random *rand.Rand) {
	for n := 0; l.sleep(time.Duration(150+random.IntN(500)) * time.Millisecond); n++ {
		t := l.pick(random)
		if t == nil || n >= 80 {
			continue
		}
		watch := history.Watch{Member: t.Name, PrevKv: random.IntN(2) == 0, From: max(1, l.Known()+10-int64(random.IntN(900)))}
		switch random.IntN(4) {
		case 0:
			watch.Key = fmt.Appendf(nil, "p%d/k%02d", random.IntN(prefixes), random.IntN(keysPerPart))
		case 1:
			watch.Key, watch.End = []byte{0}, []byte{0}
		default:
			watch.Key, watch.End = prefix(random.IntN(prefixes))
		}
		switch random.IntN(8) {
		case 0:
			watch.NoPut = true
		case 1:
			watch.NoDel = true
		}
		watch.Name = fmt.Sprintf("watch %d of %q..%q from %d", n, watch.Key, watch.End, watch.From)
		l.begun(&watcher{load: l, target: t, watch: watch})
	}
}

func (l *Load) begun(w *watcher) {
	ctx, cancel := context.WithCancel(w.target.ctx)
	w.cancel, w.over, w.next = cancel, make(chan struct{}), w.watch.From
	l.mu.Lock()
	l.watches = append(l.watches, w)
	l.mu.Unlock()
	go func() {
		defer close(w.over)
		w.run(ctx)
	}()
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		options := []clientv3.OpOption{clientv3.WithRev(w.next), clientv3.WithFragment()}
		if len(w.watch.End) > 0 {
			options = append(options, clientv3.WithRange(string(w.watch.End)))
		}
		if w.watch.PrevKv {
			options = append(options, clientv3.WithPrevKV())
		}
		if w.watch.NoPut {
			options = append(options, clientv3.WithFilterPut())
		}
		if w.watch.NoDel {
			options = append(options, clientv3.WithFilterDelete())
		}
		for answer := range w.target.Client.Watch(ctx, string(w.watch.Key), options...) {
			w.took(ctx, answer)
		}
	}
}

func (w *watcher) took(ctx context.Context, answer clientv3.WatchResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range answer.Events {
		// One revision may come in several fragments, so that only the revision before is behind us.
		w.next = max(w.next, e.Kv.ModRevision)
		w.watch.Events = append(w.watch.Events, history.Seen{Event: (*mvccpb.Event)(e), At: time.Now()})
		w.load.tell(e.Kv.ModRevision)
	}
	err := answer.Err()
	if err == nil || ctx.Err() != nil {
		return
	}
	if errors.Is(err, rpctypes.ErrCompacted) && answer.CompactRevision > w.next && answer.CompactRevision <= w.load.Compacted() {
		w.watch.Gaps = append(w.watch.Gaps, history.Gap{From: w.seenUpTo() + 1, To: answer.CompactRevision})
		w.next = answer.CompactRevision
		w.load.Story.Count("watches overtaken by a compaction", 1)
		return
	}
	w.load.Story.Wrong("%s on %s ended: %v (compact revision %d)", w.watch.Name, w.target.Name, err, answer.CompactRevision)
	w.cancel()
}

func (w *watcher) seenUpTo() int64 {
	if len(w.watch.Events) == 0 {
		return 0
	}
	return w.watch.Events[len(w.watch.Events)-1].Kv.ModRevision
}

// EndWatches waits until every watcher of `targets` has seen the last writes of its range, ends them all, and gives what they
// saw; a watcher of a member that has left is judged up to what it saw.
func (l *Load) EndWatches(targets []*Target, end *Ending, patience time.Duration) (whole, parts []*history.Watch) {
	l.mu.Lock()
	watches := l.watches
	l.mu.Unlock()
	there := map[*Target]bool{}
	for _, t := range targets {
		there[t] = true
	}
	deadline := time.Now().Add(patience)
	for _, w := range watches {
		for there[w.target] && !w.complete(end) && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, w := range watches {
		w.cancel()
		<-w.over
		w.watch.Till = w.seenUpTo() - 1
		if there[w.target] {
			w.watch.Till = end.Last
		}
		if w.whole {
			whole = append(whole, &w.watch)
		}
		parts = append(parts, &w.watch)
		l.Story.Count("watch events", len(w.watch.Events))
	}
	l.Story.Count("watches", len(watches))
	return whole, parts
}

func (w *watcher) complete(end *Ending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(end.deleted) - 1
	part := last
	for n := range end.deleted {
		from, to := prefix(n)
		if history.In(w.watch.Key, from, to) {
			part = n
		}
	}
	if w.watch.NoPut {
		return w.seenUpTo() >= end.deleted[part]
	}
	return w.seenUpTo() >= end.put[part]
}

// Ending is the last writes: each watcher, whatever it leaves out, is due to see one that it can wait for.
type Ending struct {
	deleted, put []int64
	Last         int64
}

// Finish makes the last writes, through one member.
func (l *Load) Finish(t *Target) *Ending {
	w := &worker{load: l, id: 1 << 20, random: rand.New(rand.NewPCG(l.Seed, 1<<34))}
	end := &Ending{}
	write := func(request proto.Message) int64 {
		w.keys(t, request)
		last := l.calls[len(l.calls)-1]
		if last.Err != nil {
			l.Story.Wrong("a last write failed: %v", last.Err)
			return 0
		}
		return l.Known()
	}
	for n := range prefixes {
		fill := func() *pb.TxnRequest {
			r := &pb.TxnRequest{}
			for k := range keysPerPart {
				put := &pb.PutRequest{Key: fmt.Appendf(nil, "p%d/k%02d", n, k), Value: w.value()}
				r.Success = append(r.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
			}
			return r
		}
		write(fill())
		from, to := prefix(n)
		end.deleted = append(end.deleted, write(&pb.DeleteRangeRequest{Key: from, RangeEnd: to}))
		end.put = append(end.put, write(fill()))
		end.Last = end.put[n]
	}
	return end
}
