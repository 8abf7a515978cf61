package cluster

import "sync"

// This file decides which of several saves of one key in this process goes first.

// lanes let saves of one key take turns within the process.
type lanes struct {
	mu sync.Mutex // guards below
	// busy has an entry for each key that is being saved: those who wait for their
	// turn, in the order of arrival.
	busy map[keyHash][]chan bool
}

// enter returns true when it is the caller's turn, which ends with leave. It returns
// false when the caller is to go without one.
func (l *lanes) enter(key keyHash) bool {
	l.mu.Lock()
	if l.busy == nil {
		l.busy = map[keyHash][]chan bool{}
	}
	waiting, busy := l.busy[key]
	if !busy {
		l.busy[key] = nil
		l.mu.Unlock()
		return true
	}
	turn := make(chan bool, 1)
	l.busy[key] = append(waiting, turn)
	l.mu.Unlock()
	return <-turn
}

// leave ends a turn. Where it found no nodes, all who wait go at once: else each of them
// would wait for the failures of all before it.
func (l *lanes) leave(key keyHash, unavailable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.busy[key]
	if unavailable {
		for _, turn := range waiting {
			turn <- false
		}
		waiting = nil
	}
	if len(waiting) == 0 {
		delete(l.busy, key)
		return
	}
	l.busy[key] = waiting[1:]
	waiting[0] <- true
}
