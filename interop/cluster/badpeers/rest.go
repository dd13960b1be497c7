package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"quorate.dev/interop/cluster"
	"quorate.dev/interop/cluster/fleet"
)

// removed brings members of each kind back after they were removed: while they were away, and after they had left.
func removed(r *run) error {
	if err := r.boot(fleet.Quorate, fleet.Go, fleet.Quorate, fleet.Go, fleet.Quorate); err != nil {
		return err
	}
	nodes := r.c.Nodes()
	said := map[string][]string{}
	for _, node := range []*cluster.Node{nodes[1], nodes[2]} {
		away := r.c.Stop(node, syscall.SIGKILL)
		if err := r.remove(node); err != nil {
			return err
		}
		away.End(2 * time.Second)
		said["removed while it was away: "+string(node.Kind)] = r.comeBack(node)
	}
	for _, kind := range []fleet.Kind{fleet.Go, fleet.Quorate} {
		joined, err := r.c.Add(kind, false)
		if err != nil {
			return err
		}
		if err := r.c.Remove(joined); err != nil {
			return err
		}
		said["removed and gone: "+string(kind)] = r.comeBack(joined)
	}
	for _, when := range []string{"removed while it was away: ", "removed and gone: "} {
		theirs, ours := said[when+"go"], said[when+"quorate"]
		if !slices.Contains(ours, "ended with 0") {
			r.s.Wrong("%s ours %q", when, ours)
		}
		for _, line := range theirs {
			// Go, asked to stop while it is still starting, ends with 0 or with 1.
			if strings.HasPrefix(line, "ended with") {
				continue
			}
			if !slices.Contains(ours, line) {
				r.s.Wrong("%s Go says %q, ours does not; theirs: %q, ours: %q", when, line, theirs, ours)
			}
		}
		r.s.Count("ends of removed members compared", 1)
	}
	r.verdict()
	return nil
}

func (r *run) remove(node *cluster.Node) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		_, err := r.c.Nodes()[0].Target.Client.MemberRemove(ctx, node.ID)
		cancel()
		if err == nil {
			r.c.Forget(node)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("removing %s: %w", node, err)
		}
	}
}

// comeBack starts a removed member on what it has; answers how that ended and which of the telling lines it wrote.
func (r *run) comeBack(node *cluster.Node) []string {
	before := len(node.Log())
	if err := node.Start(fleet.InitialCluster([]*fleet.Member{node.Member}), "existing"); err != nil {
		return []string{err.Error()}
	}
	said := []string{"ended with " + node.WaitEnd(25*time.Second)}
	node.Signal(syscall.SIGKILL)
	log := node.Log()[before:]
	for _, line := range []string{
		"the member has been permanently removed from the cluster", "data-dir used by this member must be removed",
		"server error", "removed member", "closed etcd server", "closing etcd server", "discovery failed",
	} {
		if strings.Contains(log, `"msg":"`+line+`"`) {
			said = append(said, line)
		}
	}
	r.s.Say("%s came back: %q", node, said)
	return said
}

