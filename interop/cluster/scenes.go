package cluster

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"quorate.dev/interop/cluster/fleet"
)

const (
	// SnapshotCount and CatchupEntries are small, so that a member is soon behind the leader's log.
	SnapshotCount  = 100
	CatchupEntries = 50
	// behind is enough for a leader of either kind to have dropped what the member lacks: Go looks every hundred entries, ours keeps
	// four times as many for who was just within reach.
	behind = SnapshotCount + 4*CatchupEntries + 400
	// releaseDelay is how long a leader keeps its log after it has sent a snapshot.
	releaseDelay = 31 * time.Second
	absencesMax  = 3
)

// SnapshotFlags are the flags that make snapshots frequent.
func SnapshotFlags() []string {
	return []string{
		fmt.Sprintf("--snapshot-count=%d", SnapshotCount),
		fmt.Sprintf("--snapshot-catchup-entries=%d", CatchupEntries),
	}
}

// NeedSnapshot stops the victim until the sender, then the leader, has dropped what it lacks; back, it must get a snapshot. A sender
// keeps its log while a snapshot to anybody is on its way, and for a while after: then the victim has to go once more.
func (c *Cluster) NeedSnapshot(victim, sender *Node, signal syscall.Signal) error {
	c.handover.Lock()
	defer c.handover.Unlock()
	for absence := 1; absence <= absencesMax; absence++ {
		received, err := c.beAway(victim, sender, signal)
		if received || err != nil {
			return err
		}
	}
	c.Story.Wrong("%s came back %d times without a snapshot from %s, whose log no longer had what it lacked", victim, absencesMax, sender)
	return nil
}

// MayNeedSnapshot does it once, with what comes of it; not at all while the sender is known to keep its log.
func (c *Cluster) MayNeedSnapshot(victim, sender *Node, signal syscall.Signal) error {
	c.handover.Lock()
	defer c.handover.Unlock()
	if sender.keepsLogFor() > 0 {
		return nil
	}
	_, err := c.beAway(victim, sender, signal)
	return err
}

// beAway tells whether the victim received a snapshot when it was back.
func (c *Cluster) beAway(victim, sender *Node, signal syscall.Signal) (bool, error) {
	if err := c.moveLeader(sender); err != nil {
		return false, err
	}
	if wait := sender.keepsLogFor(); wait > 0 {
		c.Story.Say("%s still keeps its log for %s", sender, wait.Round(time.Millisecond))
		time.Sleep(wait)
	}
	stopped, err := victim.Status(5 * time.Second)
	if err != nil {
		return false, err
	}
	away := c.Stop(victim, signal)
	if err := c.awaitDropped(sender, stopped.RaftAppliedIndex); err != nil {
		return false, err
	}
	if err := c.Back(victim, away); err != nil {
		return false, err
	}
	received, err := victim.Metric("etcd_network_snapshot_receive_success")
	if err != nil {
		return false, err
	}
	sender.noteSent()
	if received == 0 {
		c.Story.Say("%s came back without a snapshot from %s, which had kept its log for another", victim, sender)
		return false, nil
	}
	c.Story.Count(fmt.Sprintf("snapshots from %s to %s", sender.Kind, victim.Kind), 1)
	c.Story.Say("%s is back, with a snapshot from %s", victim, sender)
	return true, nil
}

func (c *Cluster) awaitDropped(sender *Node, index uint64) error {
	for deadline := time.Now().Add(startPatience); ; time.Sleep(20 * time.Millisecond) {
		status, err := sender.Status(time.Second)
		if err != nil {
			continue
		}
		// A pause that has just ended needs a whole round more.
		if index+behind < status.RaftAppliedIndex {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not move on from %d", sender, status.RaftAppliedIndex)
		}
	}
}

func (n *Node) noteSent() {
	n.mu.Lock()
	n.sent = time.Now()
	n.mu.Unlock()
}

// keepsLogFor is how long this member, were it the leader, still drops nothing, as far as is known.
func (n *Node) keepsLogFor() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sent.IsZero() {
		return 0
	}
	return time.Until(n.sent.Add(releaseDelay))
}

// Sender is a member of a kind that is not the victim, the one that can drop its log soonest.
func (c *Cluster) Sender(kind fleet.Kind, victim *Node) *Node {
	nodes := slices.DeleteFunc(c.Here(victim), func(node *Node) bool { return node.Kind != kind })
	if len(nodes) == 0 {
		return nil
	}
	return slices.MinFunc(nodes, func(a, b *Node) int { return int(a.keepsLogFor() - b.keepsLogFor()) })
}

// OfKind is any member of a kind.
func (c *Cluster) OfKind(kind fleet.Kind) *Node {
	nodes := slices.DeleteFunc(c.Here(nil), func(node *Node) bool { return node.Kind != kind })
	if len(nodes) == 0 {
		return nil
	}
	return nodes[c.Random.IntN(len(nodes))]
}

// Metric is the sum of a metric over its labels.
func (n *Node) Metric(name string) (float64, error) {
	answer, err := http.Get(n.ClientURL() + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, line := range strings.Split(string(body), "\n") {
		if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
			if err != nil {
				return 0, err
			}
			sum += value
		}
	}
	return sum, nil
}
