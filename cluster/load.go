package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides what a Load returns, and brings the copies up to date on the
// way: the repair, which is how sessions migrate.

// Load returns the session, with the snapshot that a Save of it needs. Each target
// that lacks part of what was found gets it before Load returns, so that what one
// reader has seen, no later reader unsees. The error is ErrNotFound, ErrUnavailable,
// ErrVersion, ErrSealed, ErrClosed, or ctx's error, at once, when ctx ends.
func (c *Cluster) Load(ctx context.Context, key string) (*Record, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	c.stats.loads.Add(1)
	if ctx == nil {
		ctx = context.Background()
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("cluster: load: %w", err)
	}
	if key == "" {
		c.stats.notFound.Add(1)
		return nil, ErrNotFound
	}
	k := c.newCall(key)
	absent, ticket := c.missing.known(k.hash, time.Now())
	if absent {
		c.stats.notFound.Add(1)
		c.stats.negativeHits.Add(1)
		return nil, ErrNotFound
	}
	k.stranger = true
	v, err := k.look(ctx)
	for again := 0; err == nil && k.isOld(v.began) && again < repairRounds; again++ {
		v, err = k.look(ctx)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case v.alien != nil:
		return nil, v.alien
	case v.joined == nil && v.crowded && ctx.Err() != nil:
		return nil, fmt.Errorf("cluster: load: %w", ctx.Err())
	case v.joined == nil && v.crowded:
		c.stats.crowded.Add(1)
		return nil, fmt.Errorf("%w: too many unknown session ids at once (UnknownPerSecond)", ErrUnavailable)
	case v.blind(), v.homes == 0 && (v.joined == nil || k.unasked):
		c.stats.unavailable.Add(1)
		return nil, k.unavailable()
	case !v.joined.live(c.cfg.Now()):
		if v.joined == nil && len(k.failed) == 0 {
			c.missing.add(k.hash, ticket, time.Now())
		}
		c.stats.notFound.Add(1)
		return nil, ErrNotFound
	}
	c.stats.hits.Add(1)
	c.noteLifetime(v.joined.deadline)
	r := &loaded{}
	r.Attrs, r.Deadline = v.joined.values(), time.UnixMilli(v.joined.deadline).UTC()
	r.key, r.snap = key, snapshot{
		base: v.joined, seen: v.tokens(r.seenRoom[:0]), targets: append(r.targetRoom[:0], v.targets...),
	}
	return &r.Record, nil
}

// look gathers the copies and brings them up to date.
func (k *call) look(ctx context.Context) (*view, error) {
	v, err := k.gather(ctx)
	k.stranger = false
	if err == nil && v.joined.worthRepair(k.c.cfg.Now()) &&
		(len(v.lacking(v.joined)) > 0 || len(k.strays(v, v.joined)) > 0) {
		return k.repair(ctx, v)
	}
	return v, err
}

// loaded is a Record with room for the copies that most loads see.
type loaded struct {
	Record
	seenRoom   [2]seen
	targetRoom [2]*node
}

// worthRepair reports whether copies should be brought up to date with s: a session
// that has ended is left to expire, unless it tells of copies that would live on.
func (s *stored) worthRepair(now time.Time) bool {
	return s != nil && (s.destroyed || s.live(now) || s.isEvidence(now))
}

// tokens appends the copies of targets that a save may replace by cas. Their bytes
// are in the record; only the tokens are kept.
func (v *view) tokens(to []seen) []seen {
	for _, t := range v.targets {
		if a := v.on(t); a != nil && a.item != nil && !a.item.Orphan && !a.forged && a.rec.equal(v.joined) {
			to = append(to, seen{t, a.item.Token()})
		}
	}
	return to
}

// repair brings all targets up to date with what was gathered. That it fails does
// not fail the load: it returns the latest view all the same. The error is ctx's;
// the repair then goes on without its caller.
func (k *call) repair(ctx context.Context, v *view) (*view, error) {
	done := make(chan *view, 1)
	k.c.running.Add(1)
	go func() {
		defer k.c.running.Done()
		latest, err := k.settle(v, repairRounds, func(v *view) (*stored, error) { return v.joined, nil }, &k.c.stats.repairs)
		if err != nil {
			k.c.stats.repairFailures.Add(1)
		} else {
			k.retire(latest, latest.joined)
		}
		if latest.blind() {
			latest = v // everything failed since: what was read is as good as ever
		}
		done <- latest
	}()
	select {
	case latest := <-done:
		return latest, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster: load: %w", ctx.Err())
	}
}

// repairRounds is how often a load tries to bring the targets up to date. Where it
// is outrun more often than that, writers are at work who do the same.
const repairRounds = 3

// strayTTL is how long a live copy outside the targets is kept once they hold it,
// in seconds. It is not deleted: another instance may count on it, because it
// thinks that a target is down.
const strayTTL = 60

// retire gives the strays what the targets hold, and a short life.
func (k *call) retire(v *view, want *stored) {
	strays := k.strays(v, want)
	if len(strays) == 0 || want.destroyed {
		return
	}
	value, err := want.encode(k.hash, k.c.seal)
	if err != nil {
		return // they are found again
	}
	var wg sync.WaitGroup
	for _, a := range strays {
		wg.Go(func() {
			_ = a.node.server.Expire(k.key, a.item, value, min(strayTTL, memcached.TTL(want.deadline, k.c.cfg.Now())))
		})
	}
	wg.Wait()
}

// strays are the live copies that nobody counts on once the targets hold want: outside the
// targets, and not on a home node, which other processes may have among theirs. One that
// was retired before is a stray still while it would outlive want. Where want says that the
// session was deleted, every live copy is one, and settle buries it.
func (k *call) strays(v *view, want *stored) (strays []*answer) {
	for i := range v.answers {
		a := &v.answers[i]
		switch {
		case a.rec == nil || a.rec.destroyed:
		case want.destroyed:
			strays = append(strays, a)
		case k.isHome(a.node) || slices.Contains(v.targets, a.node):
		case a.rec.deadline > want.deadline || !a.item.Orphan && memcached.TTL(a.rec.deadline, k.c.cfg.Now()) > strayTTL:
			strays = append(strays, a)
		}
	}
	return strays
}
