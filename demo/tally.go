package main

import (
	"math"
	"sync"
	"time"
)

// This file decides what is counted of the users' requests, and for how long.

const (
	// chartSeconds is how far back the chart goes.
	chartSeconds = 120
	// figureSeconds is what the live figures are taken over: long enough for a
	// 99th percentile of a few users, short enough to feel live.
	figureSeconds = 10
)

// Latencies are counted in classes, each a quarter wider than the one before, from
// a tenth of a millisecond to some six seconds.
const (
	classes    = 50
	classBase  = 0.1 // ms
	classRatio = 1.25
)

// second is what happened within one second.
type second struct {
	at       int64 // Unix time, to tell a second from the one a round of the ring ago
	OK       int
	Failed   int
	Sessions int // lost
	Changes  int // lost
	classes  [classes]uint32
}

// totals are counts since the start.
type totals struct {
	Requests      int `json:"requests"`
	Failed        int `json:"failed"`
	SessionsLost  int `json:"sessionsLost"`
	ChangesLost   int `json:"changesLost"`
	LogoutsUndone int `json:"logoutsUndone"`
	Losses        int `json:"losses"`  // requests that found something of these missing
	Excused       int `json:"excused"` // of them: losses to a fault that nobody here made
}

// figures are totals and what the last seconds were like.
type figures struct {
	totals
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50ms"`
	P99       float64 `json:"p99ms"`
	// Idle is what the idle users had lost after the latest rolling restart; nil: there was none.
	Idle *idleLook `json:"idle,omitempty"`
}

// tally counts what one kind of store did to its users. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex // guards below
	totals totals
	ring   [chartSeconds]second
}

func (t *tally) nowLocked(now time.Time) *second {
	s := &t.ring[now.Unix()%chartSeconds]
	if s.at != now.Unix() {
		*s = second{at: now.Unix()}
	}
	return s
}

// request counts one answer, or the lack of it.
func (t *tally) request(now time.Time, took time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.nowLocked(now)
	t.totals.Requests++
	s.classes[classOf(took)]++
	if ok {
		s.OK++
		return
	}
	s.Failed++
	t.totals.Failed++
}

// lost counts what a user found missing.
func (t *tally) lost(now time.Time, sessions, changes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.nowLocked(now)
	s.Sessions += sessions
	s.Changes += changes
	t.totals.Losses++
	t.totals.SessionsLost += sessions
	t.totals.ChangesLost += changes
}

// undone counts a logout after which the old cookie was good again.
func (t *tally) undone() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.Losses++
	t.totals.LogoutsUndone++
}

// excused counts a loss that is the machine's.
func (t *tally) excused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals.Excused++
}

// seconds returns the last two minutes, oldest first, ending with the last whole second.
func (t *tally) seconds(now time.Time) []second {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]second, chartSeconds-1)
	first := now.Unix() - int64(len(out))
	for i := range out {
		at := first + int64(i)
		if s := t.ring[at%chartSeconds]; s.at == at {
			out[i] = s
		}
	}
	return out
}

// figures returns the counts, and the speed of the last seconds.
func (t *tally) figures(now time.Time) figures {
	all := t.seconds(now)
	var sum [classes]uint32
	n := 0
	for _, s := range all[len(all)-figureSeconds:] {
		n += s.OK + s.Failed
		for i, c := range s.classes {
			sum[i] += c
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return figures{totals: t.totals, PerSecond: float64(n) / figureSeconds, P50: percentile(sum, 0.50), P99: percentile(sum, 0.99)}
}

func classOf(took time.Duration) int {
	ms := float64(took) / float64(time.Millisecond)
	c := int(math.Ceil(math.Log(ms/classBase) / math.Log(classRatio)))
	return min(max(c, 0), classes-1)
}

// percentile returns the upper end of the class that holds it, in milliseconds; 0
// where nothing was counted.
func percentile(counts [classes]uint32, p float64) float64 {
	var all uint32
	for _, c := range counts {
		all += c
	}
	if all == 0 {
		return 0
	}
	rank := uint32(math.Ceil(p * float64(all)))
	var seen uint32
	for i, c := range counts {
		if seen += c; seen >= rank {
			return classBase * math.Pow(classRatio, float64(i))
		}
	}
	return 0
}
