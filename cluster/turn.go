package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/cluster/internal/turns"
)

// This file decides what saves of one session do together: they read once, each makes its
// changes on those of the ones before it, and one write stores them all. What is wrong with
// one of them is its own error, and leaves the others alone.

// takeTurn carries out the save when it is its turn, alone or with those that wait with it. Between processes the
// nodes decide. A save whose wait has ended has stored nothing.
func (c *Cluster) takeTurn(ctx context.Context, s *save) error {
	key := s.hash             // copied first: newTurn replaces s.operation
	s.result = ErrUnavailable // if the save that takes it along breaks off
	together, waited, err := c.saves.Enter(ctx, c.closing, key, s)
	switch {
	case err != nil:
		return waitEnded("save", err)
	case together == nil:
		return s.result
	}
	defer c.saves.Leave(key)
	if waited {
		c.newTurn(together).carryOut(nil)
		return s.result
	}
	t := turn{operation: s.operation, saves: together}
	t.carryOut(s.fromSnapshot())
	return s.result
}

// goTogether reports whether two saves share a turn: else the last of a hundred would wait for ninety-nine. A record
// that was loaded and one that was made do not: what proves too little for a session that exists is enough for a
// new one.
func goTogether(first, next *save) bool { return first.mayBeNew == next.mayBeNew }

// waitEnded is the error of a call whose wait for its turn has ended.
func waitEnded(call string, err error) error {
	if err == turns.ErrClosing {
		return ErrClosed
	}
	return fmt.Errorf("cluster: %s: %w", call, err)
}

// turn is one operation for one or more saves of a session, in the order of arrival.
type turn struct {
	*operation
	saves  []*save
	ending *record.Record // what ends the session again, where it had ended (decideEnding)
}

func (c *Cluster) newTurn(saves []*save) *turn {
	op := c.operationOn(saves[0].hash, intent{mayBeNew: saves[0].mayBeNew})
	op.trace = saves[0].trace
	for _, s := range saves {
		s.operation = op
	}
	return &turn{operation: op, saves: saves}
}

// carryOut tells each save its outcome. It begins with what is known of the targets; nil: nothing.
func (t *turn) carryOut(known *view) {
	for _, s := range t.saves {
		s.prepare()
	}
	v, err := t.converge(known, saveRounds+1, t.decideSaves)
	switch {
	case errors.Is(err, ErrTooLarge) && len(t.saves) > 1 && !t.mayBeStored:
		// The joint record is within MaxRecordBytes, but the nodes refuse it. The turn is split to
		// find the save that is too large.
		half := len(t.saves) / 2
		t.c.newTurn(t.saves[:half]).carryOut(nil)
		t.c.newTurn(t.saves[half:]).carryOut(nil)
		return
	case err == nil && v == known:
		t.c.stats.fastSaves.Add(1)
	default:
		t.c.stats.merges.Add(uint64(len(t.saves)))
	}
	if err == nil {
		t.expireOrphans(v, v.merged)
		t.noteWide(v)
	}
	if err == nil && t.ending != nil {
		err = ErrDestroyed
	}
	for _, s := range t.saves {
		s.last = v
		s.trace.joins(t.trace)
		if s.result = s.fault; s.fault == nil {
			s.result = err
		}
	}
}

// decideSaves is the decision of a turn, which the loop carries out (converge.go): every target is
// to hold what was read, with the changes of all saves. A save that cannot be applied after the
// earlier ones is left out. Where none is left, the error is that of the last one.
func (t *turn) decideSaves(v *view) decision {
	found := t.withPending(v.merged)
	if found.IsTombstone() {
		return decision{want: found, err: ErrDestroyed}
	}
	if t.decideEnding(v); t.ending != nil {
		return decision{want: record.Merge(v.merged, t.ending)}
	}
	d := decision{want: found}
	left := false
	for _, s := range t.saves {
		if s.fault == nil {
			next, err := s.plan(v, d.want)
			if err == nil && len(t.saves) > 1 { // a lone save gets this error from writeLive
				err = t.maySend(next)
			}
			if s.fault = err; err == nil {
				d.want, left = next, true
			}
		}
		if s.fault != nil {
			d.err = s.fault
		}
	}
	if left {
		// Again: what is kept here meanwhile may have an earlier timestamp than a save that has just
		// moved behind what was read (rule 38).
		if d.want, d.err = t.withPending(d.want), nil; d.want.IsTombstone() {
			d.err = ErrDestroyed
		}
		return d
	}
	if v.merged.IsEvidence(t.c.cfg.Now()) { // like a tombstone
		return decision{want: v.merged, err: d.err}
	}
	return decision{err: d.err}
}

// decideEnding sets the turn's ending where the saves have replaced an old, longer copy on a node
// that had hung, and the other copies show that the session was given an earlier end, which has
// passed. The snapshots did not know of that end, and the changes now say that the session lives.
// So it is to be ended again, with a newer timestamp.
func (t *turn) decideEnding(v *view) {
	if t.ending != nil || !t.mayBeStored {
		return
	}
	isOurs := func(rec *record.Record) bool {
		return slices.ContainsFunc(t.saves, func(s *save) bool { return rec.DeadlineSetAt(s.at) })
	}
	var others *record.Record
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && !a.tampered && !isOurs(a.rec) {
			others = record.Merge(others, a.rec)
		}
	}
	if others == nil || others.Live(t.c.cfg.Now()) {
		return
	}
	for _, s := range t.saves {
		if s.fault == nil && (s.snap.base == nil || !others.DeadlineSetAfter(s.snap.base)) {
			return // it may begin the session anew, or knew of that end
		}
	}
	t.ending = record.Change(v.merged, v.merged.Values(), others.Deadline(), t.stampAfter(v.merged))
}

// maySend returns an error for a record that no node would be sent.
func (op *operation) maySend(want *record.Record) error {
	if err := notAhead(want, op.c.cfg.Now()); err != nil {
		return err
	}
	return want.CheckSize(op.c.seal, op.c.cfg.MaxRecordBytes)
}
