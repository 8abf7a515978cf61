package cluster

import (
	"errors"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides to whom a local copy may be shown without asking a node, and what becomes of the copy
// when a load, a save or a delete has learned what the nodes have.
//
// A copy may be shown to a client that brings a version, if the copy includes what that client has
// seen (rule 35), has been confirmed by the nodes of late, and its deadline has not passed. What the nodes confirm
// is merged into the copy, and never put in its place (rule 37).

// serve returns the session where its copy may be shown, else nil.
func (l *localCopies) serve(id string, key record.Key, seen seenVersion, within time.Duration) *Record {
	if !seen.ok {
		return nil
	}
	r := &Record{key: id}
	if !l.take(r, key, seen.Version, within) {
		return nil
	}
	base := r.snap.base
	r.Attrs, r.Deadline = base.Values(), time.UnixMilli(base.Deadline()).UTC()
	return r
}

// take has r go on from the copy, and reports false where the copy may not be shown.
func (l *localCopies) take(r *Record, key record.Key, seen record.Version, within time.Duration) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copies[key]
	if c == nil || !c.includes(seen, l.writer) || c.age(now) > within || !c.record().Live(l.wallNow()) {
		return false
	}
	if c.place != nil {
		l.spare.MoveToFront(c.place)
	}
	r.snap = c.snapshot(l.writer)
	return true
}

// has reports whether there is a copy that includes what the client has seen.
func (l *localCopies) has(key record.Key, seen seenVersion) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.copies[key]
	return seen.ok && c != nil && c.includes(seen.Version, l.writer)
}

// stands reports whether a save that asks for nothing needs no node: what it goes on from is the copy, and
// the nodes that are its targets now have confirmed that of late.
func (l *localCopies) stands(s *save) bool {
	if s.hasEnded(s.c.cfg.Now()) {
		return false
	}
	var room [2]*node
	targets, c := s.targets(room[:0]), l.get(s.hash)
	return c.pending == nil && c.stood == s.snap.base && c.age(time.Now()) <= l.cfg.Fresh &&
		len(targets) > 0 && !slices.ContainsFunc(targets, func(n *node) bool { return !slices.Contains(c.on, n) })
}

// loaded returns what a load shows: what was found, together with what the copy has beyond that
// (rule 37).
func (l *localCopies) loaded(r *Record, key record.Key, v *view) *Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c *localCopy
	if !v.unrepaired {
		c = l.confirmLocked(key, v.merged, r.snap.seen, slices.Clone(v.targets), v.readAt)
	}
	switch {
	case c != nil && !c.changed && c.stood.Equal(v.merged):
		return r
	case c != nil:
		r.snap = c.snapshot(l.writer)
	default: // nothing is confirmed, or there is no room for it
		switch c = l.copies[key]; {
		case c == nil:
			return r
		case c.stood != nil && c.record().Includes(v.merged): // what is shown was confirmed before
			r.snap = c.snapshot(l.writer)
		case c.pending == nil:
			return r
		default:
			r.snap = snapshot{base: record.Merge(v.merged, c.pending), pending: true}
		}
	}
	r.Attrs, r.Deadline = r.snap.base.Values(), time.UnixMilli(r.snap.base.Deadline()).UTC()
	return r
}

// saved takes up what stands on all targets after a save, and tells its client of changes that the
// nodes still do not have.
func (l *localCopies) saved(s *save) {
	l.mu.Lock()
	defer l.mu.Unlock()
	snap := &s.rec.snap
	if c := l.confirmLocked(s.hash, snap.stood, nil, slices.Clone(s.last.targets), s.last.readAt); c != nil && c.changed {
		snap.version = c.versionText(l.writer)
	}
}

// updated takes up what stands on all targets after an update, or drops the copy where it may be older than what
// the update has stored.
func (l *localCopies) updated(key record.Key, u *update, err error) {
	switch {
	case u.operation == nil:
	case err == nil && u.stood != nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.confirmLocked(key, u.stood, nil, nil, u.before.readAt)
	case u.mayBeStored || err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrDestroyed):
		l.ended(key, nil)
	}
}

// confirmLocked takes up what stood on all targets, which are on, at that time. Seen are the copies that
// equal it. It returns the copy, or nil where none is kept.
func (l *localCopies) confirmLocked(key record.Key, stood *record.Record, seen []seen, on []*node, at time.Time) *localCopy {
	c := l.copyLocked(key)
	if c == nil {
		if at.Before(l.endDropped) {
			return nil
		}
		c = &localCopy{key: key, at: at}
	}
	next := *c
	if !at.Before(c.at) {
		next.at, next.on = at, on
	}
	switch merged := record.Merge(c.stood, stood); {
	case c.stood == nil || !merged.Equal(c.stood):
		if next.stood, next.seen = merged.Compact(), nil; merged.Equal(stood) {
			next.seen = slices.Clone(seen) // seen lies in the Record of the app
		}
		next.version = next.stood.Version(key)
		next.text = next.version.Text(key)
	case merged.Equal(stood) && seen != nil:
		next.seen = slices.Clone(seen)
	}
	if next.pending != nil {
		if next.pending = record.Merge(next.pending, next.stood).Compact(); next.stood.Includes(next.pending) {
			next.pending, next.changed = nil, false
		}
	}
	if !l.putLocked(c, next) {
		return nil
	}
	return c
}

// ended takes up that the session was found to be destroyed, or to have ended: found is its tombstone, if there is
// one. What is pending of it stays, for the nodes to say what becomes of it.
func (l *localCopies) ended(key record.Key, found *record.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.copies[key]; c != nil && c.pending == nil {
		l.endLocked(key, found)
	}
}

// destroyed takes up that this process has destroyed the session. After an error that may be so: the nodes are to say.
func (l *localCopies) destroyed(key record.Key, tombstone *record.Record, err error) {
	if err != nil {
		l.ended(key, nil)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(key, tombstone)
}

// endLocked drops the copy. A load under way that has read the session before its end must not bring
// the copy back: the tombstone is kept in its place. Where there is no tombstone, no load that is under way now
// begins a copy, of whatever session.
func (l *localCopies) endLocked(key record.Key, tombstone *record.Record) {
	if c := l.copies[key]; c != nil {
		if c.stood.IsTombstone() { // it has ended before
			tombstone = record.Merge(c.stood, tombstone)
		}
		l.removeLocked(c)
	}
	if !tombstone.IsTombstone() || l.confirmLocked(key, tombstone, nil, nil, time.Now()) == nil {
		l.endDropped = time.Now()
	}
}
