package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"quorate.dev/interop/cluster/fleet"
)

// spoiled: a member of ours that lacks what the others hold refuses to start, and where it is made to, the leader names it.
func (c *cluster) spoiled() {
	victim := c.members[len(c.members)-1]
	leader := c.leader()
	if leader == victim {
		c.moveTo(c.members[0])
		leader = c.leader()
	}
	if leader == nil {
		c.wrong("nobody leads")
		return
	}
	ctx, cancel := within(60 * time.Second)
	defer cancel()
	client := c.clients[leader]
	put, err := client.Put(ctx, "spoiled", "here")
	if err == nil {
		// Who lacks the newest revision alone is not wrong but behind.
		_, err = client.Put(ctx, "spoiled/not", "here")
	}
	if err != nil {
		c.wrong("put: %v", err)
		return
	}
	status, err := c.clients[victim].Status(ctx, victim.ClientURL())
	if err != nil {
		c.wrong("status of %s: %v", victim, err)
		return
	}
	victim.Stop(syscall.SIGTERM)
	folder := filepath.Join(victim.DataDir, "member", "snap", "values")
	spoil := exec.Command("node", *spoiler, folder, fmt.Sprint(put.Header.Revision))
	if said, err := spoil.CombinedOutput(); err != nil {
		c.wrong("spoil: %v %s", err, said)
		return
	}
	c.start(victim, "existing")
	if end := victim.WaitEnd(15 * time.Second); end != "1" {
		c.wrong("%s, which was spoiled, ended with %s", victim, end)
		victim.Stop(syscall.SIGKILL)
	}
	wanted := fmt.Sprintf("%x found data inconsistency with peers", status.Header.MemberId)
	if !contains(victim, wanted) {
		c.wrong("%s did not say: %s", victim, wanted)
	}
	if err := victim.Start(c.initial, "existing", "--feature-gates=InitialCorruptCheck=false"); err != nil {
		panic(err)
	}
	c.awaitServing(victim)
	if _, err := client.Put(ctx, "spoiled/more", "there"); err != nil && !errors.Is(err, rpctypes.ErrCorrupt) {
		c.wrong("put: %v", err)
	}
	var alarms *clientv3.AlarmResponse
	raised := until(15*time.Second, func() bool {
		alarms, err = client.AlarmList(ctx)
		return err == nil && len(alarms.Alarms) > 0
	})
	if !raised || alarms.Alarms[0].MemberID != status.Header.MemberId || alarms.Alarms[0].Alarm != pb.AlarmType_CORRUPT {
		c.wrong("%s leads and raised: %v %v", leader, alarms, err)
	}
	time.Sleep(300 * time.Millisecond)
	for _, m := range c.members {
		if _, err := c.clients[m].Put(ctx, "spoiled/late", "x"); !errors.Is(err, rpctypes.ErrCorrupt) {
			c.wrong("put at %s under the alarm: %v", m, err)
		}
		if _, err := c.clients[m].Get(ctx, "spoiled"); err != nil {
			c.wrong("get at %s under the alarm: %v", m, err)
		}
		if health := healthOf(m); !strings.Contains(health, "ALARM CORRUPT") {
			c.wrong("%s says of its health: %s", m, health)
		}
	}
}

func healthOf(m *fleet.Member) string {
	response, err := http.Get(m.ClientURL() + "/health")
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(body))
}

func (c *cluster) moveTo(target *fleet.Member) {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	status, err := c.clients[target].Status(ctx, target.ClientURL())
	if err == nil {
		_, err = c.clients[c.leader()].MoveLeader(ctx, status.Header.MemberId)
	}
	if err != nil {
		c.wrong("leadership to %s: %v", target, err)
	}
}
