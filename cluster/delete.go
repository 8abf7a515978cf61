package cluster

import (
	"context"
	"time"
)

// This file decides how a session is destroyed, and for how long that is
// remembered: Delete.

// Delete destroys the session: no copy of it will be served again, also none that
// turns up later on a node that is out of reach now. Deleting what does not exist
// is nil, as is an empty key. It waits for no save, and goes on when ctx ends. The error is
// ErrUnavailable or ErrClosed; the session may then be destroyed or not.
func (c *Cluster) Delete(_ context.Context, key string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	c.stats.deletes.Add(1)
	if key == "" {
		return nil
	}
	op := c.newOperation(key, intent{final: true})
	_, err := op.converge(nil, saveRounds, op.destroy)
	if err != nil {
		c.stats.unavailable.Add(1)
	}
	return err
}

// destroy is the decision of a deletion: every target is to hold the tombstone.
func (op *operation) destroy(v *view) decision {
	until := rememberUntil(v.merged, op.c.cfg.Now(), op.c.longest.Load())
	return decision{want: tombstone(until)}
}

// clockSkew is how much longer than its session a deletion is remembered: another instance,
// whose clock is behind, sees the session end later. It is more than clocks may differ.
const clockSkew = time.Hour

// rememberUntil is until when a deletion must be remembered, in ms since 1970: as long as a
// copy of that session may live on a node, or in a request that is under way and will save it.
// What was found of it says how long: its latest end, and a save that has just moved the end,
// unseen, gave the session no longer a life than the saves before, from the last that moved it to the
// latest end. What such requests ask for after that end does not count: who saves a session
// that has ended finds it destroyed (hasEnded). Where nothing was found, a request may have it
// all the same, and it may live as long as the longest, in ms, that this process has seen.
func rememberUntil(s *stored, now time.Time, longest int64) int64 {
	ms := now.UnixMilli()
	switch {
	case s == nil:
		ms += longest
	case s.destroyed && s.deadline >= ms:
		return s.deadline // it was deleted before, by one who knew more
	case s.destroyed:
		ms += longest
	default:
		ms = max(ms+s.end()-s.dstamp.clock/1000, s.end(), ms)
	}
	return min(ms+clockSkew.Milliseconds(), maxDeadline)
}

// mostLifetime is the most that one session says about how long others live, unless
// Config.Lifetime is longer. No browser keeps a cookie for longer than 400 days (RFC 6265bis,
// section 5.5), and the memory of deletions must not grow because one record is without end.
const mostLifetime = 400 * 24 * time.Hour

// noteLifetime remembers the longest time that a session was seen to have left, up to
// mostLifetime.
func (c *Cluster) noteLifetime(deadline int64) {
	left := min(deadline-c.cfg.Now().UnixMilli(), mostLifetime.Milliseconds())
	for {
		longest := c.longest.Load()
		if left <= longest || c.longest.CompareAndSwap(longest, left) {
			return
		}
	}
}
