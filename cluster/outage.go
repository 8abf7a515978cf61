package cluster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a process does with its local copies while no home of a session can be
// reached (rule 39): show, save and delete for at most Local.Outage since the nodes have last confirmed the
// copy. What was done there is pending: it is merged, never replaced, until the nodes have it.

// noHome reports whether no home can be reached: one that has answered may have failed since. Where that is for want of
// room here, other processes may reach them; a node that is not up has itself taken the room.
func (op *operation) noHome(v *view) bool {
	if slices.ContainsFunc(op.passedOver, func(f nodeError) bool {
		return errors.Is(f.err, errConflicts) || memcached.IsBusy(f.err) && f.node.isUp()
	}) {
		return false
	}
	return v.homeAnswers == 0 || op.allHomes(func(n *node) bool {
		return v.on(n) == nil || op.isPassedOver(n) || !n.isUp()
	})
}

// loadInOutage returns what a load shows that has ended in this error. While what was shown in an outage is not
// written, the outage lasts for its session, whatever home is back.
func (l *localLayer) loadInOutage(op *operation, v *view, id string, seen seenVersion, err error) (*Record, error) {
	if l.cfg.Outage == 0 || !v.isOutage(err) || !op.noHome(v) && !l.isUnwritten(op.hash) {
		return nil, l.c.notLoaded(op, v, seen, err)
	}
	if l.get(op.hash).pending.IsTombstone() {
		l.c.stats.notFound.Add(1)
		return nil, ErrNotFound
	}
	r := l.showInOutage(op, id, seen)
	if r == nil {
		return nil, l.c.notLoaded(op, v, seen, err)
	}
	return l.hit(r)
}

// showInOutage returns the session where its copy may be shown in an outage, and keeps that copy. Else it
// returns nil.
func (l *localLayer) showInOutage(op *operation, id string, seen seenVersion) *Record {
	if l.cfg.Outage == 0 {
		return nil
	}
	r := l.show(id, op.hash, seen, l.cfg.Outage)
	if r != nil {
		l.hold(op.hash)
	}
	return r
}

// isKeptHere reports whether this process alone has a session of which no node has anything: no node has taken it yet.
func (l *localLayer) isKeptHere(op *operation, v *view) bool {
	c, now := l.get(op.hash), l.wallNow()
	return (c.pending.Live(now) || c.marked) && !v.merged.IsTombstone() && !v.merged.Live(now)
}

var errNotWritten = fmt.Errorf("%w: only this process has the session, and no node has taken it yet", ErrUnavailable)

// isUnwritten reports whether this process has something of the session that is to be written.
func (l *localCopies) isUnwritten(key record.Key) bool {
	c := l.get(key)
	return c.pending != nil || c.marked
}

// hold keeps the copy until the nodes are known to have it: they may return empty.
func (l *localCopies) hold(key record.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c := l.copies[key]; {
	case c == nil:
	case c.pending == nil:
		next := *c
		next.pending = c.stood
		l.putLocked(c, next) // takes no room
	default:
		c.unused = false
	}
}

// saveInOutage makes the changes of a save that has ended in this error on the local copy, where that may be.
// It returns what has become of the save then.
func (l *localLayer) saveInOutage(s *save, because error) error {
	if l.cfg.Outage == 0 || !errors.Is(because, ErrUnavailable) || s.last == nil || !s.noHome(s.last) {
		return because
	}
	switch kept, err := l.keep(s, l.cfg.Outage, true); {
	case errors.Is(err, errNoRoom):
		return fmt.Errorf("%w; %w", because, err)
	case kept:
		return err
	}
	return because
}

var errNoRoom = errors.New("the local copies are full of changes that no node has: raise Local.Bytes or Local.Sessions")

// keep makes the changes of a save on the copy of its session, where the nodes have confirmed that no
// longer ago than within. Kept is true where the save is done: err is its outcome. In an outage a
// session may also begin here, and one that cannot be kept is an error.
func (l *localCopies) keep(s *save, within time.Duration, outage bool) (kept bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copyLocked(s.hash)
	switch {
	case c == nil && (!outage || !s.mayBeNew):
		return false, nil
	case c == nil:
		c = &localCopy{key: s.hash, at: time.Now()}
	case c.age(time.Now()) > within, !outage && (c.stood == nil || l.unwritten >= mostWriteBehind && c.pending == nil):
		return false, nil
	}
	before := c.record()
	if before.IsTombstone() {
		return outage, ErrDestroyed
	}
	if !outage || !s.mayBeStored {
		s.prepare() // under the lock: no save with a later timestamp misses what is kept here (rule 38)
	}
	s.lastRead = c.stood // nobody else has seen what is pending: it allows no removal to be collected
	want, err := s.plan(&view{merged: c.stood}, before)
	if err == nil {
		err = s.maySend(want)
	}
	if err != nil {
		return outage, err
	}
	if next := *c; !want.Equal(before) || c.pending == nil && outage {
		next.pending, next.unused = want.Compact(), false
		if next.changed = c.changed || !want.Equal(before); next.changed {
			next.own = max(c.own, s.at.Clock)
		}
		if !l.putLocked(c, next) {
			return false, errNoRoom
		}
	}
	s.rec.snap = c.snapshot(l.writer)
	s.rec.snap.base = s.withChanges
	return true, nil
}

// deleteInOutage destroys the session on its local copy after a deletion that has ended in this error, where the nodes
// have confirmed the copy of late. It reports whether it has: the tombstone is pending then.
func (l *localLayer) deleteInOutage(op *operation, v *view, because error) bool {
	return l.cfg.Outage > 0 && errors.Is(because, ErrUnavailable) && op.noHome(v) &&
		l.writeTombstone(op.hash, l.cfg.Outage, op.tombstoneFor)
}

func (l *localCopies) writeTombstone(key record.Key, within time.Duration, tombstone func(*record.Record) *record.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copies[key]
	if c == nil || c.age(time.Now()) > within {
		return false
	}
	next := *c
	next.pending, next.changed, next.unused = tombstone(c.record()), true, false
	return l.putLocked(c, next)
}
