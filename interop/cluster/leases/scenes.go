package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"quorate.dev/interop/cluster/fleet"
)

// What a lease may outlive its time: two scans, a proposal, and a busy machine.
const lateness = 3500 * time.Millisecond

func (c *cluster) grant(m *fleet.Member, seconds int64, key string) clientv3.LeaseID {
	ctx, cancel := within(10 * time.Second)
	defer cancel()
	granted, err := c.clients[m].Grant(ctx, seconds)
	if err != nil {
		c.wrong("grant at %s: %v", m, err)
		return 0
	}
	if key != "" {
		if _, err := c.clients[m].Put(ctx, key, "leased", clientv3.WithLease(granted.ID)); err != nil {
			c.wrong("put at %s: %v", m, err)
		}
	}
	return granted.ID
}

// everywhere: what one member grants is renewed and known at all, at once.
func (c *cluster) everywhere() {
	for i, at := range c.members {
		key := fmt.Sprintf("everywhere/%d", i)
		id := c.grant(at, 60, key)
		for _, m := range c.members {
			ctx, cancel := within(10 * time.Second)
			renewed, err := c.clients[m].KeepAliveOnce(ctx, id)
			if err != nil || renewed.TTL != 60 || renewed.ID != id {
				c.wrong("renewed at %s: %v %v", m, renewed, err)
			}
			left, err := c.clients[m].TimeToLive(ctx, id, clientv3.WithAttachedKeys())
			if err != nil || left.TTL < 55 || left.GrantedTTL != 60 || len(left.Keys) != 1 || string(left.Keys[0]) != key {
				c.wrong("time to live at %s: %+v %v", m, left, err)
			}
			if _, err := c.clients[m].KeepAliveOnce(ctx, id+1); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
				c.wrong("unknown lease renewed at %s: %v", m, err)
			}
			if left, err := c.clients[m].TimeToLive(ctx, id+1); err != nil || left.TTL != -1 {
				c.wrong("unknown lease's time at %s: %+v %v", m, left, err)
			}
			cancel()
		}
		ctx, cancel := within(10 * time.Second)
		if _, err := c.clients[c.members[(i+1)%len(c.members)]].Revoke(ctx, id); err != nil {
			c.wrong("revoke: %v", err)
		}
		// The members that did not answer the revocation apply it a moment later.
		for _, m := range c.members {
			if _, err := c.clients[m].KeepAliveOnce(ctx, id); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
				c.wrong("revoked lease renewed at %s: %v", m, err)
			}
		}
		cancel()
	}
}

// ends watches a key until it is deleted.
func (c *cluster) ends(m *fleet.Member, key string, patience time.Duration) (time.Time, bool) {
	ctx, cancel := within(patience)
	defer cancel()
	for response := range c.clients[m].Watch(ctx, key, clientv3.WithFilterPut(), clientv3.WithPrevKV()) {
		for _, event := range response.Events {
			if event.Type == clientv3.EventTypeDelete {
				return time.Now(), true
			}
		}
	}
	return time.Time{}, false
}

// kept: a stream at a follower holds a lease well over its time; left alone it ends, never early and not much late.
func (c *cluster) kept() {
	for _, m := range c.followers() {
		key := "kept/" + m.Name
		id := c.grant(m, 2, key)
		ctx, cancel := context.WithCancel(context.Background())
		answers, err := c.clients[m].KeepAlive(ctx, id)
		if err != nil {
			c.wrong("keep alive at %s: %v", m, err)
			cancel()
			continue
		}
		var last time.Time
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
			answer, open := <-answers
			if !open {
				c.wrong("%s ended the stream of a lease that is kept", m)
				break
			}
			if answer.TTL != 2 {
				c.wrong("%s renewed to %d s", m, answer.TTL)
			}
			last = time.Now()
		}
		cancel()
		for range answers {
			last = time.Now()
		}
		ended, found := c.ends(c.leader(), key, 2*time.Second+lateness)
		if !found {
			c.wrong("the lease kept at %s did not end in time", m)
		} else if ended.Sub(last) < 1900*time.Millisecond {
			c.wrong("the lease kept at %s ended %v after its last renewal", m, ended.Sub(last))
		}
	}
}

