package cluster

import (
	"context"
	"fmt"
	"time"
)

// This file decides what a Load returns, and has the copies brought up to date on the way: the
// read repair, which is how sessions migrate.

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
	op := c.newOperation(key, intent{unverified: true})
	v, err := op.readAndRepair(ctx)
	for again := 0; err == nil && op.isOld(v.began) && again < repairRounds; again++ {
		v, err = op.readAndRepair(ctx)
	}
	if err == nil {
		err = op.mayBelieve(ctx, v)
	}
	if err != nil {
		return nil, err
	}
	if !v.merged.Live(c.cfg.Now()) {
		c.stats.notFound.Add(1)
		return nil, ErrNotFound
	}
	c.stats.hits.Add(1)
	c.noteLifetime(v.merged.Deadline())
	return v.record(key), nil
}

// readAndRepair reads the copies and brings the targets up to date with what was found (rule 7).
func (op *operation) readAndRepair(ctx context.Context) (*view, error) {
	v, err := op.read(ctx)
	if err != nil {
		return nil, err
	}
	if op.repair(v).want == nil {
		op.noteWide(v)
		return v, nil
	}
	done := make(chan *view, 1)
	op.c.running.Add(1)
	go func() { // it continues when the caller's ctx ends
		defer op.c.running.Done()
		latest, err := op.converge(v, repairRounds, op.repair)
		op.c.stats.repairs.Add(uint64(op.wrote))
		if err != nil {
			op.c.stats.repairFailures.Add(1)
		} else {
			op.expireOrphans(latest, latest.merged)
			op.noteWide(latest)
		}
		if latest.isBlind() {
			latest = v // all nodes failed during the repair: the first read is what is known
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

// repair is the decision of a load: every target is to hold all that was found. A session that
// has ended is left to expire, unless its record says that copies with a later deadline may still
// exist.
func (op *operation) repair(v *view) decision {
	s := v.merged
	switch {
	case s == nil || !s.IsTombstone() && !s.Live(op.c.cfg.Now()) && !s.IsEvidence(op.c.cfg.Now()):
		return decision{}
	case len(v.lacking(s)) == 0 && len(op.orphans(v, s)) == 0:
		return decision{}
	}
	return decision{want: s}
}

// mayBelieve refuses to answer where "no session", or an old one, could be wrong (rule 6): where
// a copy cannot be read, where the read was to be wide and was not, and where no home has
// answered, unless a fallback has the session and this process has asked every home.
func (op *operation) mayBelieve(ctx context.Context, v *view) error {
	switch {
	case v.unreadable != nil:
		return v.unreadable
	case v.merged == nil && v.throttled && ctx.Err() != nil:
		return fmt.Errorf("cluster: load: %w", ctx.Err())
	case v.merged == nil && v.throttled:
		op.c.stats.throttled.Add(1)
		return fmt.Errorf("%w: too many unknown session ids at once (UnknownPerSecond)", ErrUnavailable)
	case v.isBlind(), v.homes == 0 && (op.hadNoRoom() || !v.merged.IsTombstone() && !v.merged.Live(op.c.cfg.Now())):
		op.c.stats.unavailable.Add(1)
		return op.unavailable()
	}
	return nil
}

// loaded is a Record with room for the copies that most loads see.
type loaded struct {
	Record
	seenRoom   [2]seen
	targetRoom [2]*node
}

// record returns what was found, with the snapshot that a save needs: of the copies on targets
// that equal the merged record only the CAS tokens are kept.
func (v *view) record(key string) *Record {
	r := &loaded{}
	r.key, r.Attrs, r.Deadline = key, v.merged.Values(), time.UnixMilli(v.merged.Deadline()).UTC()
	r.snap = snapshot{base: v.merged, seen: r.seenRoom[:0], targets: append(r.targetRoom[:0], v.targets...)}
	for _, t := range v.targets {
		if a := v.on(t); a != nil && a.item != nil && !a.item.Orphan && !a.tampered && a.rec.Equal(v.merged) {
			r.snap.seen = append(r.snap.seen, seen{t, a.item.Token()})
		}
	}
	return &r.Record
}
