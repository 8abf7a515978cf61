package pace

import (
	"context"
	"sync"
	"time"
)

// This file decides how many unknown session ids a second this process looks for:
// a token bucket for wide reads that nothing but an id asks for. A flood of
// invented ids then costs the nodes little, and users whose sessions are where
// they belong never meet it.

// Limiter is the bucket.
type Limiter struct {
	interval time.Duration // between tokens; 0: no limit
	burst    time.Duration // how far the bucket can run ahead, as time
	patience time.Duration // the longest wait for a token

	mu   sync.Mutex // guards below
	next time.Time  // when the bucket would be full again: the virtual scheduling time of GCRA
}

// NewLimiter returns a full bucket. A negative rate means no limit.
func NewLimiter(perSecond int, patience time.Duration) *Limiter {
	if perSecond < 0 {
		return &Limiter{}
	}
	return &Limiter{interval: time.Second / time.Duration(perSecond), burst: time.Second, patience: patience}
}

// reserve takes a token and says how long to wait until it is due, or takes none and
// reports false when that would be longer than the limiter's patience. It is the
// generic cell rate algorithm (ITU-T I.371): one time instead of a count and a ticker.
func (l *Limiter) reserve(now time.Time) (wait time.Duration, ok bool) {
	if l.interval == 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next.Before(now) {
		l.next = now
	}
	wait = max(0, l.next.Sub(now)-l.burst)
	if wait > l.patience {
		return 0, false
	}
	l.next = l.next.Add(l.interval)
	return wait, true
}

// Wait returns when a token is due. It reports false when there is none in time, and
// when ctx ends.
func (l *Limiter) Wait(ctx context.Context) bool {
	d, ok := l.reserve(time.Now())
	if !ok || d == 0 {
		return ok
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
