package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which saves of one session wait in this process, for how long, and which
// of them go together. A save goes at once where no other one of its session is under way. All
// that come meanwhile wait for that one, and share the next turn (turn.go): else the last of a
// hundred would wait for ninety-nine. Between processes the nodes decide.

// lanes hold the saves that wait, session by session.
type lanes struct {
	mu sync.Mutex // guards below
	// busy has an entry for each session that is being saved: the saves that wait, in the
	// order of arrival, which is the order in which their changes are made.
	busy map[record.Key][]*save
}

// enter reports whether the save goes at once. Its turn ends with leave. Otherwise the save
// stands in line, and wait says how that ends.
func (l *lanes) enter(s *save) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == nil {
		l.busy = map[record.Key][]*save{}
	}
	waiting, busy := l.busy[s.hash]
	if !busy {
		l.busy[s.hash] = nil
		return true
	}
	s.turn = make(chan []*save, 1)
	s.result = ErrUnavailable // if the save that takes it along breaks off
	l.busy[s.hash] = append(waiting, s)
	return false
}

// wait returns the saves that go together, s first, when it is for s to carry them out; then
// the turn ends with leave. Otherwise they are none, and the error is the outcome of s:
// another one has taken it along, or the wait has ended before, by ctx or by Close. A save
// whose wait has ended has stored nothing.
func (l *lanes) wait(ctx context.Context, closing <-chan struct{}, key record.Key, s *save) (together []*save, err error) {
	select {
	case together = <-s.turn:
		return together, s.result
	case <-ctx.Done():
		err = fmt.Errorf("cluster: save: %w", ctx.Err())
	case <-closing:
		err = ErrClosed
	}
	if l.giveUp(key, s) {
		return nil, err
	}
	together = <-s.turn // too late: it is under way
	return together, s.result
}

// giveUp takes the save out of the line, and reports whether it stood there.
func (l *lanes) giveUp(key record.Key, s *save) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.busy[key]
	i := slices.Index(waiting, s)
	if i >= 0 {
		l.busy[key] = slices.Delete(waiting, i, i+1)
	}
	return i >= 0
}

// leave ends a turn, and gives the next one to all that wait. Only where records that were
// loaded and records that were made stand in one line, the first of the other kind begins a
// turn of its own: what proves too little for a session that exists is enough for a new one.
func (l *lanes) leave(key record.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.busy[key]
	if len(waiting) == 0 {
		delete(l.busy, key)
		return
	}
	n := slices.IndexFunc(waiting, func(s *save) bool { return s.mayBeNew != waiting[0].mayBeNew })
	if n < 0 {
		n = len(waiting)
	}
	together := slices.Clone(waiting[:n])
	l.busy[key] = slices.Clone(waiting[n:])
	together[0].turn <- together
}
