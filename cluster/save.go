package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what one save writes: the app's changes since the snapshot, on top of what
// other requests have written meanwhile.

// Save stores the session: its changes since the snapshot, merged with what other
// requests have written meanwhile. It returns nil when every target that is not
// down holds them, and these are at least MinCopies. It then holds a new snapshot:
// the Record can be changed and saved again.
//
// Saves of one session in one process go one after the other, and those that wait go together
// (lanes.go): a save waits for one other at most. That wait ends with ctx, with its error, and
// then nothing is stored. A save under way goes on when ctx ends: a client that goes away in the
// middle must not leave half a save. It is bounded by a few Timeouts. Other errors are
// ErrUnavailable, ErrDestroyed, ErrConflict, ErrTooLarge, ErrVersion, ErrSealed, ErrEmptyKey and
// ErrClosed; after ErrUnavailable and ErrConflict the changes may be stored or not.
func (c *Cluster) Save(ctx context.Context, r *Record) error {
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
	s := c.newSave(r)
	if s.idle && s.fromSnapshot() != nil {
		c.stats.idleSaves.Add(1)
		return nil
	}
	err := c.takeTurn(ctx, s)
	switch {
	case err == nil:
		r.snap = snapshot{base: s.ours.CollectTombstones(s.read), targets: s.placed}
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
	*operation // its own, and that of its turn when it takes one
	rec        *Record
	deadline   int64
	snap       *snapshot
	at         record.Timestamp // of what this save changes
	ours       *record.Record   // the snapshot's record with the app's changes
	read       *record.Record   // what was read last: removals that it lists may be collected
	replace    bool             // no snapshot: the first record found is replaced, not merged
	placed     []*node          // the targets that hold it in the end
	idle       bool             // no write needed, within RefreshSlack
	fault      error            // why this save cannot be done, whatever becomes of others

	// Of a save that has to wait:
	turn   chan []*save // its turn, with those that it takes along; nil: another one has taken it along
	result error        // what has become of it then
}

func (c *Cluster) newSave(r *Record) *save {
	op := c.newOperation(r.key, intent{mayBeNew: r.snap.base == nil, wasOn: r.snap.targets})
	s := &save{operation: op, rec: r, snap: &r.snap}
	s.deadline = record.DeadlineOf(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = c.cfg.Now().Add(c.cfg.Lifetime).UnixMilli()
	}
	s.deadline = r.snap.base.CapDeadline(s.deadline)
	c.noteLifetime(s.deadline)
	if slack := c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		s.idle = s.asksForNothing(slack)
		if base := s.snap.base; base == nil || s.deadline != base.Deadline() { // what was loaded has the slack already
			s.deadline = min(s.deadline+slack, record.MaxDeadline)
		}
	}
	return s
}

// asksForNothing reports whether the save asks for nothing that the snapshot does not have:
// no change, and a deadline at most the slack before that which is stored.
func (s *save) asksForNothing(slack int64) bool {
	base := s.snap.base
	return base != nil && s.deadline <= base.Deadline() && s.deadline >= base.Deadline()-slack &&
		record.Change(base, s.rec.Attrs, base.Deadline(), record.Timestamp{}).OnlyExtends(base)
}

// begin makes the record that the save asks for. It waits for the save's turn: a change that
// is made later has the later timestamp.
func (s *save) begin() {
	s.read, s.replace, s.fault = s.snap.base, s.snap.base == nil, nil
	s.at = s.stampAfter(s.snap.base)
	s.ours = record.Change(s.snap.base, s.rec.Attrs, s.deadline, s.at)
}

// stampAfter is the timestamp of a change that this process makes now to a record that it has read
// (rule 11).
func (op *operation) stampAfter(s *record.Record) record.Timestamp {
	return op.c.timestamps.next(op.hash, s, op.c.cfg.Now(), op.c.writer)
}

// hasEnded (rule 4) reports whether the session that was loaded has ended since, or was found
// destroyed.
// Nobody sees it any more, and nothing may be stored where nothing is found: a request that
// takes long would bring it back.
func (s *save) hasEnded() bool {
	return s.snap.base != nil && (s.snap.ended || !s.snap.base.Live(s.c.cfg.Now()))
}

// fromSnapshot returns what the snapshot says of the targets, as if it had just been read: the
// write finds out whether it is still so, and the save needs one round trip. It returns nil where
// that is not enough to write on.
func (s *save) fromSnapshot() *view {
	v := &s.viewRoom
	v.assumed, v.began, v.merged, v.answers = true, time.Now(), s.snap.base, v.answerRoom[:0]
	v.targets = s.targets(v.targetRoom[:0])
	if s.hasEnded() || s.mayBeNew && s.isRemote(v.targets) || len(v.targets) < s.c.cfg.MinCopies {
		return nil
	}
	for _, t := range v.targets {
		it := s.snap.on(t)
		if it == nil && !s.mayBeNew {
			return nil
		}
		if it != nil {
			v.answers = append(v.answers, answer{node: t, item: it, rec: s.snap.base})
		}
	}
	return v
}

// plan says which record the targets should hold, given what was read, and what that is with the
// changes of the saves that go before this one in its turn.
func (s *save) plan(v *view, before *record.Record) (*record.Record, error) {
	switch {
	case v.merged == nil && s.hasEnded():
		return nil, ErrDestroyed
	case before == nil:
		s.replace = s.replace && v.assumed
		return s.ours.CollectTombstones(s.read), nil
	case s.snap.base != nil && !before.Live(s.c.cfg.Now()) && !(s.mayBeStored && before.DeadlineSetAt(s.at)):
		return nil, ErrDestroyed // its copies have not expired yet
	case before == s.snap.base:
		return s.ours.CollectTombstones(s.read), nil
	}
	if v.merged != nil {
		s.read = v.merged
	}
	switch {
	case s.replace:
		s.replace = false
		if s.mayBeStored {
			// Somebody may have read ours and gone on from there: it keeps its timestamp.
			s.ours = s.ours.Replacing(before, s.at)
			break
		}
		s.at = s.stampAfter(before)
		s.ours = record.Change(before, s.rec.Attrs, s.deadline, s.at)
	case !s.mayBeStored && before.Newest() >= s.at.Clock:
		// Another one saved since our snapshot: in this process, or in one whose clock is
		// ahead. Ours is the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(before)
		s.ours, s.at = s.ours.Retime(s.at, at), at
	case s.mayBeStored:
		s.ours = s.ours.RetimeCollected(before, s.at, s.stampAfter(before))
	}
	if s.ours.OnlyExtends(s.snap.base) && before.Deadline() >= s.ours.Deadline() {
		return record.Merge(before, s.snap.base), nil // what is there is at least as fresh
	}
	return record.Merge(before, s.ours).CollectTombstones(s.read), nil
}
