package cluster

import (
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a process remembers of keys between operations: when it has last read each
// wide, and the last timestamp that it gave to each.

// mostRecent is how many keys are remembered. With more of them the older half is forgotten: a
// forgotten wide read costs another one.
const mostRecent = 1 << 16

// recent remembers something of keys. Its user holds a lock.
type recent[V any] struct {
	young, old map[record.Key]V
}

func (r *recent[V]) get(key record.Key) V {
	if v, ok := r.young[key]; ok {
		return v
	}
	return r.old[key]
}

func (r *recent[V]) put(key record.Key, v V, most int) {
	if len(r.young) >= most/2 {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = map[record.Key]V{}
	}
	r.young[key] = v
}

// wideReads is when this process has last read each key wide.
type wideReads struct {
	mu   sync.Mutex // guards below
	keys recent[time.Time]
}

func (w *wideReads) at(key record.Key) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys.get(key)
}

func (w *wideReads) note(key record.Key, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys.put(key, t, mostRecent)
}

// timestamps makes sure that two saves of a session by this process never have the same timestamp
// (rule 11).
// A clock that runs does so by itself. A save whose clock is behind what it has read counts on from
// that, and a second save from the same snapshot would count to the same number: of two records
// with one timestamp nobody could tell which is newer.
type timestamps struct {
	// always: also a clock that was set back gives no earlier timestamp than before. Where changes may
	// be pending, others conclude from a later one that they have the earlier ones, too (rule 38).
	always bool

	mu   sync.Mutex // guards below
	last recent[int64]
}

// next returns the timestamp of a change that is made now to the record that was read.
func (t *timestamps) next(key record.Key, read *record.Record, now time.Time, writer uint64) record.Timestamp {
	at := read.NextTimestamp(now, writer)
	if !t.always && at.Clock <= now.UnixMicro() || read.IsAhead(now) { // the latter is stored nowhere
		return at
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at.Clock = max(at.Clock, t.last.get(key)+1)
	t.last.put(key, at.Clock, mostRecent)
	return at
}
