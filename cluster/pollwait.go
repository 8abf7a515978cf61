package cluster

import (
	"math"
	"time"
)

// This file decides how a poll of the markers is asked for, and waited for.

const (
	// pollEvery is the time between polls while the Cluster is used, and for some minutes after.
	pollEvery = 3 * time.Second
	// staleAfter is for how long what was read of the markers counts. A process that has read nothing for
	// so long, since nobody used it or it stood still, reads them before it acknowledges a write.
	staleAfter = 2 * pollEvery
)

// kick has the next poll begin at once.
func (c *Cluster) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

// endPoll tells those who wait that a poll has ended.
func (c *Cluster) endPoll(number uint64, began time.Time) {
	c.pollBegan.Store(int64(began.Sub(c.made)) + 1)
	c.pollsEnded.Store(number)
	c.pollMu.Lock()
	defer c.pollMu.Unlock()
	close(c.polled)
	c.polled = make(chan struct{})
}

// sinceLastPoll is how long ago the last poll that has ended began.
func (c *Cluster) sinceLastPoll() time.Duration {
	began := c.pollBegan.Load()
	if began == 0 {
		return math.MaxInt64
	}
	return time.Since(c.made) - time.Duration(began-1)
}

// pollNow returns when a poll has ended that began after the call.
func (c *Cluster) pollNow() {
	for next := c.pollsBegun.Load() + 1; ; {
		c.pollMu.Lock()
		polled := c.polled
		c.pollMu.Unlock()
		if c.pollsEnded.Load() >= next {
			return
		}
		c.kick()
		select {
		case <-polled:
		case <-c.closing:
			return
		}
	}
}

// freshen reads the markers where nothing was read of them for too long.
func (c *Cluster) freshen() {
	if c.sinceLastPoll() > staleAfter && !c.cfg.unwatched {
		c.pollNow()
	}
}
