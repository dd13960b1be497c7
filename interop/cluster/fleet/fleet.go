// Package fleet starts and stops the real processes of a cluster: members of both kinds with the same flags.
package fleet

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Kind is whose program a member runs.
type Kind string

const (
	Go      Kind = "go"
	Quorate Kind = "quorate"
)

// Other is the kind that a cluster of both is to be proven against.
func (k Kind) Other() Kind {
	if k == Go {
		return Quorate
	}
	return Go
}

// Fleet is every process of one run, and where they keep their data.
type Fleet struct {
	// Etcd is the Go program, Script the one of Quorate that Node runs.
	Etcd, Script, Dir, Token string
	// Flags are given to every member.
	Flags []string

	mu      sync.Mutex
	members []*Member
}

// NewMember has ports of its own, and has not been started.
func (f *Fleet) NewMember(name string, kind Kind) *Member {
	peer := fmt.Sprintf("127.0.0.1:%d", FreePort())
	m := &Member{
		Name: name, Kind: kind, fleet: f,
		Client: fmt.Sprintf("127.0.0.1:%d", FreePort()),
		Peer:   peer, Advertised: peer,
		DataDir: filepath.Join(f.Dir, name),
		LogPath: filepath.Join(f.Dir, name+".log"),
	}
	f.mu.Lock()
	f.members = append(f.members, m)
	f.mu.Unlock()
	return m
}

// InitialCluster is what `--initial-cluster` says of these members.
func InitialCluster(members []*Member) string {
	var parts []string
	for _, m := range members {
		parts = append(parts, m.Name+"="+m.AdvertisedURL())
	}
	return strings.Join(parts, ",")
}

// KillAll ends every process that is left.
func (f *Fleet) KillAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		m.Signal(syscall.SIGKILL)
	}
}

// Guard ends all processes when this one is asked to end, or when the one that started it is gone.
func (f *Fleet) Guard() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	parent := os.Getppid()
	go func() {
		for {
			select {
			case <-signals:
			case <-time.After(500 * time.Millisecond):
				if os.Getppid() == parent {
					continue
				}
			}
			f.KillAll()
			os.Exit(130)
		}
	}()
}

// PortBase is the first of the 800 ports that a suite takes its own from: another for each that may run beside others.
var PortBase = 27100

const portCount = 800

var (
	portLock sync.Mutex
	nextPort = (os.Getpid() * 20) % portCount
)

// PortsFrom keeps programs that run at once from each other's ports.
func PortsFrom(first int) { nextPort = first - PortBase }

// FreePort is fixed, so that a member that was stopped finds its own port free again.
func FreePort() int {
	portLock.Lock()
	defer portLock.Unlock()
	for range portCount {
		nextPort = (nextPort + 1) % portCount
		port := PortBase + nextPort
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	panic(fmt.Sprintf("no free port of the %d from %d", portCount, PortBase))
}

// Member is one process, which may be stopped and started again on its data directory.
type Member struct {
	Name         string
	Kind         Kind
	Client, Peer string // host:port
	// Advertised is where the other members find this one: a proxy before it, or `Peer`.
	Advertised string
	DataDir    string
	LogPath    string

	fleet   *Fleet
	mu      sync.Mutex
	command *exec.Cmd
	gone    chan struct{}
}

func (m *Member) PeerURL() string       { return "http://" + m.Peer }
func (m *Member) AdvertisedURL() string { return "http://" + m.Advertised }
func (m *Member) ClientURL() string     { return "http://" + m.Client }
func (m *Member) String() string        { return fmt.Sprintf("%s (%s)", m.Name, m.Kind) }

// Start runs the program; `state` is `new` or `existing`. It does not wait until the member serves.
func (m *Member) Start(initialCluster, state string, extra ...string) error {
	flags := []string{
		"--name=" + m.Name,
		"--data-dir=" + m.DataDir,
		"--listen-client-urls=" + m.ClientURL(),
		"--advertise-client-urls=" + m.ClientURL(),
		"--listen-peer-urls=" + m.PeerURL(),
		"--initial-advertise-peer-urls=" + m.AdvertisedURL(),
		"--initial-cluster=" + initialCluster,
		"--initial-cluster-state=" + state,
		"--initial-cluster-token=" + m.fleet.Token,
	}
	return m.Run(append(append(flags, m.fleet.Flags...), extra...))
}

// Run starts the member's program with exactly these flags.
func (m *Member) Run(flags []string) error {
	command := exec.Command(m.fleet.Etcd, flags...)
	if m.Kind == Quorate {
		command = exec.Command("node", append([]string{m.fleet.Script}, flags...)...)
	}
	log, err := os.OpenFile(m.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	m.mu.Lock()
	m.command, m.gone = command, gone
	m.mu.Unlock()
	go func() {
		_ = command.Wait()
		close(gone)
	}()
	return nil
}

// Signal does nothing to a process that has ended.
func (m *Member) Signal(signal syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.command == nil {
		return
	}
	select {
	case <-m.gone:
	default:
		_ = m.command.Process.Signal(signal)
	}
}

// Gone is closed when the process that runs now has ended.
func (m *Member) Gone() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone
}

// Running says whether the process is there.
func (m *Member) Running() bool {
	gone := m.Gone()
	if gone == nil {
		return false
	}
	select {
	case <-gone:
		return false
	default:
		return true
	}
}

// WaitEnd is the exit status of the process: "0", "signal: terminated" and the like; "still running" after `patience`.
func (m *Member) WaitEnd(patience time.Duration) string {
	select {
	case <-m.Gone():
		m.mu.Lock()
		defer m.mu.Unlock()
		state := m.command.ProcessState
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return "signal: " + status.Signal().String()
		}
		return fmt.Sprint(state.ExitCode())
	case <-time.After(patience):
		return "still running"
	}
}

// Stop ends the process, and kills it when it does not end.
func (m *Member) Stop(signal syscall.Signal) string {
	m.Signal(signal)
	end := m.WaitEnd(20 * time.Second)
	if end == "still running" {
		m.Signal(syscall.SIGKILL)
		m.WaitEnd(20 * time.Second)
		return "did not end within 20 s of " + signal.String()
	}
	return end
}

// LogTail is the end of what the member has said.
func (m *Member) LogTail(lines int) string {
	all := strings.Split(strings.TrimSpace(m.Log()), "\n")
	tail := all[max(0, len(all)-lines):]
	for i, line := range tail {
		tail[i] = fmt.Sprintf("    %.400s", line)
	}
	return strings.Join(tail, "\n")
}

// Log is all that the member has said.
func (m *Member) Log() string {
	bytes, err := os.ReadFile(m.LogPath)
	if err != nil {
		return err.Error()
	}
	return string(bytes)
}

// Kinds reads a list such as `go,quorate`.
func Kinds(text string) ([]Kind, error) {
	var kinds []Kind
	for _, part := range strings.Split(text, ",") {
		kind := Kind(part)
		if kind != Go && kind != Quorate {
			return nil, fmt.Errorf("%q is neither go nor quorate", part)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}
