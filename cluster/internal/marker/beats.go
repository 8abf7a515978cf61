package marker

import (
	"maps"
	"sync"
	"time"
)

// This file decides when another process is taken for dead: by a beat in a marker that stands still.

const (
	// BeatEvery is how often a process shows that it lives, in each entry and each lease that it has.
	BeatEvery = 4 * time.Second
	// DeadAfter is how long a beat must have stood still before its process is taken for dead.
	DeadAfter = 15 * time.Second
	// forgetBeat is when a beat that stands still is forgotten: its entry is long gone, or begins anew.
	forgetBeat = time.Hour
)

// Beats are those that this process has seen, each with what it is of.
type Beats[Of comparable] struct {
	mu   sync.Mutex // guards below
	seen map[Of]beat
}

// beat is a beat, and when it was first seen. That is this process's own time: clocks are never compared.
type beat struct {
	number uint64
	since  time.Time
}

// IsDead notes the beat and reports whether it has stood still for too long.
func (b *Beats[Of]) IsDead(of Of, number uint64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen, known := b.seen[of]
	if !known || seen.number != number {
		if b.seen == nil {
			b.seen = map[Of]beat{}
		}
		maps.DeleteFunc(b.seen, func(_ Of, seen beat) bool { return now.Sub(seen.since) > forgetBeat })
		b.seen[of] = beat{number, now}
		return false
	}
	return now.Sub(seen.since) > DeadAfter
}
