package cluster

import (
	"sync"
	"time"
)

// This file decides what a process remembers of keys between calls: which were found
// missing a moment ago, and when each was last looked for twice.

// recent remembers something of keys, and forgets those that were put first. Whoever
// uses it locks it.
type recent[V any] struct {
	young, old map[keyHash]V
}

func (r *recent[V]) get(key keyHash) (v V) {
	if v, ok := r.young[key]; ok {
		return v
	}
	return r.old[key]
}

// put remembers v. With more keys than most, the older half is forgotten.
func (r *recent[V]) put(key keyHash, v V, most int) {
	if len(r.young) >= most/2 {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = map[keyHash]V{}
	}
	r.young[key] = v
}

func (r *recent[V]) remove(key keyHash) {
	delete(r.young, key)
	delete(r.old, key)
}

const (
	missingFor   = 500 * time.Millisecond
	missingAfter = 2    // misses in a row before the nodes are spared
	missingMost  = 4096 // keys
)

// missing is the negative cache: it spares the nodes a key that was asked for again
// and again and never there. It must not outlive the moment, because another
// process may create the session; in this one, a save removes the key.
type missing struct {
	mu   sync.Mutex // guards below
	keys recent[absence]
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
	m.keys.put(key, absence{m.getLocked(key, now).times + 1, now.Add(missingFor)}, missingMost)
}

func (m *missing) remove(key keyHash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves[key[0]]++
	m.keys.remove(key)
}

func (m *missing) getLocked(key keyHash, now time.Time) absence {
	if a := m.keys.get(key); !now.After(a.until) {
		return a
	}
	return absence{}
}

// lookedMost is how many second looks are remembered. One that is forgotten costs another.
const lookedMost = 1 << 16

// looked is when this process has last looked twice for each key.
type looked struct {
	mu   sync.Mutex // guards keys
	keys recent[time.Time]
}

func (l *looked) at(key keyHash) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys.get(key)
}

func (l *looked) note(key keyHash, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys.put(key, t, lookedMost)
}
