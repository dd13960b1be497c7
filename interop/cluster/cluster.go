// Package cluster is what the suites of real clusters share: members of both kinds under load, the steps of a run, the verdict.
package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"quorate.dev/interop/cluster/fleet"
	"quorate.dev/interop/cluster/load"
	"quorate.dev/interop/cluster/story"
)

// startPatience is long because the machine may be busy; a member takes a second or two.
const startPatience = 60 * time.Second

// Node is a member, the client that the load uses, and what we know of it.
type Node struct {
	*fleet.Member
	Target *load.Target
	ID     uint64

	mu       sync.Mutex
	expected *atomic.Bool // The process that runs now may end: we asked for it.
	away     bool         // Nobody should ask it anything.
	sent     time.Time    // When it last sent a snapshot, as far as we know.
}

// Cluster is the members that there are now.
type Cluster struct {
	Fleet  *fleet.Fleet
	Story  *story.Story
	Load   *load.Load
	Random *rand.Rand
	// Before is called with each new member before it is started, and may put a proxy before it.
	Before func(*Node) error

	mu       sync.Mutex
	nodes    []*Node
	count    int
	ending   chan struct{}
	watching sync.WaitGroup
	handover sync.Mutex
}

func New(f *fleet.Fleet, s *story.Story, l *load.Load, seed uint64) *Cluster {
	return &Cluster{Fleet: f, Story: s, Load: l, Random: rand.New(rand.NewPCG(seed, 1<<35)), ending: make(chan struct{})}
}

// Nodes are the members, in the order in which they came.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Boot starts a new cluster of members of these kinds and waits until all of them serve.
func (c *Cluster) Boot(kinds []fleet.Kind) error {
	var members []*fleet.Member
	for _, kind := range kinds {
		node, err := c.newNode(kind)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
		members = append(members, node.Member)
	}
	list := fleet.InitialCluster(members)
	for _, node := range c.nodes {
		if err := c.start(node, list, "new"); err != nil {
			return err
		}
	}
	for _, node := range c.nodes {
		if err := c.AwaitServing(node); err != nil {
			return err
		}
	}
	c.watching.Add(1)
	go func() {
		defer c.watching.Done()
		c.watchTerms()
	}()
	return nil
}

func (c *Cluster) newNode(kind fleet.Kind) (*Node, error) {
	c.count++
	member := c.Fleet.NewMember(fmt.Sprintf("m%d", c.count), kind)
	target, err := load.Dial(member.String(), member.Client)
	if err != nil {
		return nil, err
	}
	node := &Node{Member: member, Target: target}
	if c.Before != nil {
		return node, c.Before(node)
	}
	return node, nil
}

// start watches over the process too: none may end unless it was asked to.
func (c *Cluster) start(node *Node, list, state string) error {
	expected := &atomic.Bool{}
	node.mu.Lock()
	node.expected = expected
	node.mu.Unlock()
	if err := node.Start(list, state); err != nil {
		return err
	}
	gone := node.Gone()
	go func() {
		<-gone
		if !expected.Load() {
			c.Story.Fatal("%s ended by itself with %s:\n%s", node, node.WaitEnd(time.Second), node.LogTail(12))
		}
	}()
	return nil
}

// expectEnd is for the process that runs now; the next is watched anew.
func (n *Node) expectEnd() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expected.Store(true)
}

func (n *Node) setAway(away bool) {
	n.mu.Lock()
	n.away = away
	n.mu.Unlock()
	n.Target.SetAway(away)
}

func (n *Node) IsAway() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.away
}

// Status is what the member says of itself.
func (n *Node) Status(patience time.Duration) (*pb.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return pb.NewMaintenanceClient(n.Target.Client.ActiveConnection()).Status(ctx, &pb.StatusRequest{})
}

// AwaitServing waits until the member answers and knows a leader.
func (c *Cluster) AwaitServing(node *Node) error {
	for deadline := time.Now().Add(startPatience); ; time.Sleep(20 * time.Millisecond) {
		status, err := node.Status(time.Second)
		if err == nil && status.Leader != 0 {
			node.ID = status.Header.MemberId
			return nil
		}
		if !node.Running() || time.Now().After(deadline) {
			return fmt.Errorf("%s does not serve (%v):\n%s", node, err, node.LogTail(15))
		}
	}
}

// Leader is the one that says so of itself in the highest term, once all that are here agree.
func (c *Cluster) Leader() (*Node, error) {
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		leaders := map[uint64]bool{}
		var leader *Node
		asked, answered := 0, 0
		for _, node := range c.Nodes() {
			if node.IsAway() {
				continue
			}
			asked++
			status, err := node.Status(time.Second)
			if err != nil {
				continue
			}
			answered++
			leaders[status.Leader] = true
			if status.Leader == status.Header.MemberId {
				leader = node
			}
		}
		if len(leaders) == 1 && leader != nil && answered == asked {
			return leader, nil
		}
	}
	return nil, fmt.Errorf("the members found no leader within %s", startPatience)
}

