package cluster

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// This file decides how fast sessions are healed: at Config.HealPerSecond, and slower while users
// wait for longer than they do at other times. Users come first, but healing never stops: until it
// is done the next failure costs sessions.

// userLatency is how long the nodes take to answer users' requests: of late, and at other times.
type userLatency struct {
	late  atomic.Uint64 // the bits of a float64, in seconds: a mean that follows within some 50 requests
	usual atomic.Uint64 // the same within some 5,000, while nothing is healed
	last  atomic.Int64  // when an answer was noted last, in ns since 1970
}

const (
	latencyLate  = 1.0 / 50
	latencyUsual = 1.0 / 5000
	// worseBy is how much longer requests may take before healing slows down, and worseLeast is
	// what is too little to matter.
	worseBy    = 1.5
	worseLeast = 0.0005
	// worseFor is for how long an answer tells how long users wait: without users nobody waits.
	worseFor = time.Second
)

// note takes in one answer.
func (l *userLatency) note(took time.Duration, healing bool) {
	l.last.Store(time.Now().UnixNano())
	follow(&l.late, took.Seconds(), latencyLate)
	if !healing {
		follow(&l.usual, took.Seconds(), latencyUsual)
	}
}

// follow moves a mean. Two that do so at once may lose one: it is a mean of many.
func follow(mean *atomic.Uint64, x, by float64) {
	old := math.Float64frombits(mean.Load())
	if old == 0 {
		mean.Store(math.Float64bits(x))
		return
	}
	mean.Store(math.Float64bits(old + by*(x-old)))
}

// isWorse reports whether users wait for longer than they usually do.
func (l *userLatency) isWorse() bool {
	late, usual := math.Float64frombits(l.late.Load()), math.Float64frombits(l.usual.Load())
	return usual > 0 && late > worseBy*usual+worseLeast && time.Now().UnixNano()-l.last.Load() < worseFor.Nanoseconds()
}

// healPace spaces what is done in a pass. It belongs to one goroutine.
type healPace struct {
	full float64 // a second
	rate float64 // of now
	next time.Time
	seen time.Time // when the rate was last changed
}

const (
	paceFloor  = 1.0 / 20 // of full: healing goes on
	paceEvery  = 100 * time.Millisecond
	paceAtOnce = 10 * time.Millisecond // may be done at once: timers are not finer than a millisecond
	paceFaster = 1.1
	paceSlower = 0.5
)

// wait returns when the next may begin, or ctx ends.
func (p *healPace) wait(ctx context.Context, worse bool) {
	now := time.Now()
	if p.rate == 0 {
		p.rate = p.full
	}
	if now.Sub(p.seen) >= paceEvery {
		p.seen = now
		if worse {
			p.rate = max(p.rate*paceSlower, p.full*paceFloor)
		} else {
			p.rate = min(p.rate*paceFaster, p.full)
		}
	}
	if earliest := now.Add(-paceAtOnce); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	wait := p.next.Sub(now)
	if wait < time.Millisecond {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
