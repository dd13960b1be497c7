package history

import (
	"bytes"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

// Watch is what one watcher asked for and got, on one member.
type Watch struct {
	Member, Name string
	Key, End     []byte
	PrevKv       bool
	NoPut, NoDel bool
	// From is the first revision asked for; Gaps are those that a compaction took before the watcher could see them.
	From int64
	Gaps []Gap
	// Till is the last revision that it must have seen.
	Till   int64
	Events []Seen
}

// Gap is a stretch of revisions from `From` to just before `To`.
type Gap struct{ From, To int64 }

// Seen is an event and when it came.
type Seen struct {
	*mvccpb.Event
	At time.Time
}

// Log is the history that all watchers together have seen.
type Log struct {
	Last      int64
	revisions map[int64][]*mvccpb.Event
	seenAt    map[int64]time.Time
}

func (l *Log) At(revision int64) []*mvccpb.Event { return l.revisions[revision] }

// SeenAt is when the first watcher saw a revision.
func (l *Log) SeenAt(revision int64) time.Time { return l.seenAt[revision] }

// Gather makes the log from the watchers of everything, which must agree on each revision that they share.
func Gather(whole []*Watch) (*Log, []string) {
	log := &Log{revisions: map[int64][]*mvccpb.Event{}, seenAt: map[int64]time.Time{}}
	var wrongs []string
	for _, w := range whole {
		for _, group := range w.grouped() {
			revision := group[0].Kv.ModRevision
			var events []*mvccpb.Event
			for _, seen := range group {
				events = append(events, seen.Event)
			}
			if first, there := log.seenAt[revision]; !there || group[0].At.Before(first) {
				log.seenAt[revision] = group[0].At
			}
			if known := log.revisions[revision]; known == nil {
				log.revisions[revision] = events
			} else if !sameEvents(known, events) {
				wrongs = append(wrongs, fmt.Sprintf("%s on %s saw at revision %d %s, another %s", w.Name, w.Member, revision, showEvents(events), showEvents(known)))
			}
			log.Last = max(log.Last, revision)
		}
	}
	return log, wrongs
}

func (w *Watch) grouped() [][]Seen {
	var groups [][]Seen
	for _, e := range w.Events {
		last := len(groups) - 1
		if last >= 0 && groups[last][0].Kv.ModRevision == e.Kv.ModRevision {
			groups[last] = append(groups[last], e)
		} else {
			groups = append(groups, []Seen{e})
		}
	}
	return groups
}

func (w *Watch) missed(revision int64) bool {
	for _, gap := range w.Gaps {
		if revision >= gap.From && revision < gap.To {
			return true
		}
	}
	return false
}

// Check says what a watcher saw that it should not have, or did not see: each event of its range once, in order, with the
// value before it when that was asked for. `compacted` is the newest compaction that may have taken such a value.
func (l *Log) Check(w *Watch, compacted int64) []string {
	var wrongs []string
	wrong := func(format string, args ...any) {
		wrongs = append(wrongs, fmt.Sprintf("%s on %s: %s", w.Name, w.Member, fmt.Sprintf(format, args...)))
	}
	at := 0
	before := map[string]*mvccpb.KeyValue{}
	for revision := int64(2); revision <= w.Till; revision++ {
		for _, e := range l.revisions[revision] {
			previous := before[string(e.Kv.Key)]
			if e.Type == mvccpb.Event_PUT {
				before[string(e.Kv.Key)] = e.Kv
			} else {
				delete(before, string(e.Kv.Key))
			}
			if revision < w.From || w.missed(revision) || !w.wants(e) {
				continue
			}
			if at == len(w.Events) {
				wrong("ended before %s of revision %d, of %d", e.Kv.Key, revision, w.Till)
				return wrongs
			}
			got := w.Events[at]
			at++
			if got.Type != e.Type || !proto.Equal(got.Kv, e.Kv) {
				wrong("got %s where %s was due", showEvents([]*mvccpb.Event{got.Event}), showEvents([]*mvccpb.Event{e}))
				return wrongs
			}
			taken := got.PrevKv == nil && revision-1 < compacted
			if w.PrevKv && !taken && !proto.Equal(got.PrevKv, previous) {
				wrong("revision %d of %s came with the previous %v where %v was due", revision, e.Kv.Key, got.PrevKv, previous)
			}
			if !w.PrevKv && got.PrevKv != nil {
				wrong("revision %d of %s came with a previous value that was not asked for", revision, e.Kv.Key)
			}
		}
	}
	for _, extra := range w.Events[at:] {
		if extra.Kv.ModRevision <= w.Till {
			wrong("got %s, which was not due", showEvents([]*mvccpb.Event{extra.Event}))
			break
		}
	}
	return wrongs
}

func (w *Watch) wants(e *mvccpb.Event) bool {
	if (w.NoPut && e.Type == mvccpb.Event_PUT) || (w.NoDel && e.Type == mvccpb.Event_DELETE) {
		return false
	}
	return In(e.Kv.Key, w.Key, w.End) || (bytes.Equal(w.Key, []byte{0}) && bytes.Equal(w.End, []byte{0}))
}