// MoveLeader hands leadership to this member, while no scene needs it elsewhere.
func (c *Cluster) MoveLeader(to *Node) error {
	c.handover.Lock()
	defer c.handover.Unlock()
	if to.IsAway() {
		return nil
	}
	return c.moveLeader(to)
}

func (c *Cluster) moveLeader(to *Node) error {
	for range 5 {
		leader, err := c.Leader()
		if err != nil {
			return err
		}
		if leader == to {
			return nil
		}
		window := c.Story.Begin(story.Handover, "")
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err = leader.Target.Client.MoveLeader(ctx, to.ID)
		cancel()
		if err == nil {
			_, err = c.Leader()
		}
		window.End(500 * time.Millisecond)
		if err == nil {
			c.Story.Count(fmt.Sprintf("leader moves from %s to %s", leader.Kind, to.Kind), 1)
			c.Story.Say("leader moved from %s to %s", leader, to)
			return nil
		}
		c.Story.Say("MoveLeader from %s to %s: %v", leader, to, err)
		c.Story.Count("leader moves refused", 1)
	}
	return fmt.Errorf("leadership does not go to %s", to)
}

// Stop takes a member away; `Back` brings it back. Leadership must not be on the move.
func (c *Cluster) Stop(node *Node, signal syscall.Signal) *story.Window {
	window := c.Story.Begin(story.Away, node.Target.Name)
	node.setAway(true)
	node.expectEnd()
	end := node.Stop(signal)
	c.Story.Say("%s stopped with %s: %s", node, signal, end)
	if end != "signal: "+signal.String() {
		c.Story.Wrong("%s, stopped with %s, ended with %s", node, signal, end)
	}
	return window
}

// Back starts the member and waits until it has caught up.
func (c *Cluster) Back(node *Node, window *story.Window) error {
	if err := c.start(node, c.list(), "existing"); err != nil {
		return err
	}
	if err := c.AwaitServing(node); err != nil {
		return err
	}
	if err := c.AwaitCaughtUp(node); err != nil {
		return err
	}
	node.setAway(false)
	window.End(2 * time.Second)
	return nil
}

// AwaitCaughtUp waits until the member has applied what the leader has now.
func (c *Cluster) AwaitCaughtUp(node *Node) error {
	goal := c.Load.Known()
	for deadline := time.Now().Add(startPatience); ; time.Sleep(20 * time.Millisecond) {
		status, err := node.Status(time.Second)
		if err == nil && status.Header.Revision >= goal {
			return nil
		}
		if !node.Running() || time.Now().After(deadline) {
			return fmt.Errorf("%s does not catch up with revision %d: %v %v\n%s", node, goal, status, err, node.LogTail(15))
		}
	}
}

func (c *Cluster) list() string {
	var members []*fleet.Member
	for _, node := range c.Nodes() {
		members = append(members, node.Member)
	}
	return fleet.InitialCluster(members)
}

// Here are the members that are not away, but for `other`.
func (c *Cluster) Here(other *Node) []*Node {
	return slices.DeleteFunc(c.Nodes(), func(node *Node) bool { return node.IsAway() || node == other })
}

// Add makes a member of a kind join, as a learner that is then promoted or at once as a voter, and waits until it has caught up.
func (c *Cluster) Add(kind fleet.Kind, asLearner bool) (*Node, error) {
	node, err := c.newNode(kind)
	if err != nil {
		return nil, err
	}
	if err := c.retry("MemberAdd", "etcdserver: Peer URLs already exists", func(ctx context.Context, client *clientv3.Client) error {
		urls := []string{node.AdvertisedURL()}
		if asLearner {
			_, err := client.MemberAddAsLearner(ctx, urls)
			return err
		}
		_, err := client.MemberAdd(ctx, urls)
		return err
	}); err != nil {
		return nil, err
	}
	if err := c.awaitKnown(node); err != nil {
		return nil, err
	}
	node.setAway(true)
	window := c.Story.Begin(story.Away, node.Target.Name)
	c.mu.Lock()
	c.nodes = append(c.nodes, node)
	c.mu.Unlock()
	if err := c.start(node, c.list(), "existing"); err != nil {
		return nil, err
	}
	if err := c.AwaitServing(node); err != nil {
		return nil, err
	}
	if err := c.AwaitCaughtUp(node); err != nil {
		return nil, err
	}
	if asLearner {
		if err := c.retry("MemberPromote", "etcdserver: can only promote a learner member", func(ctx context.Context, client *clientv3.Client) error {
			_, err := client.MemberPromote(ctx, node.ID)
			return err
		}); err != nil {
			return nil, err
		}
		if err := c.awaitVoter(node); err != nil {
			return nil, err
		}
	}
	node.setAway(false)
	window.End(2 * time.Second)
	c.Story.Count(fmt.Sprintf("members of %s added", kind), 1)
	c.Story.Say("%s added (learner first: %v)", node, asLearner)
	return node, nil
}

