package pace

import (
	"context"
	"time"
)

// This file decides how fast sessions are healed: at Config.HealPerSecond, and slower while users
// wait for longer than they do at other times. Users come first, but healing never stops: until it
// is done the next failure costs sessions.

// Healing spaces what is done in a pass. It belongs to one goroutine.
type Healing struct {
	Full float64 // a second
	rate float64 // of now
	next time.Time
	seen time.Time // when the rate was last changed
}

const (
	paceFloor  = 1.0 / 20 // of Full: healing goes on
	paceEvery  = 100 * time.Millisecond
	paceAtOnce = 10 * time.Millisecond // may be done at once: timers are not finer than a millisecond
	paceFaster = 1.1
	paceSlower = 0.5
)

// Wait returns when the next may begin, or ctx ends.
func (p *Healing) Wait(ctx context.Context, worse bool) {
	now := time.Now()
	if p.rate == 0 {
		p.rate = p.Full
	}
	if now.Sub(p.seen) >= paceEvery {
		p.seen = now
		if worse {
			p.rate = max(p.rate*paceSlower, p.Full*paceFloor)
		} else {
			p.rate = min(p.rate*paceFaster, p.Full)
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
