package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides how a session is destroyed, and for how long that is
// remembered: Delete.

// bury spreads a destroyed record to the targets that lack it, and over live copies
// met elsewhere. It is final, so a blind set can do no harm, and another reader
// repairs what fails here.
func (k *call) bury(v *view, destroyed *stored) {
	value, err := destroyed.encode(k.hash, k.c.seal)
	if err != nil {
		return
	}
	keep := memcached.TTL(destroyed.deadline, k.c.cfg.Now())
	var wg sync.WaitGroup
	nodes := v.lacking(destroyed)
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && !a.rec.destroyed && !slices.Contains(nodes, a.node) {
			nodes = append(nodes, a.node)
		}
	}
	for _, n := range nodes {
		wg.Go(func() { _ = n.server.Set(k.key, value, keep) })
	}
	wg.Wait()
}

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
	k := c.newCall(key)
	k.final = true
	v, _ := k.gather(context.Background())
	err := k.unavailable()
	if !v.blind() {
		err = k.destroy(tombstone(rememberUntil(v.joined, c.cfg.Now(), c.longest.Load())))
	}
	if err != nil {
		c.stats.unavailable.Add(1)
		return err
	}
	k.sweep()
	return nil
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

// destroy sets the destroyed record on every target.
func (k *call) destroy(destroyed *stored) error {
	value, err := destroyed.encode(k.hash, k.c.seal)
	if err != nil {
		return err
	}
	keep := memcached.TTL(destroyed.deadline, k.c.cfg.Now())
	holding, began, again := map[*node]bool{}, time.Now(), 0
	for {
		if k.isOld(began) && again < repairRounds { // who knows whether they still hold it
			began, again = time.Now(), again+1
			clear(holding)
		}
		targets := k.targets(nil)
		errs := make([]error, len(targets))
		var wg sync.WaitGroup
		todo := 0
		for i, n := range targets {
			if !holding[n] {
				todo++
				wg.Go(func() { errs[i] = n.server.Set(k.key, value, keep) })
			}
		}
		wg.Wait()
		if todo == 0 {
			if len(targets) < k.c.cfg.MinCopies {
				return k.unavailable()
			}
			return nil
		}
		for i, n := range targets {
			if errs[i] != nil {
				k.fail(n, errs[i])
			} else {
				holding[n] = true
			}
		}
	}
}

// sweep deletes what lies on the next Replicas nodes behind the targets: copies that
// stood in for a target once.
func (k *call) sweep() {
	targets := k.targets(nil)
	var wg sync.WaitGroup
	for i, next := 0, 0; next < k.c.cfg.Replicas; i++ {
		n := k.ranked(i)
		if n == nil {
			break
		}
		at := false
		for _, t := range targets {
			at = at || t == n
		}
		if !at && n.isUp() && !k.hasFailed(n) {
			next++
			wg.Go(func() { _ = n.server.Delete(k.key) })
		}
	}
	wg.Wait()
}
