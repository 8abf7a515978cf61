package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how one record comes to lie on all targets: the one loop under every verb.
// Read, decide, write, and again, until one round finds or puts the record on every target.

// Rounds of the loop. Two writers that merged the same copies write the same bytes, so only new
// writers cost a round.
const (
	saveRounds   = 8 // and one more, which begins with the snapshot and reads nothing
	repairRounds = 3 // after that, the writers that it loses to do the repair
)

// decision is what a verb makes of what was read.
type decision struct {
	want *record.Record // what every target is to hold; nil: nothing is to be written
	err  error          // how the operation ends; a tombstone in want, or evidence of an earlier end, is written first
}

// converge runs the loop and returns the last view, whose merged record is then that which lies
// on all targets. It starts from v, or reads first when v is nil. A gap is never filled without
// reading (rule 12): a copy made from half the evidence would look complete.
func (op *operation) converge(v *view, rounds int, decide func(*view) decision) (*view, error) {
	var mergedSoFar *record.Record // from all rounds: what a node said before it died still counts
	lostRounds := 0                // rounds in a row
	defer op.endMissed()
	for round := range rounds {
		if round > 0 {
			v = nil
		}
		if lostRounds > 1 {
			time.Sleep(conflictWait(lostRounds-1, op.c.cfg.jitter()))
		}
		if v == nil {
			v, _ = op.read(context.Background())
		}
		if v.homeAnswers == 0 && op.takeBack() {
			mergedSoFar = record.Merge(mergedSoFar, v.merged)
			v, _ = op.read(context.Background())
		}
		mergedSoFar = record.Merge(mergedSoFar, v.merged)
		v.merged = mergedSoFar
		if err := op.mayWrite(v); err != nil {
			return v, err
		}
		d := decide(v)
		if d.want == nil {
			return v, d.err
		}
		if !op.enterMissed(v) {
			continue
		}
		before := op.conflictCount
		all, err := op.write(v, d.want)
		switch {
		case d.err != nil:
			return v, d.err
		case err != nil:
			return v, err
		case all && !op.isOld(v.readAt) && op.listsStand():
			v.merged = d.want
			return v, op.mayAcknowledge(v)
		}
		if lostRounds++; op.conflictCount == before {
			lostRounds = 0
		}
	}
	if lostRounds > 0 {
		return v, ErrConflict
	}
	return v, op.unavailable()
}

// mayWrite (rule 13) refuses to write:
//
//   - where a copy cannot be read, and no home can;
//   - on fallbacks alone, where no other process would read: (a) no home has answered and no node
//     has a copy, unless the session may be new; (b) no home has answered, and one of them was
//     passed over by this process only; (c) right after an outage, a session that may be new and
//     would lie far down the preference list;
//   - on fewer than MinCopies nodes.
//
// Only (a) keeps a deletion from being written: a tombstone wins every merge.
func (op *operation) mayWrite(v *view) error {
	switch {
	case v.isBlind() && !op.mayBeNew:
		return op.unavailable()
	case op.isDeletion:
		return nil
	case v.unreadable != nil:
		return v.unreadable
	case v.homeAnswers == 0 && op.passedOverLocally(), op.mayBeNew && !v.foundNonOrphan() && op.isFarAfterOutage(v.targets):
		return op.unavailable()
	}
	return op.mayAcknowledge(v)
}

// mayAcknowledge refuses what lies on too few nodes (rule 18). It is the session's size where all
// nodes say so, and none has stored it. It also refuses (rule 13)
//
//   - a deletion on fallbacks alone, where the homes may hold the session and be in use by other
//     processes: they have answered in this operation, or were passed over by this process only;
//   - a save beyond all nodes that a wide read asks, because those are full.
func (op *operation) mayAcknowledge(v *view) error {
	tooLarge := func(f nodeError) bool { return memcached.IsTooLarge(f.err) }
	switch {
	case op.isDeletion && v.homeAnswers == 0 && (op.heardHome || op.passedOverLocally()):
		return op.unavailable()
	case !op.isDeletion && len(op.fullNodes) > 0 && len(v.targets) > 0 && op.isFar(v.targets): // no read goes past nodes that are up
		return op.unavailable()
	case len(v.targets) >= op.c.cfg.MinCopies:
		return nil
	case !op.mayBeStored && len(op.passedOver) > 0 && !slices.ContainsFunc(op.passedOver, func(f nodeError) bool { return !tooLarge(f) }):
		return fmt.Errorf("%w: node %s refuses it: raise its item size limit (-I), or lower MaxRecordBytes", ErrTooLarge, op.passedOver[0].node)
	}
	return op.unavailable()
}
