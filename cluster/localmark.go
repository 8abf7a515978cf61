package cluster

import (
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which local copies are marked: an outage could still show them, and what their homes held when
// the nodes confirmed them is lost (rule 44). localreturn.go brings them back.

// emptiedAt is when this process has last noticed that the node has lost its memory.
func (n *node) emptiedAt() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.whole.emptied
}

// isOutOfReach reports whether nothing can be learned from the node, as far as this process knows.
func (n *node) isOutOfReach() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health.state != StateUp || n.whole.unread != nil
}

// hasLost reports whether the node has lost what it held at that time, and has not been filled from
// others since.
func (n *node) hasLost(at time.Time) bool { return n.emptiedAt().After(at) && !n.isWhole() }

// homesLost reports whether all that the homes held at that time is lost, or out of reach, and one of them
// is back.
func (op *operation) homesLost(at time.Time) bool {
	back := false
	return op.allHomes(func(n *node) bool {
		lost := n.hasLost(at)
		back = back || lost
		return lost || n.isOutOfReach()
	}) && back
}

// isReturning reports whether an outage could still show the copy, and nothing of it is pending.
func (l *localCopies) isReturning(c *localCopy, now time.Time) bool {
	return c != nil && c.pending == nil && c.stood != nil && c.age(now) <= l.cfg.Outage && c.stood.Live(l.wallNow())
}

// mayReturn reports whether the session has a copy that an outage could still show, and that the nodes may have lost.
func (l *localCopies) mayReturn(key record.Key) bool {
	if l.cfg.Outage == 0 {
		return false
	}
	c := l.get(key)
	return l.isReturning(&c, time.Now()) || c.unused
}

// noteEmptied marks the copies that are to be brought back, after a poll has found that nodes have lost their memory.
// It belongs to the goroutine that polls.
func (l *localLayer) noteEmptied() {
	if l.cfg.Outage == 0 {
		return
	}
	last := l.emptied
	for _, n := range l.c.nodes() {
		if at := n.emptiedAt(); at.After(last) {
			last = at
		}
	}
	if !last.After(l.emptied) {
		return
	}
	l.emptied = last
	type candidate struct {
		key record.Key
		at  time.Time
	}
	var candidates []candidate
	now := time.Now()
	l.mu.Lock()
	for key, lc := range l.copies {
		if l.isReturning(lc, now) && !lc.marked {
			candidates = append(candidates, candidate{key, lc.at})
		}
	}
	l.mu.Unlock()
	op := l.c.operationOn(record.Key{}, intent{})
	for _, one := range candidates {
		op.hash, op.order = one.key, op.order[:0]
		if op.homesLost(one.at) {
			l.mark(one.key, one.at)
		}
	}
}

// mark has the copy that was confirmed at that time brought back.
func (l *localCopies) mark(key record.Key, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.copies[key]; l.isReturning(c, time.Now()) && !c.marked && c.at.Equal(at) {
		l.markLocked(c)
	}
}

func (l *localCopies) markLocked(c *localCopy) {
	if !c.marked {
		c.marked = true
		l.marked++
	}
	l.markedKeys = append(l.markedKeys, c.key)
	select {
	case l.returns <- struct{}{}:
	default:
	}
}

func (l *localCopies) unmarkLocked(c *localCopy) {
	if c.marked {
		c.marked = false
		l.marked--
	}
}

func (l *localCopies) unmark(key record.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.copies[key]; c != nil {
		l.unmarkLocked(c)
	}
}

// takeMarked returns the keys of the marked copies. They are told once.
func (l *localCopies) takeMarked() []record.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.markedKeys
	l.markedKeys = nil
	return keys
}

func (l *localCopies) markAgain(key record.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c := l.copies[key]; {
	case c == nil || !c.marked:
	case l.isReturning(c, time.Now()):
		l.markedKeys = append(l.markedKeys, key) // for the next tick
	default:
		l.unmarkLocked(c)
	}
}

// releaseLocked takes back that a copy which nobody has used is pending: it could not be written. It is tried
// again for as long as an outage could show it.
func (l *localCopies) releaseLocked(c *localCopy) {
	next := *c
	next.pending = nil
	if l.putLocked(c, next) && l.isReturning(c, time.Now()) {
		c.marked = true
		l.marked++
		l.markedKeys = append(l.markedKeys, c.key)
	}
}
