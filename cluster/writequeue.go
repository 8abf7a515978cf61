package cluster

import (
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which session with pending changes is written next. A copy whose key is in the queue, or
// which is being written, is not queued again: so of one session there is one write at a time. The queue needs no
// bound of its own: Local bounds the copies.

// writeQueue has the keys of copies with pending changes. It is guarded by localCopies.mu.
type writeQueue struct {
	kicked  chan struct{}
	ready   []record.Key // in the order in which they came
	waiting []record.Key // that could not be written a moment ago
}

// writeState says where the key of a copy is.
type writeState struct {
	queued  bool // ready, or waiting
	writing bool
}

func (q *writeQueue) pushLocked(c *localCopy) {
	if c.write.queued || c.write.writing {
		return
	}
	c.write.queued = true
	q.ready = append(q.ready, c.key)
	select {
	case q.kicked <- struct{}{}:
	default:
	}
}

// next takes a key off the queue.
func (l *localCopies) next() (key record.Key, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue.ready) > 0 {
		key, l.queue.ready = l.queue.ready[0], l.queue.ready[1:]
		if c := l.copies[key]; c != nil && c.write.queued {
			c.write.queued = false
			if c.pending != nil {
				c.write.writing = true
				return key, true
			}
		}
	}
	l.queue.ready = nil
	return key, false
}

// tried puts the key back where something is still pending: further changes, or all of them.
func (l *localCopies) tried(key record.Key, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copies[key]
	if c == nil {
		return
	}
	if c.write.writing = false; c.pending == nil || c.write.queued {
		return
	}
	if err == nil {
		l.queue.pushLocked(c)
		return
	}
	if c.unused {
		l.releaseLocked(c)
		return
	}
	c.write.queued = true
	l.queue.waiting = append(l.queue.waiting, key)
}

// retry has the keys that could not be written tried again, if that may go better now. Sessions that
// have ended meanwhile are dropped.
func (l *localCopies) retry(mayWork bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.wallNow()
	l.queue.waiting = slices.DeleteFunc(l.queue.waiting, func(key record.Key) bool {
		c := l.copies[key]
		if c == nil {
			return true
		}
		ended := c.pending != nil && now.UnixMilli() >= c.pending.Deadline()
		if ended && !c.write.writing {
			l.dropLocked(c)
		}
		return ended
	})
	if mayWork && len(l.queue.waiting) > 0 {
		l.queue.ready, l.queue.waiting = append(l.queue.ready, l.queue.waiting...), nil
		select {
		case l.queue.kicked <- struct{}{}:
		default:
		}
	}
}
