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

// Note takes in one answer.
func (l *Latency) Note(took time.Duration, healing bool) {
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

// IsWorse reports whether users wait for longer than they usually do.
func (l *Latency) IsWorse() bool {
	late, usual := math.Float64frombits(l.late.Load()), math.Float64frombits(l.usual.Load())
	return usual > 0 && late > worseBy*usual+worseLeast && time.Now().UnixNano()-l.last.Load() < worseFor.Nanoseconds()
}
