package memcached

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// This file decides what counts as a server's time: the time in which this process ran. A
// process that was stopped, paused by a CPU quota, or whose goroutines wait for a processor
// longer than servers take to answer finds its deadlines past although it is late itself. So
// everything that waits for a server waits by a clock that leaves such time out (rule 20).
//
// The clock runs with the wall and is set back by the time for which something that was due
// came late: a beat of its own, or the end of somebody's wait. A beat also takes its turn
// behind all goroutines that are ready to run, as whoever has an answer to read must. At
// least one beat in each such turn counts, so that a server which hangs is found by a starved
// process too, after Timeout/beat turns at the most.

const (
	// beatsPerTimeout sets the beat.
	beatsPerTimeout = 32
	// punctual is how late a timer may be of a process that runs. A wait in which several
	// goroutines hand on an answer loses as much with each.
	punctual = 2 * time.Millisecond
)

// Clock tells the time in which this process ran. It beats only while somebody waits
// for a server.
type Clock struct {
	base    time.Time
	beat    time.Duration
	waits   atomic.Int64 // under way
	beating atomic.Bool
	timer   *time.Timer // of the next beat
	lost    atomic.Pointer[lostTime]
}

// lostTime is the time in which the process did not run, as far as is known. Times are
// since the clock was made.
type lostTime struct {
	sum   time.Duration
	until time.Duration // what was lost before is in the sum
	due   time.Duration // when the next beat is due; never: nobody waits for a server
}

const never = time.Duration(math.MaxInt64)

// at is the time that was lost until now: a beat that is overdue has shown it before it
// comes.
func (l lostTime) at(now time.Duration) time.Duration {
	if now-punctual <= l.due {
		return l.sum
	}
	return l.sum + max(0, now-max(l.due, l.until))
}

// late adds that something which was due then happened only now. Where the beat is overdue for
// longer, what that shows is added with it: the process has not run since the beat was due.
func (l lostTime) late(due, now time.Duration) lostTime {
	if due = min(due, l.due); now-due > punctual {
		l.sum += max(0, now-max(due, l.until))
		l.until = now
	}
	return l
}

func NewClock(timeout time.Duration) *Clock {
	c := &Clock{base: time.Now(), beat: max(timeout/beatsPerTimeout, time.Microsecond)}
	c.lost.Store(&lostTime{due: never})
	c.timer = time.AfterFunc(time.Hour, c.tick)
	c.timer.Stop()
	return c
}

// Now is the time in which this process ran since the clock was made.
func (c *Clock) Now() time.Duration {
	_, now := c.both()
	return now
}

// both is the time on the wall since the clock was made, and that in which this process ran.
func (c *Clock) both() (wall, awake time.Duration) {
	wall = time.Since(c.base)
	return wall, wall - c.lost.Load().at(wall)
}

// begin has the clock beat until end: somebody waits for a server.
func (c *Clock) begin() {
	c.waits.Add(1)
	if !c.beating.Load() {
		c.start()
	}
}

func (c *Clock) end() { c.waits.Add(-1) }

func (c *Clock) start() {
	if c.beating.CompareAndSwap(false, true) {
		c.next(never)
	}
}

// tick is one beat, in a goroutine that ends with it.
func (c *Clock) tick() {
	runtime.Gosched()
	due := c.lost.Load().due
	if c.waits.Load() > 0 {
		c.next(due)
		return
	}
	c.change(func(l lostTime, _ time.Duration) lostTime { l.due = never; return l })
	c.beating.Store(false)
	if c.waits.Load() > 0 {
		c.start()
	}
}

// next notes how late a beat was and sets the next.
func (c *Clock) next(due time.Duration) {
	c.change(func(l lostTime, now time.Duration) lostTime {
		l = l.late(due, now)
		l.due = now + c.beat
		return l
	})
	c.timer.Reset(c.beat)
}

// Noticed notes that something which was due then is noticed now.
func (c *Clock) Noticed(due time.Time) {
	if time.Since(due) > punctual {
		c.change(func(l lostTime, now time.Duration) lostTime { return l.late(due.Sub(c.base), now) })
	}
}

// standsStill reports whether the clock waits for a beat that is overdue.
func (c *Clock) standsStill() bool { return time.Since(c.base)-punctual > c.lost.Load().due }

func (c *Clock) change(to func(l lostTime, now time.Duration) lostTime) {
	for {
		old := c.lost.Load()
		l := to(*old, time.Since(c.base))
		if c.lost.CompareAndSwap(old, &l) {
			return
		}
	}
}

// Stop ends the beat; nobody waits for a server any more.
func (c *Clock) Stop() { c.timer.Stop() }

// context returns a context that ends when the clock reaches the limit. It has no deadline
// on the wall: package net would throw away a connection that is there but was noticed late.
func (c *Clock) context(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	p := c.patience(limit)
	var again func()
	again = func() {
		runtime.Gosched() // whoever dials may have the connection, and wait for a processor
		if ctx.Err() != nil {
			return
		}
		if due, ok := p.again(); ok {
			time.AfterFunc(time.Until(due), again)
			return
		}
		cancel()
	}
	first := time.AfterFunc(time.Until(p.due), again)
	return ctx, func() {
		first.Stop()
		cancel()
	}
}
