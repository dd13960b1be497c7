// Package story keeps what was done to a cluster and when, so that an error can be judged: is it one that etcd itself gives then?
package story

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Trouble is what may be going on.
type Trouble int

const (
	// Away: a member is being stopped, is down, or has not yet caught up after its start.
	Away Trouble = iota
	// Handover: leadership goes from one member to another, as we asked.
	Handover
	// Election: the term rose though nobody asked for it, as it does on a starved machine.
	Election
)

// Window is one trouble, from its cause until it is over.
type Window struct {
	Trouble Trouble
	// Member is who is away.
	Member     string
	from, till time.Time
	story      *Story
}

// Failure is a call that did not succeed.
type Failure struct {
	Member, What string
	From, Till   time.Time
	Err          error
	// Excuse says that the request itself asked for this answer, as a read below a compaction does.
	Excuse string
}

// Story is the record of one run.
type Story struct {
	mu       sync.Mutex
	began    time.Time
	windows  []*Window
	failures []Failure
	wrongs   []string
	notes    map[string]int
	// Over is closed when going on makes no sense.
	Over  chan struct{}
	fatal sync.Once
	// Verbose prints each step as it is taken.
	Verbose bool
}

func New(verbose bool) *Story {
	return &Story{began: time.Now(), notes: map[string]int{}, Over: make(chan struct{}), Verbose: verbose}
}

// Say prints a step of the run with its time.
func (s *Story) Say(format string, args ...any) {
	if s.Verbose {
		fmt.Printf("  %6.2f  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// Count adds to a figure of the report.
func (s *Story) Count(name string, by int) {
	s.mu.Lock()
	s.notes[name] += by
	s.mu.Unlock()
}

func (s *Story) Figure(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[name]
}

// Wrong is something that must not be.
func (s *Story) Wrong(format string, args ...any) {
	// All of it stands deeper than its first line: so it is known to belong to it.
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n    ")
	s.mu.Lock()
	s.wrongs = append(s.wrongs, text)
	count := len(s.wrongs)
	s.mu.Unlock()
	if count <= 40 {
		fmt.Printf("  %6.2f  WRONG: %s\n", time.Since(s.began).Seconds(), text)
	}
}

// Fatal is something after which the rest would only say the same again and again.
func (s *Story) Fatal(format string, args ...any) {
	s.Wrong(format, args...)
	s.fatal.Do(func() { close(s.Over) })
}

func (s *Story) Wrongs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.wrongs)
}

// Begin opens a window of trouble.
func (s *Story) Begin(trouble Trouble, member string) *Window {
	w := &Window{Trouble: trouble, Member: member, from: time.Now(), story: s}
	s.mu.Lock()
	s.windows = append(s.windows, w)
	s.mu.Unlock()
	return w
}

// End closes the window after a moment in which the news still spreads.
func (w *Window) End(spread time.Duration) {
	w.story.mu.Lock()
	w.till = time.Now().Add(spread)
	w.story.mu.Unlock()
}

// Elected notes that the term rose at about `at`; unless we caused it, that is an election of its own.
func (s *Story) Elected(at time.Time, what string) {
	s.mu.Lock()
	for _, w := range s.windows {
		if w.covers(at.Add(-3*time.Second), at) {
			s.mu.Unlock()
			return
		}
	}
	s.windows = append(s.windows, &Window{Trouble: Election, from: at.Add(-4 * time.Second), till: at.Add(2 * time.Second), story: s})
	s.notes["elections of their own"]++
	s.mu.Unlock()
	s.Say("an election of its own: %s", what)
}

func (w *Window) covers(from, till time.Time) bool {
	return !till.Before(w.from) && (w.till.IsZero() || !from.After(w.till))
}

// Failed takes a call that did not succeed, to be judged when the whole story is known.
func (s *Story) Failed(f Failure) {
	s.mu.Lock()
	s.failures = append(s.failures, f)
	s.mu.Unlock()
}

// Judge prints every failure that the story does not explain, and answers the counts of those that it does.
func (s *Story) Judge() map[string]int {
	s.mu.Lock()
	failures := s.failures
	s.mu.Unlock()
	explained := map[string]int{}
	for _, f := range failures {
		if f.Excuse != "" {
			explained[f.Excuse]++
			continue
		}
		reason := s.explain(f)
		if reason == "" {
			s.Wrong("%s on %s failed after %s, begun at %.2f: %s", f.What, f.Member, f.Till.Sub(f.From).Round(time.Millisecond), f.From.Sub(s.began).Seconds(), Describe(f.Err))
			continue
		}
		explained[reason]++
	}
	return explained
}

// The errors of a change of leader: etcd gives them to what was under way, and to what comes before the next leader is known.
var leaderless = []string{
	"etcdserver: leader changed",
	"etcdserver: no leader",
	"etcdserver: request timed out",
	"etcdserver: request timed out, possibly due to previous leader failure",
	"etcdserver: request timed out, possibly due to connection lost",
	"raft proposal dropped",
}

func (s *Story) explain(f Failure) string {
	away, leader := s.troubles(f)
	text := status.Convert(f.Err).Message()
	code := status.Code(f.Err)
	if leader {
		for _, known := range leaderless {
			if text == known {
				return text
			}
		}
	}
	if !away {
		return ""
	}
	switch {
	case text == "etcdserver: server stopped", text == "etcdserver: request canceled":
		return text
	case code == codes.Unavailable && !strings.HasPrefix(text, "etcdserver:"):
		return "the connection to a stopped member"
	case code == codes.DeadlineExceeded, code == codes.Canceled:
		return "no answer from a stopped member"
	}
	return ""
}

// troubles says whether this call's member was away, and whether leadership was in question, while it ran.
func (s *Story) troubles(f Failure) (away, leader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.windows {
		if !w.covers(f.From, f.Till) {
			continue
		}
		// Any member may have been the leader when it was stopped.
		leader = true
		away = away || (w.Trouble == Away && w.Member == f.Member)
	}
	return away, leader
}

func Describe(err error) string {
	if s, ok := status.FromError(err); ok {
		return fmt.Sprintf("%s: %s", s.Code(), s.Message())
	}
	return err.Error()
}

// Figures are the report's counts, in order.
func (s *Story) Figures() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counts(s.notes)
}

func Counts(counts map[string]int) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(parts, ", ")
}
