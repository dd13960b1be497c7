// Go's clientv3 against one endpoint: put, get, delete, watch, lease, lock, elect, transact. Prints one line a check.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var passed int

func check(name string, body func() error) {
	if err := body(); err != nil {
		log.Fatalf("FAILED go %s: %v", name, err)
	}
	passed++
	fmt.Println("ok go", name)
}

func want(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func main() {
	endpoint := "127.0.0.1:2379"
	if len(os.Args) > 1 {
		endpoint = os.Args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, DialKeepAliveTime: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	check("put, get, delete", func() error {
		if _, err := c.Put(ctx, "go/a", "1"); err != nil {
			return err
		}
		got, err := c.Get(ctx, "go/", clientv3.WithPrefix())
		if err != nil {
			return err
		}
		deleted, err := c.Delete(ctx, "go/a", clientv3.WithPrevKV())
		return errors.Join(err, want(len(got.Kvs) == 1 && string(got.Kvs[0].Value) == "1", "got %v", got), want(deleted.Deleted == 1 && len(deleted.PrevKvs) == 1, "deleted %v", deleted))
	})
	check("range stream", func() error {
		for i := 0; i < 200; i++ {
			if _, err := c.Put(ctx, fmt.Sprintf("go/s%03d", i), "v"); err != nil {
				return err
			}
		}
		got, err := c.Get(ctx, "go/s", clientv3.WithPrefix(), clientv3.WithLimit(150))
		return errors.Join(err, want(len(got.Kvs) == 150 && got.More && got.Count == 200, "got %d of %d", len(got.Kvs), got.Count))
	})
	check("watch from a past revision, progress", func() error {
		first, err := c.Put(ctx, "go/w", "1")
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, "go/w", "2"); err != nil {
			return err
		}
		watching, stop := context.WithCancel(ctx)
		defer stop()
		events := c.Watch(watching, "go/w", clientv3.WithRev(first.Header.Revision), clientv3.WithPrevKV())
		var values []string
		for len(values) < 2 {
			response := <-events
			if response.Err() != nil {
				return response.Err()
			}
			for _, e := range response.Events {
				values = append(values, string(e.Kv.Value))
			}
		}
		if err := c.RequestProgress(watching); err != nil {
			return err
		}
		response := <-events
		return want(values[0] == "1" && values[1] == "2" && response.IsProgressNotify(), "got %v, %v", values, response)
	})
	check("lease", func() error {
		lease, err := c.Grant(ctx, 30)
		if err != nil {
			return err
		}
		if _, err := c.Put(ctx, "go/l", "x", clientv3.WithLease(lease.ID)); err != nil {
			return err
		}
		alive, err := c.KeepAliveOnce(ctx, lease.ID)
		if err != nil {
			return err
		}
		left, err := c.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
		if err != nil {
			return err
		}
		if _, err := c.Revoke(ctx, lease.ID); err != nil {
			return err
		}
		got, err := c.Get(ctx, "go/l")
		_, unknown := c.KeepAliveOnce(ctx, lease.ID)
		return errors.Join(err, want(alive.TTL == 30 && left.GrantedTTL == 30 && len(left.Keys) == 1, "%v %v", alive, left),
			want(len(got.Kvs) == 0, "still there"), want(errors.Is(unknown, rpctypes.ErrLeaseNotFound), "%v", unknown))
	})
	check("short lease expires", func() error {
		lease, err := c.Grant(ctx, 2)
		if err != nil {
			return err
		}
		gone := c.Watch(ctx, "go/short", clientv3.WithFilterPut())
		if _, err := c.Put(ctx, "go/short", "x", clientv3.WithLease(lease.ID)); err != nil {
			return err
		}
		began := time.Now()
		select {
		case response := <-gone:
			took := time.Since(began)
			return want(len(response.Events) == 1 && took > 1500*time.Millisecond, "after %s: %v", took, response)
		case <-time.After(8 * time.Second):
			return errors.New("not expired after 8 s")
		}
	})
	check("transaction", func() error {
		if _, err := c.Put(ctx, "go/t", "1"); err != nil {
			return err
		}
		done, err := c.Txn(ctx).If(clientv3.Compare(clientv3.Value("go/t"), "=", "1")).Then(clientv3.OpPut("go/t", "2"), clientv3.OpGet("go/t")).Else(clientv3.OpGet("go/t")).Commit()
		return errors.Join(err, want(done.Succeeded && string(done.Responses[1].GetResponseRange().Kvs[0].Value) == "2", "%v", done))
	})
	check("lock", func() error {
		one, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		two, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		a, b := concurrency.NewMutex(one, "go/lock"), concurrency.NewMutex(two, "go/lock")
		if err := a.Lock(ctx); err != nil {
			return err
		}
		if err := b.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
			return fmt.Errorf("a taken lock: %v", err)
		}
		taken := make(chan error, 1)
		go func() { taken <- b.Lock(ctx) }()
		time.Sleep(50 * time.Millisecond)
		if err := a.Unlock(ctx); err != nil {
			return err
		}
		return errors.Join(<-taken, b.Unlock(ctx), one.Close(), two.Close())
	})
	check("election", func() error {
		session, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return err
		}
		election := concurrency.NewElection(session, "go/election")
		if err := election.Campaign(ctx, "me"); err != nil {
			return err
		}
		leader, err := election.Leader(ctx)
		return errors.Join(err, want(string(leader.Kvs[0].Value) == "me", "%v", leader), election.Proclaim(ctx, "still me"), election.Resign(ctx), session.Close())
	})
	check("software transactional memory", func() error {
		_, err := concurrency.NewSTM(c, func(s concurrency.STM) error {
			s.Put("go/stm", s.Get("go/stm")+"x")
			return nil
		})
		return err
	})
	check("maintenance", func() error {
		status, err := c.Status(ctx, endpoint)
		if err != nil {
			return err
		}
		list, err := c.MemberList(ctx)
		if err != nil {
			return err
		}
		if _, err := c.Compact(ctx, status.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			return err
		}
		if _, err := c.Defragment(ctx, endpoint); err != nil {
			return err
		}
		hash, err := c.HashKV(ctx, endpoint, 0)
		return errors.Join(err, want(status.Version == "3.7.1" && len(list.Members) == 1 && hash.Hash != 0, "%v %v %v", status, list, hash))
	})
	check("refusals", func() error {
		_, empty := c.Put(ctx, "", "x")
		_, future := c.Get(ctx, "x", clientv3.WithRev(1<<40))
		_, compacted := c.Get(ctx, "x", clientv3.WithRev(1))
		_, lease := c.Put(ctx, "x", "x", clientv3.WithLease(12345))
		return want(errors.Is(empty, rpctypes.ErrEmptyKey) && errors.Is(future, rpctypes.ErrFutureRev) && errors.Is(compacted, rpctypes.ErrCompacted) && errors.Is(lease, rpctypes.ErrLeaseNotFound),
			"%v, %v, %v, %v", empty, future, compacted, lease)
	})
	fmt.Printf("go: %d passed, 0 failed\n", passed)
}
