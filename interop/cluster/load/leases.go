package load

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/status"

	"quorate.dev/interop/cluster/history"
	"quorate.dev/interop/cluster/story"
)

const (
	leaseNotFound = "etcdserver: requested lease not found"
	// longTTL outlives any run: these leases must all be there at its end.
	longTTL = 3600
)

// lease does one thing with this worker's leases.
func (w *worker) lease(t *Target) {
	if len(w.leases) < 3 || w.random.IntN(8) == 0 {
		w.grant(t)
		return
	}
	at := w.random.IntN(len(w.leases))
	lease := w.leases[at]
	switch n := w.random.IntN(10); {
	case n < 6:
		if !w.keepAlive(t, lease) {
			w.forget(at)
		}
	case n < 8:
		w.timeToLive(t, lease)
	case lease.TTL < longTTL*time.Second:
		// Half of the short ones are revoked, the others are left to end by themselves.
		if w.random.IntN(2) == 0 {
			w.revoke(t, lease)
		}
		w.forget(at)
	}
}

func (w *worker) forget(at int) { w.leases = append(w.leases[:at], w.leases[at+1:]...) }

func (w *worker) grant(t *Target) {
	ttl := int64(2 + w.random.IntN(4))
	if w.random.IntN(4) == 0 {
		ttl = longTTL
	}
	from := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	// Those that outlive the run are named, so that one is known whose answer is lost.
	id := int64(0)
	if ttl == longTTL {
		id = 1 + w.random.Int64N(1<<62)
	}
	answer, err := pb.NewLeaseClient(t.Client.ActiveConnection()).LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: id, TTL: ttl})
	if !w.leaseDone(t, "LeaseGrant", from, err, nil) {
		w.load.mu.Lock()
		w.load.maybe[id] = true
		w.load.mu.Unlock()
		return
	}
	lease := &history.Lease{ID: answer.ID, TTL: time.Duration(answer.TTL) * time.Second, AliveUntil: from.Add(time.Duration(answer.TTL) * time.Second)}
	w.leases = append(w.leases, lease)
	l := w.load
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leases[lease.ID] != nil {
		l.Story.Wrong("lease %x was granted twice", lease.ID)
	}
	l.leases[lease.ID] = lease
	l.leaseIDs = append(l.leaseIDs, lease.ID)
	// Dead leases stay in the choice for a while: writes that name one must be refused.
	if len(l.leaseIDs) > 24 {
		l.leaseIDs = l.leaseIDs[1:]
	}
}

// keepAlive says whether the lease is still worth caring for.
func (w *worker) keepAlive(t *Target, lease *history.Lease) bool {
	from := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	answer, err := t.Client.KeepAliveOnce(ctx, clientv3.LeaseID(lease.ID))
	if !w.leaseDone(t, "LeaseKeepAlive", from, err, lease) {
		return status.Convert(err).Message() != leaseNotFound
	}
	l := w.load
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer.TTL != int64(lease.TTL/time.Second) {
		l.Story.Wrong("lease %x of %s was renewed for %d s on %s", lease.ID, lease.TTL, answer.TTL, t.Name)
	}
	if !lease.RevokedFrom.IsZero() {
		l.Story.Wrong("lease %x was renewed on %s after its revocation", lease.ID, t.Name)
	}
	lease.AliveUntil = from.Add(lease.TTL)
	return true
}

func (w *worker) timeToLive(t *Target, lease *history.Lease) {
	from := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	answer, err := t.Client.TimeToLive(ctx, clientv3.LeaseID(lease.ID), clientv3.WithAttachedKeys())
	if !w.leaseDone(t, "LeaseTimeToLive", from, err, lease) {
		return
	}
	// A lease that is gone is told with -1 and no error.
	if answer.TTL == -1 && w.load.mayBeGone(lease.ID, time.Now()) {
		return
	}
	if answer.GrantedTTL != int64(lease.TTL/time.Second) || answer.TTL > answer.GrantedTTL || answer.TTL < 0 {
		w.load.Story.Wrong("lease %x of %s is told on %s to live for %d of %d s", lease.ID, lease.TTL, t.Name, answer.TTL, answer.GrantedTTL)
	}
}

func (w *worker) revoke(t *Target, lease *history.Lease) {
	from := time.Now()
	w.load.mu.Lock()
	lease.RevokedFrom = from
	w.load.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	_, err := t.Client.Revoke(ctx, clientv3.LeaseID(lease.ID))
	w.leaseDone(t, "LeaseRevoke", from, err, lease)
}

// leaseDone says whether the call succeeded.
func (w *worker) leaseDone(t *Target, what string, from time.Time, err error, lease *history.Lease) bool {
	s := w.load.Story
	s.Count("requests", 1)
	s.Count("lease calls", 1)
	if err == nil {
		return true
	}
	excuse := ""
	text := status.Convert(err).Message()
	if text == leaseNotFound && lease != nil && w.load.mayBeGone(lease.ID, time.Now()) {
		excuse = text
	}
	s.Failed(story.Failure{Member: t.Name, What: what, From: from, Till: time.Now(), Err: err, Excuse: excuse})
	return false
}

// mayBeGone says whether a lease may have ended by `now`.
func (l *Load) mayBeGone(id int64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lease := l.leases[id]
	return lease != nil && (!lease.RevokedFrom.IsZero() || now.After(lease.AliveUntil))
}
