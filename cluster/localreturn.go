package cluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/pace"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which local copies are written to nodes that have come back empty, though nobody has used their
// sessions meanwhile (rule 44). Those that are marked (localmark.go) are brought back: the homes are asked, and only where
// nothing is found the copy is written, as one that was shown in the outage.
//
// A home that answers with the memory that it had is the one to say that there is no session.

// isEmptiedNow asks the node whether it has lost its memory since its marker was last read.
func (c *Cluster) isEmptiedNow(n *node) bool {
	was, _ := n.lastMarker()
	if was == nil {
		return false
	}
	m, _, err := c.readMarker(n)
	return err == nil && (m == nil || m.Incarnation != was.Incarnation)
}

// hasFoundHomesEmpty reports whether nothing was found since the homes have lost what they held at that
// time: every home that has answered. Marked says that this process has seen before what they lost; a node may have
// been filled since, with what was left.
func (op *operation) hasFoundHomesEmpty(v *view, at time.Time, marked bool) bool {
	if v.merged != nil || v.unreadable != nil || v.throttled || v.homeAnswers == 0 || op.passedOverLocally() {
		return false
	}
	return op.allHomes(func(n *node) bool {
		a := v.on(n)
		switch {
		case a == nil:
			return true // out of reach
		case a.item != nil: // what cannot be read is no miss
			return false
		}
		// The marker first: what a poll notices meanwhile counts then.
		return op.c.isEmptiedNow(n) || n.hasLost(at) || marked && n.emptiedAt().After(at)
	})
}

// returnLoop brings the marked copies back until the Cluster is closed, at the pace at which sessions are
// healed: users come first.
func (l *localLayer) returnLoop() {
	c := l.c
	tick := time.NewTicker(writeRetry)
	defer tick.Stop()
	var p pace.Healing
	for {
		select {
		case <-c.closing:
			return
		case <-l.returns:
		case <-tick.C:
		}
		if !slices.ContainsFunc(c.nodes(), (*node).isUp) {
			continue
		}
		if keys := l.takeMarked(); len(keys) > 0 {
			c.restoreEach(c.ending, &p, len(keys), func(i int) { l.settleMarked(keys[i]) })
			tick.Reset(writeRetry)
		}
	}
}

// settleMarked asks the homes for the session of a marked copy, and brings the copy back where they know nothing
// of it. Where no home answers it stays marked, for as long as an outage could show it.
func (l *localLayer) settleMarked(key record.Key) {
	if !l.get(key).marked {
		return
	}
	op := l.c.operationOn(key, intent{restores: true})
	v, err := op.read(context.Background())
	switch {
	case err != nil || v.homeAnswers == 0 || op.passedOverLocally():
		l.markAgain(key)
	case !l.bringBack(op, v):
		l.unmark(key)
	}
}

// bringBack writes the copy of a session of which nothing was found, where its homes have come back
// empty. It reports whether it has tried: then the copy is confirmed, or still marked.
func (l *localLayer) bringBack(op *operation, v *view) bool {
	if l.cfg.Outage == 0 || v.merged != nil {
		return false
	}
	lc := l.get(op.hash)
	if !l.isReturning(&lc, time.Now()) || l.c.mayHaveEnded(op.hash, lc.stood) ||
		!op.hasFoundHomesEmpty(v, lc.at, lc.marked) || !l.holdUnused(op.hash, lc.at) {
		return false
	}
	l.tried(op.hash, l.writeBack(op.hash))
	return true
}

// foundNone reports whether a load has found nothing on a home that has answered. What the others know of it may be lost.
func (op *operation) foundNone(v *view, err error) bool {
	return err == ErrNotFound || errors.Is(err, ErrUnavailable) && v != nil && v.merged == nil && v.homeAnswers > 0
}

// bringBackFirst is bringBack for a load, which has found nothing. It reports false where ctx ends before.
func (l *localLayer) bringBackFirst(ctx context.Context, op *operation, v *view) bool {
	if v.merged != nil {
		return false
	}
	tried := false
	return l.c.within(ctx, func() { tried = l.bringBack(op, v) || l.isBroughtBack(op.hash, v) }) && tried
}

// isBroughtBack reports whether the copy was brought back while the load read, and waits for what is under way.
func (l *localLayer) isBroughtBack(key record.Key, v *view) bool {
	lc := l.get(key)
	if lc.unused {
		_ = l.writeBack(key) // what cannot be written is an error of the load
		return true
	}
	return v.readAt.Sub(lc.at) < 2*l.c.cfg.Timeout // as long as a write may take (rule 9)
}

// holdUnused has the copy that was confirmed at that time written, by the caller.
func (l *localCopies) holdUnused(key record.Key, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copies[key]
	if !l.isReturning(c, time.Now()) || !c.at.Equal(at) {
		return false
	}
	c.write.writing = true // not by the queue as well
	next := *c
	next.pending, next.unused = c.stood, true
	return l.putLocked(c, next) // takes no room
}
