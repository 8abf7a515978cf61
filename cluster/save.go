package cluster

import (
	"context"
	"errors"
	"time"
)

// This file decides when a save is done: by one write to all targets, or by a turn (turn.go),
// which gathers, joins and settles.

// saveRounds is how often a save gathers and writes before it gives up. Two writers
// arrive at the same bytes, so rounds are lost only to writers that keep coming.
const saveRounds = 8

// Save stores the session: its changes since the snapshot, joined with what other
// requests have written meanwhile. It returns nil when every target that is not
// down holds them, and these are at least MinCopies. It then holds a new snapshot:
// the Record can be changed and saved again.
//
// In one process a save waits while another one of its session is under way, and those that
// wait then go together: however many they are, none waits for a second one, unless records
// that were loaded and records from NewRecord are saved under one key at once. The wait ends with
// ctx, with its error, or with Close; nothing is stored then. A save under way goes on when
// ctx ends: a client that goes away in the middle must not leave half a save. It is bounded by a
// few Timeouts. The error is ctx's, ErrUnavailable, ErrDestroyed, ErrConflict, ErrTooLarge,
// ErrVersion, ErrSealed, ErrEmptyKey or ErrClosed; after ErrUnavailable and ErrConflict the
// changes may be stored or not.
func (c *Cluster) Save(ctx context.Context, r *Record) (err error) {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	c.stats.saves.Add(1)
	if r == nil || r.key == "" {
		return ErrEmptyKey
	}
	if ctx == nil {
		ctx = context.Background()
	}
	k := c.newCall(r.key)
	s := k.newSave(r)
	err = s.takeTurn(ctx)
	c.missing.remove(k.hash)
	switch {
	case err == nil && !s.idle:
		r.snap = snapshot{base: s.ours.forget(s.read), targets: s.placed}
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
	*call
	rec      *Record
	deadline int64
	snap     *snapshot
	at       stamp   // of what this save changes
	ours     *stored // the snapshot's record with the app's changes
	read     *stored // what was read last: what it says of removals may be forgotten
	replace  bool    // no snapshot: what stands is to be replaced, once it is known
	placed   []*node // the targets that hold it in the end
	idle     bool    // what stands says it all, within RefreshSlack
	fault    error   // why this save cannot be done, whatever becomes of others

	// Of a save that has to wait:
	turn   chan []*save // its turn, with those that it takes along; nil: another one has taken it along
	result error        // what has become of it then
}

func (k *call) newSave(r *Record) *save {
	s := &save{call: k, rec: r, snap: &r.snap}
	k.fresh = r.snap.base == nil
	now := k.c.cfg.Now()
	s.deadline = deadlineMilli(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = now.Add(k.c.cfg.Lifetime).UnixMilli()
	}
	s.deadline = r.snap.base.atMost(s.deadline)
	k.c.noteLifetime(s.deadline)
	if slack := k.c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		s.idle = s.standsFor(slack)
		if base := s.snap.base; base == nil || s.deadline != base.deadline { // what was loaded has the slack already
			s.deadline = min(s.deadline+slack, maxDeadline)
		}
	}
	return s
}

// begin makes the record that the save asks for. It waits for the save's turn: a change that
// is made later has the later stamp.
func (s *save) begin() {
	s.read, s.replace = s.snap.base, s.snap.base == nil
	s.at = s.stampAfter(s.snap.base)
	s.ours = change(s.snap.base, s.rec.Attrs, s.deadline, s.at)
}

// standsFor reports whether the save asks for nothing that the snapshot does not have:
// no change, and a deadline at most the slack before that which is stored.
func (s *save) standsFor(slack int64) bool {
	base := s.snap.base
	return base != nil && s.deadline <= base.deadline && s.deadline >= base.deadline-slack &&
		change(base, s.rec.Attrs, base.deadline, stamp{}).onlyExtends(base)
}

// stampAfter is a stamp above everything in the record, so that a change made after
// reading it always beats it, whatever the machines' clocks say.
func (k *call) stampAfter(s *stored) stamp {
	return stamp{clock: max(k.c.cfg.Now().UnixMicro(), s.newest()+1), writer: k.c.writer}
}