// starts gives members of both kinds the same wrong flags, each in its turn at the same ports.
func starts(r *run) error {
	if err := r.boot(fleet.Quorate, fleet.Go, fleet.Quorate); err != nil {
		return err
	}
	nodes := r.c.Nodes()
	list := fleet.InitialCluster([]*fleet.Member{nodes[0].Member, nodes[1].Member, nodes[2].Member})
	client, peer, other := address(), address(), address()
	base := func(name, cluster, state string) []string {
		return []string{
			"--name=" + name, "--listen-client-urls=http://" + client, "--advertise-client-urls=http://" + client,
			"--listen-peer-urls=http://" + peer, "--initial-advertise-peer-urls=http://" + peer,
			"--initial-cluster=" + cluster, "--initial-cluster-state=" + state, "--initial-cluster-token=" + r.f.Token,
		}
	}
	mine := "x=http://" + peer
	for _, wrong := range []struct {
		name  string
		flags []string
	}{
		{"a name that is not in the list", base("x", "y=http://"+peer, "new")},
		{"an address that is not in the list", base("x", "x=http://"+other, "new")},
		{"one address for two members", base("x", mine+",y=http://"+peer, "new")},
		{"one name for two members", base("x", mine+",x=http://"+other, "new")},
		{"more addresses in the list", append(base("x", mine+",x=http://"+other, "new"), "--initial-advertise-peer-urls=http://"+peer+",http://"+address())},
		{"nobody there to join", base("x", mine+",y=http://"+other, "existing")},
		{"joining without being added", base("x", mine+","+list, "existing")},
		{"joining with a member missing", base("x", mine+","+strings.Join(strings.Split(list, ",")[:2], ","), "existing")},
		{"joining alone", base("x", mine, "existing")},
		{"a list that is none", base("x", "x", "new")},
		{"an empty list", base("x", "", "new")},
		{"a state that is none", base("x", mine, "newish")},
		{"a bad address", base("x", "x=ftp://"+peer, "new")},
	} {
		r.sameEnd(wrong.name, wrong.flags)
	}
	// As if one of the cluster began anew, with everything lost.
	for _, node := range nodes {
		if node.Kind == fleet.Quorate {
			continue
		}
		r.sameEnd("a member that was there before", []string{
			"--name=" + node.Name, "--listen-client-urls=http://" + client, "--advertise-client-urls=http://" + client,
			"--listen-peer-urls=http://" + peer, "--initial-advertise-peer-urls=" + node.PeerURL(),
			"--initial-cluster=" + list, "--initial-cluster-state=new", "--initial-cluster-token=" + r.f.Token,
		})
	}
	r.wrongToken(list, client, peer)
	r.twoOnOne(nodes)
	r.verdict()
	return nil
}

func address() string { return fleetAddress() }

// sameEnd wants the same exit code and the same error in the last line from both kinds.
func (r *run) sameEnd(name string, flags []string) {
	var ends []string
	for _, kind := range []fleet.Kind{fleet.Go, fleet.Quorate} {
		member := r.scratch(kind)
		if err := member.Run(append(flags, "--data-dir="+member.DataDir)); err != nil {
			r.s.Wrong("%s: %v", name, err)
			return
		}
		end := member.WaitEnd(15 * time.Second)
		member.Stop(syscall.SIGKILL)
		ends = append(ends, end+" "+r.lastError(member))
	}
	r.s.Count("refused starts compared", 1)
	r.s.Say("%s: %s", name, ends[0])
	if ends[0] != ends[1] {
		r.s.Wrong("%s\nGo:   %s\nours: %s", name, ends[0], ends[1])
	}
}

var scratches int

// scratch is a member of no cluster.
func (r *run) scratch(kind fleet.Kind) *fleet.Member {
	scratches++
	return r.f.NewMember(fmt.Sprintf("scratch%d", scratches), kind)
}

var pointers = regexp.MustCompile(`0x[0-9a-f]{6,}|scratch\d+`)

// lastError is the message and the error of the last line of a level that ends a process.
func (r *run) lastError(member *fleet.Member) string {
	last := ""
	for _, line := range strings.Split(member.Log(), "\n") {
		var fields struct{ Level, Msg, Error string }
		if json.Unmarshal([]byte(line), &fields) == nil && (fields.Level == "fatal" || fields.Level == "panic") {
			last = fields.Msg + ": " + fields.Error
		} else if last == "" && strings.Contains(line, "invalid value") {
			last = line
		}
	}
	return sortedMembers(pointers.ReplaceAllString(last, "*"))
}

var memberList = regexp.MustCompile(`&\{ID:.*?\}\}`)

