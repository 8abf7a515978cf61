package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what local copies (Config.Local) add to each verb. They are a layer around the verbs: it shows or
// changes the local copy where it may, else has the verb do its work with the nodes, and takes up what came of it.

// localLayer is the layer of local copies, for clients that stick to this process.
type localLayer struct {
	c *Cluster
	*localCopies
	emptied time.Time // when a node had last lost its memory; of the goroutine that polls
}

func newLocalLayer(c *Cluster) *localLayer {
	if !c.cfg.Local.isOn() {
		return nil
	}
	return &localLayer{c: c, localCopies: newLocalCopies(&c.cfg, c.writer)}
}

// load is Cluster.load with local copies.
func (l *localLayer) load(ctx context.Context, id string, key record.Key, seen seenVersion, t *tracing) (*Record, error) {
	c := l.c
	if r := l.show(id, key, seen, l.cfg.Fresh); r != nil {
		return l.hit(r)
	}

	l.writeFirst(ctx, key)
	isKnown := l.has(key, seen) // in an outage no node can say so
	in := intent{unverifiedID: !isKnown, mayBeMissing: isKnown}
	op, v, err := c.findLive(ctx, key, in, t)
	if op.foundNone(v, err) && l.mayReturn(key) && l.bringBackFirst(ctx, op, v) {
		op, v, err = c.findLive(ctx, key, in, t)
	}
	switch {
	case err == ErrNotFound && l.isKeptHere(op, v):
		return l.loadInOutage(op, v, id, seen, errNotWritten)
	case err == ErrNotFound:
		l.ended(key, v.merged)
		return nil, c.notLoaded(op, v, seen, err)
	case err != nil:
		return l.loadInOutage(op, v, id, seen, err)
	case v.unrepaired && op.noHome(v):
		if r := l.showInOutage(op, id, seen); r != nil { // what was found proves nothing
			return l.hit(r)
		}
	}

	r := l.loaded(op.record(v, id), key, v)
	if r.snap.base != v.merged && !r.snap.base.Live(c.cfg.Now()) { // it was destroyed here meanwhile
		l.ended(key, v.merged)
		return nil, c.notLoaded(op, v, seen, ErrNotFound)
	}
	c.stats.hits.Add(1)
	if !l.has(key, seen) {
		c.noteBehind(r, v.merged, seen, t)
	}
	return r, nil
}

// show returns the session where its copy may be shown: it includes what the client has seen, was confirmed no
// longer ago than within, and no epoch of the owner that this process knows of may have ended it. Else it returns nil.
func (l *localLayer) show(id string, key record.Key, seen seenVersion, within time.Duration) *Record {
	r := l.serve(id, key, seen, within)
	if r == nil || l.c.mayHaveEnded(key, r.snap.base) {
		return nil
	}
	return r
}

// hit counts a hit that asked no node, or found none.
func (l *localLayer) hit(r *Record) (*Record, error) {
	l.c.stats.hits.Add(1)
	l.c.stats.localHits.Add(1)
	return r, nil
}

// save is Cluster.store with local copies.
func (l *localLayer) save(ctx context.Context, s *save) error {
	if s.asksForNothing() && l.stands(s) {
		l.c.stats.idleSaves.Add(1)
		return nil
	}
	if l.saveBehind(s) {
		return nil
	}
	err := l.c.store(ctx, s)
	if err == nil {
		l.saved(s)
		return nil
	}
	if err = l.saveInOutage(s, err); errors.Is(err, ErrDestroyed) {
		l.ended(s.hash, s.last.merged)
	}
	return err
}

// update is update.run with local copies. An update is never made on a local copy.
func (l *localLayer) update(ctx context.Context, key record.Key, u *update) error {
	l.writeFirst(ctx, key)
	err := u.run(ctx)
	l.updated(key, u, err)
	return err
}

// deleted takes up what a deletion has come to. It returns its error, or nil where the tombstone is pending here.
func (l *localLayer) deleted(op *operation, v *view, err error) error {
	if l.deleteInOutage(op, v, err) {
		return nil
	}
	l.destroyed(op.hash, v.merged, err)
	return err
}