// takeTurn carries out the save when it is its turn. One that asks for nothing needs none.
func (s *save) takeTurn(ctx context.Context) error {
	var room [2]*node
	if s.idle && s.knows(s.targets(room[:0])) {
		s.c.stats.idleSaves.Add(1)
		return nil
	}
	s.idle = false
	c, key := s.c, s.hash // a save that waits belongs to whoever takes it along
	if c.lanes.enter(s) {
		defer c.lanes.leave(key)
		return s.run()
	}
	together, err := c.lanes.wait(ctx, c.closing, key, s)
	if together == nil {
		return err
	}
	defer c.lanes.leave(key)
	c.goTogether(together)
	return s.result
}

// run is the straight line of a save that goes at once: the fast path, or gather and join.
func (s *save) run() error {
	s.begin()
	done, err := s.fast()
	if done || err != nil {
		return err
	}
	return (&turn{call: s.call, saves: []*save{s}}).run()
}

// shortens reports whether the session is to end before it would have, by more than clocks
// that are kept in step differ. A copy that has stood in for another would outlive it then,
// and be taken for it once the targets have lost what says so (latest.go). So it must be looked
// for.
func (s *save) shortens() bool {
	base := s.snap.base
	return base != nil && base.deadline-s.deadline > time.Second.Milliseconds()
}

// hasEnded reports whether the session that was loaded has ended since, or was found destroyed.
// Nobody sees it any more, and nothing may be stored where nothing is found: a request that
// takes long would bring it back.
func (s *save) hasEnded() bool {
	return s.snap.base != nil && (s.snap.ended || !s.snap.base.live(s.c.cfg.Now()))
}

// knows reports whether the save knows what it replaces on these targets: the session is new, or
// the snapshot saw each target's copy.
func (s *save) knows(targets []*node) bool {
	if len(targets) < s.c.cfg.MinCopies || s.shortens() || s.fresh && s.remote(targets) || s.hasEnded() {
		return false
	}
	if !s.fresh {
		for _, t := range targets {
			if s.snap.on(t) == nil {
				return false
			}
		}
	}
	return true
}

// fast writes to all targets at once when it can know what it replaces.
func (s *save) fast() (done bool, err error) {
	var room [2]*node
	targets := s.targets(room[:0])
	if !s.knows(targets) {
		return false, nil
	}
	began := time.Now()
	all, err := s.put(targets, s.ours.forget(s.read), s.snap.on, nil)
	for i := range s.refusals {
		s.refusals[i].shows(s.snap.base, false)
	}
	if !all || s.isOld(began) {
		return false, err
	}
	s.placed = targets
	s.c.stats.fastSaves.Add(1)
	return true, nil
}

// plan says which record the targets should hold, given what was read, and what that is with the
// changes of the saves that go before this one in its turn.
func (s *save) plan(read, before *stored) (*stored, error) {
	switch {
	case read == nil && s.hasEnded():
		return nil, ErrDestroyed
	case before == nil:
		s.replace = false
		return s.ours.forget(s.read), nil
	case s.snap.base != nil && !before.live(s.c.cfg.Now()) && before.dstamp != s.at:
		return nil, ErrDestroyed // it has ended; what is there is evidence, or waits for its node to drop it
	}
	if read != nil {
		s.read = read
	}
	switch {
	case s.replace:
		s.replace = false
		if s.tried {
			// Somebody may have read ours and gone on from there: it keeps its stamp.
			s.ours = s.ours.removing(before, s.at)
			break
		}
		s.at = s.stampAfter(before)
		s.ours = change(before, s.rec.Attrs, s.deadline, s.at)
	case !s.tried && before.newest() >= s.at.clock:
		// Another one saved since our snapshot: in this process, or in one whose clock is
		// ahead. Ours is the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(before)
		s.ours, s.at = s.ours.restamp(s.at, at), at
	case s.tried:
		s.ours = s.ours.above(before, s.at, s.stampAfter(before))
	}
	if s.ours.onlyExtends(s.snap.base) && before.deadline >= s.ours.deadline {
		return join(before, s.snap.base), nil // what stands is at least as fresh
	}
	return join(before, s.ours).forget(s.read), nil
}