// sortedMembers puts the members that Go prints in the order of its maps into one order.
func sortedMembers(text string) string {
	members := memberList.FindAllString(text, -1)
	slices.Sort(members)
	n := -1
	return memberList.ReplaceAllStringFunc(text, func(string) string {
		n++
		return members[n]
	})
}

// wrongToken starts a newcomer of another token: it finds no cluster, the cluster takes no notice, and the log says why.
func (r *run) wrongToken(list, client, peer string) {
	said := map[fleet.Kind][]string{}
	for _, kind := range []fleet.Kind{fleet.Go, fleet.Quorate} {
		member := r.scratch(kind)
		if err := member.Run([]string{
			"--name=x", "--listen-client-urls=http://" + client, "--advertise-client-urls=http://" + client,
			"--listen-peer-urls=http://" + peer, "--initial-advertise-peer-urls=http://" + peer,
			"--initial-cluster=x=http://" + peer + "," + list, "--initial-cluster-state=new", "--initial-cluster-token=another",
			"--data-dir=" + member.DataDir,
		}); err != nil {
			r.s.Wrong("another token: %v", err)
			return
		}
		said[kind] = append(said[kind], "ended with "+member.WaitEnd(4*time.Second))
		log := member.Log()
		// On a busy machine a start may take longer than that.
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log, "mismatch") && time.Now().Before(deadline); log = member.Log() {
			time.Sleep(100 * time.Millisecond)
		}
		member.Stop(syscall.SIGKILL)
		for _, line := range []string{
			"request sent was ignored by remote peer due to cluster ID mismatch", "request sent was ignored; cluster ID mismatch",
			"request cluster ID mismatch", "published local member to cluster through raft",
		} {
			if strings.Contains(log, `"msg":"`+line) {
				said[kind] = append(said[kind], line)
			}
		}
	}
	r.s.Count("starts with another token compared", 1)
	r.s.Say("another token: %q", said[fleet.Go])
	for _, line := range said[fleet.Go] {
		if !slices.Contains(said[fleet.Quorate], line) {
			r.s.Wrong("another token: Go says %q, ours %q", said[fleet.Go], said[fleet.Quorate])
			break
		}
	}
}

// twoOnOne starts a second process on the data directory of a member that runs: it waits, says so, and touches nothing.
func (r *run) twoOnOne(nodes []*cluster.Node) {
	said := map[fleet.Kind]string{}
	seconds := []*fleet.Member{}
	for _, node := range nodes[:2] {
		second := r.scratch(node.Kind)
		seconds = append(seconds, second)
		if err := second.Run([]string{
			"--name=" + node.Name, "--listen-client-urls=http://" + second.Client, "--advertise-client-urls=http://" + second.Client,
			"--listen-peer-urls=http://" + second.Peer, "--initial-advertise-peer-urls=" + node.PeerURL(),
			"--initial-cluster=" + node.Name + "=" + node.PeerURL(), "--data-dir=" + node.DataDir,
		}); err != nil {
			r.s.Wrong("a second process: %v", err)
			return
		}
	}
	time.Sleep(11 * time.Second)
	for _, second := range seconds {
		patience := time.Duration(0)
		if second.Kind == fleet.Quorate {
			patience = 20 * time.Second
		}
		end := second.WaitEnd(patience)
		waits := strings.Contains(second.Log(), "db file is flocked by another process, or taking too long")
		said[second.Kind] = fmt.Sprintf("%s, says that it waits: %v", end, waits)
		second.Stop(syscall.SIGKILL)
	}
	r.s.Count("second processes compared", 1)
	r.s.Say("a second process: %q", said)
	// Go waits for ever; ours says the same, waits for ten seconds and then ends: see docs/decisions/data-directory-lock.md.
	if said[fleet.Go] != "still running, says that it waits: true" || said[fleet.Quorate] != "1, says that it waits: true" {
		r.s.Wrong("a second process on one data directory: %q", said)
	}
	if _, err := os.Stat(nodes[0].DataDir); err != nil {
		r.s.Wrong("%v", err)
	}
}