// awaitKnown waits until every member has applied the addition: the newcomer may ask any of them, and must be listed.
func (c *Cluster) awaitKnown(node *Node) error {
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		known := true
		for _, other := range c.Here(nil) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			list, err := pb.NewClusterClient(other.Target.Client.ActiveConnection()).MemberList(ctx, &pb.MemberListRequest{})
			cancel()
			known = known && err == nil && slices.ContainsFunc(list.Members, func(m *pb.Member) bool { return slices.Contains(m.PeerURLs, node.AdvertisedURL()) })
		}
		if known {
			return nil
		}
	}
	return fmt.Errorf("not all members know of %s", node)
}

func (c *Cluster) awaitVoter(node *Node) error {
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if status, err := node.Status(time.Second); err == nil && !status.IsLearner {
			return nil
		}
	}
	return fmt.Errorf("%s stays a learner", node)
}

// Remove takes a member out; its process must end by itself, with 0.
func (c *Cluster) Remove(node *Node) error {
	c.handover.Lock()
	defer c.handover.Unlock()
	window := c.Story.Begin(story.Away, node.Target.Name)
	node.setAway(true)
	node.expectEnd()
	c.Load.Remove(node.Target)
	if err := c.retry("MemberRemove", "etcdserver: member not found", func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.MemberRemove(ctx, node.ID)
		return err
	}); err != nil {
		return err
	}
	c.mu.Lock()
	c.nodes = slices.DeleteFunc(c.nodes, func(other *Node) bool { return other == node })
	c.mu.Unlock()
	if end := node.WaitEnd(20 * time.Second); end != "0" {
		c.Story.Wrong("%s, removed, ended with %s:\n%s", node, end, node.LogTail(10))
		node.Stop(syscall.SIGKILL)
	}
	node.Target.Close()
	if _, err := c.Leader(); err != nil {
		return err
	}
	window.End(2 * time.Second)
	c.Story.Count(fmt.Sprintf("members of %s removed", node.Kind), 1)
	c.Story.Say("%s removed", node)
	return nil
}

// What etcd answers until all members have been connected for five seconds, or are in sync.
var notYet = []string{
	"etcdserver: unhealthy cluster",
	"etcdserver: can only promote a learner member which is in sync with leader",
	"etcdserver: re-configuration failed due to not enough started members",
	"etcdserver: leader changed",
}

// retry asks until the change is made. One on its way to a leader that is overthrown is lost, and a member of etcd then waits for it as
// long as its client does; `made` is what it says when the change was made after all.
func (c *Cluster) retry(what, made string, call func(context.Context, *clientv3.Client) error) error {
	unanswered := false
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		here := c.Here(nil)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		at := here[c.Random.IntN(len(here))]
		err := call(ctx, at.Target.Client)
		lost := ctx.Err() != nil
		cancel()
		if err == nil || unanswered && strings.HasSuffix(err.Error(), made) {
			return nil
		}
		known := slices.ContainsFunc(notYet, func(text string) bool { return strings.HasSuffix(err.Error(), text) })
		if !known && !lost || time.Now().After(deadline) {
			return fmt.Errorf("%s through %s: %w", what, at, err)
		}
		if lost {
			unanswered = true
			c.Story.Count(what+" never answered", 1)
		} else {
			c.Story.Count(what+" refused for now", 1)
		}
	}
}

// watchTerms notes each rise of the term, most of which we cause ourselves.
func (c *Cluster) watchTerms() {
	var term uint64
	for {
		select {
		case <-c.ending:
			return
		case <-time.After(100 * time.Millisecond):
		}
		for _, node := range c.Here(nil) {
			status, err := node.Status(500 * time.Millisecond)
			if err != nil || status.RaftTerm <= term {
				continue
			}
			if term != 0 {
				c.Story.Elected(time.Now(), fmt.Sprintf("term %d on %s", status.RaftTerm, node))
			}
			term = status.RaftTerm
		}
	}
}

// Targets are those of the members that there are now.
func (c *Cluster) Targets() []*load.Target {
	var targets []*load.Target
	for _, node := range c.Nodes() {
		targets = append(targets, node.Target)
	}
	return targets
}

// StopAll ends all processes, each as it should end.
func (c *Cluster) StopAll() {
	select {
	case <-c.ending:
	default:
		close(c.ending)
	}
	c.watching.Wait()
	var stopping sync.WaitGroup
	for _, node := range c.Nodes() {
		node.expectEnd()
		stopping.Go(func() {
			if end := node.Stop(syscall.SIGTERM); end != "signal: terminated" {
				c.Story.Wrong("%s, stopped at the end, ended with %s", node, end)
			}
		})
	}
	stopping.Wait()
}

// RestartAll starts again what `StopAll` has stopped.
func (c *Cluster) RestartAll() error {
	for _, node := range c.Nodes() {
		if err := c.start(node, c.list(), "existing"); err != nil {
			return err
		}
	}
	for _, node := range c.Nodes() {
		if err := c.AwaitServing(node); err != nil {
			return err
		}
	}
	return nil
}

// Forget takes a member that others have removed from those that the run cares for.
func (c *Cluster) Forget(node *Node) {
	c.Load.Remove(node.Target)
	c.mu.Lock()
	c.nodes = slices.DeleteFunc(c.nodes, func(other *Node) bool { return other == node })
	c.mu.Unlock()
	node.Target.Close()
}
