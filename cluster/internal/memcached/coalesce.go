package memcached

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// This file decides which commands travel together. The one that finds the server idle goes at
// once; those that arrive while it is under way go together next. So a lone caller waits for
// nobody, and many callers cost the server and this process one exchange instead of one each.
// Gets do so (batch.go), and so do small writes (pipeline.go).

// coalescer is the queue of those that wait for the exchange under way. At most one leader at a
// time takes from it and has the exchange; when that is over, it hands the lead on.
type coalescer[T any] struct {
	mu      sync.Mutex // guards below
	led     bool
	waiting []T // in the order of arrival

	crowded atomic.Bool // more than one were taken last
}

// join adds t to the queue. If leads is true, the caller is the leader now.
func (c *coalescer[T]) join(t T) (leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, t)
	leads, c.led = !c.led, true
	return leads
}

// lead makes the caller the leader, unless there is one, without adding to the queue.
func (c *coalescer[T]) lead() (leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	leads, c.led = !c.led, true
	return leads
}

// gather lets those join first who are about to, where more than one went together last: many callers that
// wake at once would else find that the first of them has gone alone. Who leads calls it before it takes the
// first time.
func (c *coalescer[T]) gather() {
	if c.crowded.Load() {
		runtime.Gosched()
	}
}

// take moves as many from the head of the queue to the end of going as count says.
func (c *coalescer[T]) take(going []T, count func(waiting []T) int) []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := count(c.waiting)
	if n > 0 {
		c.crowded.Store(n > 1)
	}
	going = append(going, c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	return going
}

// everyone is the count that takes all.
func everyone[T any](waiting []T) int { return len(waiting) }

// handOn ends the lead. If somebody has arrived meanwhile, the first of them leads next.
func (c *coalescer[T]) handOn() (next T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.led = len(c.waiting) > 0; c.led {
		next = c.waiting[0]
	}
	return next, c.led
}

// depth is how many wait.
func (c *coalescer[T]) depth() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}
