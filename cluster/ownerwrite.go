package cluster

import (
	"context"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how an owner's record is read, and how it is changed: like a session, by the one
// loop, so that it lies on all targets and is healed. Changes of one record that come at once in this
// process go together, since many logins may share an owner.

// readOwner reads the owner's record, which may be missing, and remembers it. It is repaired like a
// session. The error is ErrUnavailable where it is not known what it says.
func (c *Cluster) readOwner(ctx context.Context, owner record.Key) (*ownerRecord, error) {
	op := c.operationOn(owner, intent{mayBeMissing: true})
	v, err := op.find(ctx)
	if err != nil {
		return nil, err
	}
	op.enterMissed(v)
	op.endMissed()
	return c.noteOwner(op, v), nil
}

// noteOwner remembers what was found.
func (c *Cluster) noteOwner(op *operation, v *view) *ownerRecord {
	o := ownerRecordIn(v.merged, c.cfg.Now().UnixMilli())
	c.owners.put(op.hash, o, v.readAt)
	if v.merged != nil {
		c.known.note(op.hash)
	}
	return o
}

// ownerWrites are the changes that wait, owner by owner.
type ownerWrites struct {
	mu   sync.Mutex // guards below
	busy map[record.Key][]*ownerWrite
}

// ownerWrite is one change on its way, and then what came of it.
type ownerWrite struct {
	change ownerChange
	turn   chan []*ownerWrite // those that it carries out, itself first; nil: it was taken along
	found  *ownerRecord
	err    error
}

// changeOwner changes the owner's record, and returns what it says then: the change is made on a
// reading that began after the call. The error is ErrUnavailable, ErrConflict or ErrTooLarge; the
// change may then be made or not.
func (c *Cluster) changeOwner(owner record.Key, change ownerChange) (*ownerRecord, error) {
	w := &ownerWrite{change: change, turn: make(chan []*ownerWrite, 1), err: ErrUnavailable}
	together := []*ownerWrite{w}
	if !c.ownerTurns.enter(owner, w) {
		if together = <-w.turn; together == nil {
			return w.found, w.err
		}
	}
	defer c.ownerTurns.leave(owner)
	defer func() {
		for _, o := range together[1:] {
			o.turn <- nil
		}
	}()
	var all ownerChange
	for _, o := range together {
		all = all.and(o.change)
	}
	found, err := c.writeOwner(owner, all)
	for _, o := range together {
		o.found, o.err = found, err
	}
	return w.found, w.err
}

// enter reports whether the change is made at once. Otherwise it waits for its turn.
func (ws *ownerWrites) enter(owner record.Key, w *ownerWrite) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.busy == nil {
		ws.busy = map[record.Key][]*ownerWrite{}
	}
	waiting, busy := ws.busy[owner]
	if busy {
		waiting = append(waiting, w)
	}
	ws.busy[owner] = waiting
	return !busy
}

// leave gives the turn to all that wait.
func (ws *ownerWrites) leave(owner record.Key) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	waiting := ws.busy[owner]
	if len(waiting) == 0 {
		delete(ws.busy, owner)
		return
	}
	ws.busy[owner] = nil
	waiting[0].turn <- waiting
}

// writeOwner makes the change on what it reads.
func (c *Cluster) writeOwner(owner record.Key, change ownerChange) (*ownerRecord, error) {
	op := c.operationOn(owner, intent{mayBeNew: true, mayBeMissing: true})
	var mine *record.Record // the first reading with the change
	v, err := op.converge(nil, saveRounds, func(v *view) decision {
		read := v.merged
		if read.IsTombstone() {
			return decision{err: ErrDestroyed} // forged: an owner's record is never destroyed
		}
		if err := op.mayBelieve(context.Background(), v); err != nil {
			return decision{err: err} // a login would not know of the epochs that are out of reach
		}
		if read == nil && change.until == 0 {
			return decision{} // there is nothing to remove from
		}
		if mine == nil {
			mine = op.changedOwner(read, change)
		}
		return decision{want: record.Merge(read, mine).CollectTombstones(read)}
	})
	if err != nil {
		return nil, err
	}
	op.expireOrphans(v, v.merged)
	op.noteWide(v)
	return c.noteOwner(op, v), nil
}

// changedOwner is the record with the change. It keeps the latest end that it ever had, and is read
// until then (ownerRecordIn): of two changes made at once the newer one sets the deadline, and that may
// be the earlier one.
func (op *operation) changedOwner(read *record.Record, change ownerChange) *record.Record {
	end := change.until
	if read != nil {
		end = max(end, read.LatestEnd())
	}
	return record.Change(read, change.apply(read, op.c.cfg.Now().UnixMilli()), end, op.stampAfter(read))
}
