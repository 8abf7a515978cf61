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
// (turn.go): a save waits for one other at most. That wait ends with ctx, with its error, and
// then nothing is stored. A save under way goes on when ctx ends: a client that goes away in the
// middle must not leave half a save. It is bounded by a few Timeouts. Other errors are
// ErrUnavailable, ErrDestroyed, ErrConflict, ErrTooLarge, ErrVersion, ErrSealed, ErrEmptyKey and
// ErrClosed; after ErrUnavailable and ErrConflict the changes may be stored or not. With a context
// of [Cluster.Lock] the save is an Update, and ErrLockLost says that somebody else has the lock.
func (c *Cluster) Save(ctx context.Context, r *Record) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	t := c.beginTrace(ctx, OperationSave)
	err := c.save(ctx, r, t)
	t.end(err)
	return err
}

// save takes the steps that the package comment tells, in the same order.
func (c *Cluster) save(ctx context.Context, r *Record, t *tracing) error {
	c.stats.saves.Add(1)
	if r == nil || r.key == "" {
		return ErrEmptyKey
	}
	s := c.newSave(r)
	s.trace, s.operation.trace = t, t
	if c.lockOf(ctx, s.hash) != "" {
		return c.saveWithLock(ctx, t, r)
	}
	if r.own.succeeds != "" && r.snap.base == nil {
		if err := c.holdOn(ctx, r.own.succeeds); err != nil {
			return err
		}
	}
	if r.own.told {
		if err := c.giveOwner(ctx, r); err != nil {
			return err
		}
	}
	if s.asksForNothing() && s.fromSnapshot() != nil { // and all targets have that still, as far as is known
		c.stats.idleSaves.Add(1)
		return nil
	}
	var err error
	if c.local != nil {
		err = c.local.save(ctx, s)
	} else {
		err = c.store(ctx, s)
	}
	if errors.Is(err, ErrDestroyed) {
		r.snap.ended = true
	}
	c.stats.countFailure(err)
	return err
}

// store has the nodes store the save, and the Record go on from there.
func (c *Cluster) store(ctx context.Context, s *save) error {
	if err := c.takeTurn(ctx, s); err != nil {
		return err
	}
	c.known.note(s.hash)
	s.rec.own.changed = false
	s.rec.snap = snapshot{base: s.withChanges.CollectTombstones(s.lastRead), stood: s.last.merged}
	return nil
}

// save is one Save under way.
type save struct {
	*operation           // its own, and that of its turn when it takes one
	trace       *tracing // of this save, also where it shares an operation
	rec         *Record
	deadline    int64
	snap        *snapshot
	at          record.Timestamp // of what this save changes
	withChanges *record.Record   // the snapshot's record with the app's changes
	lastRead    *record.Record   // what was read last: removals that it lists may be collected
	replace     bool             // no snapshot: the first record found is replaced, not merged
	idle        bool             // it asks for no change that needs a write (isIdle)
	fault       error            // why this save cannot be done, whatever becomes of others
	last        *view            // what its turn has read, or written, last; nil: it had none
	pending     *record.Record   // of a write-back (writebehind.go): what it is to write; rec is nil then
	result      error            // what has become of it
}

func (c *Cluster) newSave(r *Record) *save {
	op := c.newOperation(r.key, intent{mayBeNew: r.snap.base == nil})
	s := &save{operation: op, rec: r, snap: &r.snap}
	now := c.cfg.Now()
	s.deadline = record.DeadlineOf(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = now.Add(c.cfg.Lifetime).UnixMilli()
	}
	s.deadline = r.snap.base.CapDeadline(s.deadline)
	c.noteLifetime(s.deadline, now)
	if slack := c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		s.idle = s.isIdle(slack)
		if base := s.snap.base; base == nil || s.deadline != base.Deadline() { // what was loaded has the slack already
			s.deadline = min(s.deadline+slack, record.MaxDeadline)
		}
	}
	return s
}

// asksForNothing reports whether the save asks for nothing that the snapshot does not have.
func (s *save) asksForNothing() bool { return s.idle && !s.rec.own.changed }