// leaderKilled: what was left of a lease is nobody's to know, so it has its whole time again, and an election timeout.
func (c *cluster) leaderKilled() {
	victim := c.leader()
	if victim == nil {
		c.wrong("nobody leads")
		return
	}
	other := c.followers()[0]
	granted := time.Now()
	c.grant(other, 4, "killed")
	time.Sleep(3 * time.Second)
	victim.Stop(syscall.SIGKILL)
	if !until(10*time.Second, func() bool { leader := c.leader(); return leader != nil && leader != victim }) {
		c.wrong("nobody leads after %s was killed", victim)
		return
	}
	elected := time.Now()
	ended, found := c.ends(other, "killed", 4*time.Second+time.Second+2*lateness)
	switch {
	case !found:
		c.wrong("a lease did not end under its second leader")
	case ended.Before(elected.Add(4*time.Second - 500*time.Millisecond)):
		c.wrong("a lease of 4 s ended %v after the election, %v after it was granted", ended.Sub(elected), ended.Sub(granted))
	}
	c.start(victim, "existing")
	c.awaitServing(victim)
}

// leaderHangs: by its own clock a leader that hung finds leases due that the next one has renewed. It must not end them, nor renew any.
// A Go leader may: what it finds due as it wakes, before it hears of the next leader, it hands on to that one, which carries it out.
func (c *cluster) leaderHangs() {
	c.leadBy(fleet.Quorate)
	victim := c.leader()
	if victim == nil {
		c.wrong("nobody leads")
		return
	}
	follower := c.followers()[0]
	id := c.grant(follower, 3, "hangs")
	dead := c.grant(follower, 3, "hangs/dead")
	victim.Signal(syscall.SIGSTOP)
	until(10*time.Second, func() bool { return c.leaderBut(victim) != nil })
	beat := func() error {
		ctx, cancel := within(4 * time.Second)
		defer cancel()
		_, err := c.clients[follower].KeepAliveOnce(ctx, id)
		return err
	}
	for range 5 {
		if err := beat(); err != nil {
			c.wrong("renewal at %s while the old leader hangs: %v", follower, err)
		}
		time.Sleep(700 * time.Millisecond)
	}
	ctx, cancel := within(4 * time.Second)
	if _, err := c.clients[follower].Revoke(ctx, dead); err != nil {
		c.wrong("revoke while the old leader hangs: %v", err)
	}
	cancel()
	// Waits in the old leader's sockets until it wakes.
	early := make(chan error, 1)
	go func() {
		ctx, cancel := within(10 * time.Second)
		defer cancel()
		_, err := c.clients[victim].KeepAliveOnce(ctx, dead)
		early <- err
	}()
	time.Sleep(200 * time.Millisecond)
	victim.Signal(syscall.SIGCONT)
	if err := <-early; err == nil {
		c.wrong("%s renewed a lease that was revoked while it hung", victim)
	}
	for range 4 {
		if err := beat(); err != nil {
			c.wrong("renewal at %s after %s woke: %v", follower, victim, err)
		}
		time.Sleep(500 * time.Millisecond)
	}
	c.awaitServing(victim)
}

func (c *cluster) leaderBut(victim *fleet.Member) *fleet.Member {
	if leader := c.leader(); leader != victim {
		return leader
	}
	return nil
}

// compared: members that start again compare themselves with the others, which are of the other kind too.
func (c *cluster) compared() {
	ctx, cancel := within(20 * time.Second)
	defer cancel()
	client := c.clients[c.members[0]]
	var revision int64
	for i := range 40 {
		put, err := client.Put(ctx, fmt.Sprintf("compared/%d", i%7), fmt.Sprint(i))
		if err != nil {
			c.wrong("put: %v", err)
			return
		}
		revision = put.Header.Revision
	}
	if _, err := client.Compact(ctx, revision-10, clientv3.WithCompactPhysical()); err != nil {
		c.wrong("compact: %v", err)
	}
	for _, m := range c.members {
		m.Stop(syscall.SIGTERM)
		c.start(m, "existing")
		c.awaitServing(m)
		if !until(5*time.Second, func() bool { return contains(m, "initial corruption checking passed; no corruption") }) {
			c.wrong("%s did not compare itself", m)
		}
	}
	leader := c.leader()
	if leader == nil {
		c.wrong("nobody leads")
		return
	}
	if !until(6*time.Second, func() bool { return contains(leader, "finished peer corruption check") }) {
		c.wrong("%s leads and compares nobody", leader)
	}
}

func (c *cluster) noAlarm() {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	alarms, err := c.clients[c.members[0]].AlarmList(ctx)
	if err != nil || len(alarms.Alarms) > 0 {
		c.wrong("alarms: %v %v", alarms, err)
	}
}
