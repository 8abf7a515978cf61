package pace

import (
	"math"
	"sync/atomic"
	"time"
)

// This file decides whether users wait for longer than they do at other times.

// Latency is how long the nodes take to answer users' requests: of late, and at other times.
type Latency struct {
	late  atomic.Uint64 // the bits of a float64, in seconds: a mean that follows within some 50 requests
	usual atomic.Uint64 // the same within some 5,000, while nothing is healed
	// slow is what one answer in two hundred takes longer than, while nothing is healed, and known the number of answers
	// that it is made of. The mean does not show it where few users wait for much longer.
	slow  atomic.Uint64
	known atomic.Int64
	// tooSlow goes up by 100 with an answer that takes longer than slow by worseBy, and down by 1 with any
	// other. So it stays up where more than one in a hundred does: twice as many as usual, since where as many as usual
	// do, it would go up and down by chance.
	tooSlow atomic.Int64
	last    atomic.Int64 // when an answer was noted last, in ns since 1970
}

const (
	latencyLate  = 1.0 / 50
	latencyUsual = 1.0 / 5000
	slowUsual    = 1.0 / 25
	slowShare    = 1.0 / 200
	slowKnown    = 2000 // answers, before slow is worth anything
	slowMany     = 300  // of tooSlow: more than chance
	slowMost     = 500  // of tooSlow: it is down soon after users wait no longer
	// worseBy is how much longer requests may take before healing slows down, and worseLeast is
	// what is too little to matter.
	worseBy    = 1.5
	worseLeast = 0.0005
	// worseFor is for how long an answer tells how long users wait: without users nobody waits. What one in a
	// hundred waits is told by many answers only, for slowFor.
	worseFor = time.Second
	slowFor  = 100 * time.Millisecond
)

// Note takes in one answer, which came at that time.
func (l *Latency) Note(at time.Time, took time.Duration, healing bool) {
	l.last.Store(at.UnixNano())
	follow(&l.late, took.Seconds(), latencyLate)
	l.countSlow(took.Seconds())
	if !healing {
		follow(&l.usual, took.Seconds(), latencyUsual)
		followSlow(&l.slow, took.Seconds(), slowUsual)
		l.known.Add(1)
	}
}

// countSlow counts an answer that takes too long. Of two at once one may be lost.
func (l *Latency) countSlow(took float64) {
	n := l.tooSlow.Load()
	if took > tooLong(&l.slow) {
		l.tooSlow.Store(min(n+100, slowMost))
	} else if n > 0 {
		l.tooSlow.Store(n - 1)
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

// followSlow moves what one answer in two hundred takes longer than: 199 parts up with an answer that does, one
// part down with any other. So it stays where one in two hundred does, however long that one takes.
func followSlow(bound *atomic.Uint64, x, by float64) {
	old := math.Float64frombits(bound.Load())
	switch {
	case old == 0:
		old = x
	case x > old:
		old *= 1 + (1-slowShare)*by
	default:
		old *= 1 - slowShare*by
	}
	bound.Store(math.Float64bits(old))
}

// tooLong is how long, in seconds, is longer than usual by what matters.
func tooLong(usual *atomic.Uint64) float64 {
	return worseBy*math.Float64frombits(usual.Load()) + worseLeast
}

// IsWorse reports whether users wait for longer than they usually do: all of them, or one in a hundred.
func (l *Latency) IsWorse() bool {
	since := time.Duration(time.Now().UnixNano() - l.last.Load())
	all := l.usual.Load() != 0 && math.Float64frombits(l.late.Load()) > tooLong(&l.usual)
	few := l.known.Load() >= slowKnown && l.tooSlow.Load() > slowMany
	return all && since < worseFor || few && since < slowFor
}