// isIdle reports whether the app has changed nothing, and the deadline is at most the slack before that which is
// stored.
func (s *save) isIdle(slack int64) bool {
	base := s.snap.base
	return base != nil && s.deadline <= base.Deadline() && s.deadline >= base.Deadline()-slack &&
		record.Change(base, s.rec.Attrs, base.Deadline(), record.Timestamp{}).OnlyExtends(base)
}

// prepare makes the record that the save asks for. It waits for the save's turn: a change that
// is made later has the later timestamp.
func (s *save) prepare() {
	s.lastRead, s.replace, s.fault = s.snap.base, s.snap.base == nil, nil
	if s.pending != nil {
		return
	}
	if s.snap.pending {
		s.lastRead = s.snap.stood
	}
	s.at = s.stampAfter(s.snap.base)
	s.withChanges = s.changed(s.snap.base)
}

// changed is the record as the app wants it: with its attributes, its deadline and its owner.
func (s *save) changed(base *record.Record) *record.Record {
	r := record.Change(base, s.rec.Attrs, s.deadline, s.at)
	if s.rec.own.changed {
		r = s.rec.own.enter(r, s.at)
	}
	return r
}

// stampAfter is the timestamp of a change that this process makes now to a record that it has read
// (rule 11).
func (op *operation) stampAfter(s *record.Record) record.Timestamp {
	writer := op.c.writer
	if op.decides {
		writer = record.Updates(writer)
	}
	return op.c.timestamps.next(op.hash, s, op.c.cfg.Now(), writer)
}

// hasEnded (rule 4) reports whether the session that was loaded has ended since, by Config.Now, or was
// found destroyed.
// Nobody sees it any more, and nothing may be stored where nothing is found: a request that
// takes long would bring it back.
func (s *save) hasEnded(now time.Time) bool {
	return s.snap.base != nil && (s.snap.ended || !s.snap.base.Live(now))
}

// fromSnapshot returns what the snapshot says of the targets, as if it had just been read: the
// write finds out whether it is still so, and the save needs one round trip. It returns nil where
// that is not enough to write on.
func (s *save) fromSnapshot() *view {
	v := &s.viewRoom
	v.assumed, v.merged, v.answers = true, s.snap.base, v.answerRoom[:0]
	v.readAt, v.readAtConfigNow = s.c.moment()
	v.targets = s.targets(v.targetRoom[:0])
	if s.hasEnded(v.readAtConfigNow) || s.mayBeNew && s.isFarAfterOutage(v.targets) || len(v.targets) < s.c.cfg.MinCopies {
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
	case s.pending != nil:
		return s.planWriteBack(before)
	case v.merged == nil && s.hasEnded(s.c.cfg.Now()):
		return nil, ErrDestroyed
	case before == nil:
		s.replace = s.replace && v.assumed
		return s.withChanges.CollectTombstones(s.lastRead), nil
	case s.snap.base != nil && !before.Live(s.c.cfg.Now()) && !(s.mayBeStored && before.DeadlineSetAt(s.at)):
		return nil, ErrDestroyed // its copies have not expired yet
	case before == s.snap.base:
		return s.withChanges.CollectTombstones(s.lastRead), nil
	}
	if v.merged != nil {
		s.lastRead = v.merged
	}
	switch {
	case s.replace:
		s.replace = false
		if s.mayBeStored {
			// Somebody may have read what this save stored, and gone on from there: it keeps its
			// timestamp.
			s.withChanges = s.withChanges.Replacing(before, s.at)
			break
		}
		s.at = s.stampAfter(before)
		s.withChanges = s.changed(before)
	case !s.mayBeStored && before.Newest() >= s.at.Clock:
		// Another save was made since the snapshot: in this process, or in one whose clock is
		// ahead. This one is the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(before)
		s.withChanges, s.at = s.withChanges.Retime(s.at, at), at
	case s.mayBeStored:
		s.withChanges = s.withChanges.RetimeCollected(before, s.at, s.stampAfter(before))
	}
	if s.withChanges.OnlyExtends(s.snap.base) && before.Deadline() >= s.withChanges.Deadline() {
		return record.Merge(before, s.snap.base), nil // what is there is at least as fresh
	}
	return record.Merge(before, s.withChanges).CollectTombstones(s.lastRead), nil
}
