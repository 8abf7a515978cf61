package cluster

import (
	"sync"
	"time"
)

// This file decides what a process remembers of its second looks: which sessions it has
// looked for twice, and when.

// lookedMost bounds the sessions that are remembered; the oldest half is dropped when it
// is full, and costs a second look more.
const lookedMost = 1 << 16

// looked is when sessions were last looked for twice.
type looked struct {
	mu         sync.Mutex // guards below
	young, old map[keyHash]time.Time
}

func (l *looked) at(key keyHash) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.young[key]; ok {
		return t
	}
	return l.old[key]
}

func (l *looked) note(key keyHash, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.young) >= lookedMost/2 {
		l.old, l.young = l.young, nil
	}
	if l.young == nil {
		l.young = map[keyHash]time.Time{}
	}
	l.young[key] = t
}
