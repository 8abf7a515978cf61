package cluster

import (
	"context"
	"errors"
	"slices"
	"time"
)

// This file decides when a save is done: by one write to all targets, or by gathering,
// joining and settling.

// saveRounds is how often a save gathers and writes before it gives up. Two writers
// arrive at the same bytes, so rounds are lost only to writers that keep coming.
const saveRounds = 8

// Save stores the session: its changes since the snapshot, joined with what other
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
	k := c.newCall(r.key)
	// Saves of one session in one process take turns: they would only outrun each
	// other. Between processes the nodes decide.
	mine := c.lanes.enter(k.hash)
	defer func() {
		if mine {
			c.lanes.leave(k.hash, errors.Is(err, ErrUnavailable))
		}
	}()
	s := k.newSave(r)
	err = s.run()
	if !mine && errors.Is(err, ErrConflict) { // the nodes are back, and others went at once, too
		mine = c.lanes.enter(k.hash)
		err = s.run()
	}
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
	sooner   bool    // what stood would have lived on
	placed   []*node // the targets that hold it in the end
	idle     bool    // what stands says it all, within RefreshSlack
}

func (k *call) newSave(r *Record) *save {
	s := &save{call: k, rec: r, snap: &r.snap, read: r.snap.base, replace: r.snap.base == nil}
	k.fresh = s.replace
	now := k.c.cfg.Now()
	s.deadline = deadlineMilli(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = now.Add(k.c.cfg.Lifetime).UnixMilli()
	}
	s.deadline = r.snap.base.atMost(s.deadline)
	k.c.noteLifetime(s.deadline)
	k.sawEnd(r.snap.base)
	s.at = k.stampAfter(s.snap.base)
	if slack := k.c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
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
func (k *call) stampAfter(s *stored) stamp {
	return stamp{clock: max(k.c.cfg.Now().UnixMicro(), s.newest()+1), writer: k.c.writer}
}

// run is the straight line of a save: the fast path, or gather and join.
func (s *save) run() error {
	done, err := s.fast()
	if done || err != nil {
		return err
	}
	s.idle = false
	for _, n := range s.snap.targets {
		s.wide = s.wide || !slices.Contains(s.targets(nil), n)
	}
	s.c.stats.merges.Add(1)
	for range saveRounds {
		v, err := s.settle(nil, saveRounds, s.plan, nil)
		if err != nil {
			return err
		}
		replaced, err := s.withdraw(v)
		if err != nil {
			return err
		}
		if !replaced {
			s.placed = v.targets
			if s.sooner && !s.wide { // a stray may outlive ours
				s.wide = true
				v, _ = s.gather(context.Background())
				if v.joined == nil || len(v.lacking(v.joined)) > 0 {
					return nil // what the targets do not hold must not be given a short life elsewhere
				}
			}
			s.retire(v, v.joined)
			return nil
		}
	}
	return ErrConflict
}

// shortens reports whether the session is to end before it would have, by more than clocks
// that are kept in step differ. A copy that has stood in for another would outlive it then,
// and be taken for it: nodes do not remember sessions that have ended. So it must be looked
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

// fast writes to all targets at once when it can know what it replaces: the session
// is new, or the snapshot saw each target's copy.
func (s *save) fast() (done bool, err error) {
	var room [2]*node
	targets := s.targets(room[:0])
	if len(targets) < s.c.cfg.MinCopies || s.shortens() || s.replace && s.remote(targets) || s.hasEnded() {
		return false, nil
	}
	if !s.replace {
		for _, t := range targets {
			if s.snap.on(t) == nil {
				return false, nil
			}
		}
	}
	if s.idle {
		s.c.stats.idleSaves.Add(1)
		return true, nil
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

// withdraw removes the older copies of nodes that had no memory for the new one. Others
// have stood in for them, but nobody would look there while these say the same. Replaced
// is true when somebody has put another in the place of one: that may lack ours.
func (s *save) withdraw(v *view) (replaced bool, err error) {
	// A home that has ours differs from an old copy, and whoever sees both looks further.
	isSeen := slices.ContainsFunc(v.targets, s.isHome)
	for _, n := range s.full {
		a := v.on(n)
		if a == nil && !isSeen { // it has failed since; who knows what it will go on serving
			return false, s.unavailable()
		}
		if a == nil || a.rec == nil || a.rec.includes(s.ours) {
			continue
		}
		gone, err := n.server.Withdraw(s.key, a.item)
		if err != nil && !isSeen {
			return false, s.unavailable()
		}
		replaced = replaced || err == nil && !gone
	}
	return replaced, nil
}

// plan says which record the targets should hold, given what was gathered.
func (s *save) plan(v *view) (*stored, error) {
	switch {
	case v.joined == nil && s.hasEnded():
		return nil, ErrDestroyed
	case v.joined == nil:
		s.replace = false
		return s.ours.forget(s.read), nil
	case v.joined.destroyed:
		return v.joined, ErrDestroyed
	case s.snap.base != nil && !v.joined.live(s.c.cfg.Now()) && v.joined.dstamp != s.at:
		return nil, ErrDestroyed // it has ended, and what is there waits for its node to drop it
	}
	s.read = v.joined
	switch {
	case s.replace:
		s.replace = false
		if s.tried {
			// Somebody may have read ours and gone on from there: it keeps its stamp.
			s.ours = s.ours.removing(v.joined, s.at)
			break
		}
		s.at = s.stampAfter(v.joined)
		s.ours = change(v.joined, s.rec.Attrs, s.deadline, s.at)
	case !s.tried && v.joined.newest() >= s.at.clock:
		// Another process, whose clock is ahead, saved since our snapshot. Ours is
		// the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(v.joined)
		s.ours, s.at = s.ours.restamp(s.at, at), at
	case s.tried:
		s.ours = s.ours.above(v.joined, s.at, s.stampAfter(v.joined))
	}
	if s.ours.onlyExtends(s.snap.base) && v.joined.deadline >= s.ours.deadline {
		return join(v.joined, s.snap.base), nil // what stands is at least as fresh
	}
	want := join(v.joined, s.ours).forget(s.read)
	s.sooner = s.sooner || v.joined.deadline > want.deadline
	return want, nil
}
