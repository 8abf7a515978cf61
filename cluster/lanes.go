package cluster

import (
	"sync"
	"time"
)

// This file decides what a process remembers between calls: which keys are being
// saved, and which were found missing a moment ago.

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

const (
	missingFor   = 500 * time.Millisecond
	missingAfter = 2    // misses in a row before the nodes are spared
	missingMost  = 4096 // keys; the oldest half is dropped when it is full
)

// missing is the negative cache: it spares the nodes a key that was asked for again
// and again and never there. It must not outlive the moment, because another
// process may create the session; in this one, a save removes the key.
type missing struct {
	mu         sync.Mutex // guards below
	young, old map[keyHash]absence
	// saves counts removals, by the first byte of the key: a load that began
	// before a save must not add the key after it.
	saves [256]uint64
}

type absence struct {
	times int
	until time.Time
}

// known reports whether the key was missing a moment ago. The ticket is for add.
func (m *missing) known(key keyHash, now time.Time) (known bool, ticket uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.getLocked(key, now).times >= missingAfter, m.saves[key[0]]
}

func (m *missing) add(key keyHash, ticket uint64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.saves[key[0]] != ticket {
		return
	}
	a := m.getLocked(key, now)
	if len(m.young) >= missingMost/2 {
		m.old, m.young = m.young, nil
	}
	if m.young == nil {
		m.young = map[keyHash]absence{}
	}
	m.young[key] = absence{a.times + 1, now.Add(missingFor)}
}

func (m *missing) remove(key keyHash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves[key[0]]++
	delete(m.young, key)
	delete(m.old, key)
}

func (m *missing) getLocked(key keyHash, now time.Time) absence {
	a, ok := m.young[key]
	if !ok {
		a = m.old[key]
	}
	if now.After(a.until) {
		return absence{}
	}
	return a
}
