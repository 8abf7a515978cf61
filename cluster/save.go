package cluster

import (
	"context"
	"errors"
	"time"
)

// This file decides what a save writes: the app's changes since the snapshot, on top of what
// other requests have written meanwhile.

// Save stores the session: its changes since the snapshot, merged with what other
// requests have written meanwhile. It returns nil when every target that is not
// down holds them, and these are at least MinCopies. It then holds a new snapshot:
// the Record can be changed and saved again.
//
// Save goes on when ctx ends: a client that goes away in the middle must not leave
// half a save. It is bounded by a few Timeouts. The error is ErrUnavailable,
// ErrDestroyed, ErrConflict, ErrTooLarge, ErrVersion, ErrSealed, ErrEmptyKey or ErrClosed; after
// ErrUnavailable and ErrConflict the changes may be stored or not.
func (c *Cluster) Save(_ context.Context, r *Record) (err error) {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	c.stats.saves.Add(1)
	if r == nil || r.key == "" {
		return ErrEmptyKey
	}
	op := c.newOperation(r.key, intent{mayBeNew: r.snap.base == nil, wasOn: r.snap.targets})
	// Saves of one session in one process take turns: they would only be each other's CAS
	// conflicts. Between processes the nodes decide.
	if c.lanes.enter(op.hash) {
		defer func() { c.lanes.leave(op.hash, errors.Is(err, ErrUnavailable)) }()
	}
	s := op.newSave(r)
	known := s.fromSnapshot()
	if known != nil && s.idle {
		c.stats.idleSaves.Add(1)
		return nil
	}
	v, err := op.converge(known, saveRounds+1, s.decide)
	switch {
	case err == nil && v == known:
		c.stats.fastSaves.Add(1)
	default:
		c.stats.merges.Add(1)
	}
	switch {
	case err == nil:
		op.expireOrphans(v, v.merged)
		r.snap = snapshot{base: s.ours.forget(s.read), targets: v.targets}
	case errors.Is(err, ErrUnavailable):
		c.stats.unavailable.Add(1)
	case errors.Is(err, ErrConflict):
		c.stats.conflicts.Add(1)
	case errors.Is(err, ErrDestroyed):
		r.snap.ended = true
		c.stats.destroyed.Add(1)
	case errors.Is(err, ErrTooLarge):
		c.stats.tooLarge.Add(1)
	}
	return err
}

// save is one Save under way.
type save struct {
	*operation
	rec      *Record
	deadline int64
	snap     *snapshot
	at       stamp   // of what this save changes
	ours     *stored // the snapshot's record with the app's changes
	read     *stored // what was read last: what it says of removals may be forgotten
	replace  bool    // no snapshot: what is there is to be replaced, once it is known
	idle     bool    // no write needed, within RefreshSlack
}

func (op *operation) newSave(r *Record) *save {
	s := &save{operation: op, rec: r, snap: &r.snap, read: r.snap.base, replace: r.snap.base == nil}
	now := op.c.cfg.Now()
	s.deadline = deadlineMilli(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = now.Add(op.c.cfg.Lifetime).UnixMilli()
	}
	s.deadline = r.snap.base.atMost(s.deadline)
	op.c.noteLifetime(s.deadline)
	op.sawEnd(r.snap.base)
	s.at = op.stampAfter(s.snap.base)
	if slack := op.c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		s.idle = s.standsFor(slack)
		if base := s.snap.base; base == nil || s.deadline != base.deadline { // what was loaded has the slack already
			s.deadline = min(s.deadline+slack, maxDeadline)
		}
	}
	s.ours = change(s.snap.base, r.Attrs, s.deadline, s.at)
	return s
}

// standsFor reports whether the save asks for nothing that the snapshot does not have:
// no change, and a deadline at most the slack before that which is stored.
func (s *save) standsFor(slack int64) bool {
	base := s.snap.base
	return base != nil && s.deadline <= base.deadline && s.deadline >= base.deadline-slack &&
		change(base, s.rec.Attrs, base.deadline, s.at).onlyExtends(base)
}

// stampAfter is a stamp above everything in the record, so that a change made after
// reading it always beats it, whatever the machines' clocks say.
func (op *operation) stampAfter(s *stored) stamp {
	return stamp{clock: max(op.c.cfg.Now().UnixMicro(), s.newest()+1), writer: op.c.writer}
}

// hasEnded reports whether the session that was loaded has ended since, or was found destroyed.
// Nobody sees it any more, and nothing may be stored where nothing is found: a request that
// takes long would bring it back.
func (s *save) hasEnded() bool {
	return s.snap.base != nil && (s.snap.ended || !s.snap.base.live(s.c.cfg.Now()))
}

// fromSnapshot returns what the snapshot says of the targets, as if it had just been read: the
// write finds out whether it is still so, and the save needs one round trip. It returns nil where that is not enough to write on.
func (s *save) fromSnapshot() *view {
	v := &s.viewRoom
	v.assumed, v.began, v.merged, v.answers = true, time.Now(), s.snap.base, v.answerRoom[:0]
	v.targets = s.targets(v.targetRoom[:0])
	if s.hasEnded() || s.replace && s.isRemote(v.targets) || len(v.targets) < s.c.cfg.MinCopies {
		return nil
	}
	for _, t := range v.targets {
		it := s.snap.on(t)
		if it == nil && !s.replace {
			return nil
		}
		if it != nil {
			v.answers = append(v.answers, answer{node: t, item: it, rec: s.snap.base})
		}
	}
	return v
}

// decide says which record the targets should hold, given what was read.
func (s *save) decide(v *view) decision {
	now := s.c.cfg.Now()
	found := v.merged
	switch {
	case found == nil && s.hasEnded():
		return decision{err: ErrDestroyed}
	case found == nil:
		s.replace = s.replace && v.assumed
		return decision{want: s.ours.forget(s.read)}
	case found.destroyed:
		return decision{want: found, err: ErrDestroyed}
	case s.snap.base != nil && !found.live(now) && found.dstamp != s.at:
		return decision{err: ErrDestroyed} // it has ended, and its copies wait for their nodes to drop them
	case found == s.snap.base:
		return decision{want: s.ours.forget(s.read)}
	}
	s.read = found
	switch {
	case s.replace:
		s.replace = false
		if s.mayBeStored {
			// Somebody may have read ours and gone on from there: it keeps its stamp.
			s.ours = s.ours.removing(found, s.at)
			break
		}
		s.at = s.stampAfter(found)
		s.ours = change(found, s.rec.Attrs, s.deadline, s.at)
	case !s.mayBeStored && found.newest() >= s.at.clock:
		// Another process, whose clock is ahead, saved since our snapshot. Ours is
		// the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(found)
		s.ours, s.at = s.ours.restamp(s.at, at), at
	case s.mayBeStored:
		s.ours = s.ours.above(found, s.at, s.stampAfter(found))
	}
	if s.ours.onlyExtends(s.snap.base) && found.deadline >= s.ours.deadline {
		return decision{want: join(found, s.snap.base)} // what is there is at least as fresh
	}
	return decision{want: join(found, s.ours).forget(s.read)}
}
