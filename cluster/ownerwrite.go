package cluster

import (
	"context"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how an owner's record is read, and how it is changed: like a session, by the one
// loop, so that it lies on all targets and is healed. Changes of one record that come at once in this
// process go together, since many logins may share an owner.

// readOwner reads the owner's record, which may be missing, and remembers it. It is repaired like a
// session. The error is ErrUnavailable where it is not known what it says.
func (c *Cluster) readOwner(ctx context.Context, key record.Key) (*owner.Record, error) {
	op := c.operationOn(key, intent{mayBeMissing: true})
	v, err := op.find(ctx)
	if err != nil {
		return nil, err
	}
	op.enterMissed(v)
	op.endMissed()
	return c.noteOwner(op, v), nil
}

// noteOwner remembers what was found.
func (c *Cluster) noteOwner(op *operation, v *view) *owner.Record {
	o := owner.Read(v.merged, c.cfg.Now().UnixMilli())
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
	change owner.Change
	turn   chan []*ownerWrite // those that it carries out, itself first; nil: it was taken along
	found  *owner.Record
	err    error
}

// changeOwner changes the owner's record, and returns what it says then: the change is made on a
// reading that began after the call. The error is ErrUnavailable, ErrConflict or ErrTooLarge; the
// change may then be made or not.
func (c *Cluster) changeOwner(key record.Key, change owner.Change) (*owner.Record, error) {
	w := &ownerWrite{change: change, turn: make(chan []*ownerWrite, 1), err: ErrUnavailable}
	together := []*ownerWrite{w}
	if !c.ownerTurns.enter(key, w) {
		if together = <-w.turn; together == nil {
			return w.found, w.err
		}
	}
	defer c.ownerTurns.leave(key)
	defer func() {
		for _, o := range together[1:] {
			o.turn <- nil
		}
	}()
	var all owner.Change
	for _, o := range together {
		all = all.And(o.change)
	}
	found, err := c.writeOwner(key, all)
	for _, o := range together {
		o.found, o.err = found, err
	}
	return w.found, w.err
}

// enter reports whether the change is made at once. Otherwise it waits for its turn.
func (ws *ownerWrites) enter(key record.Key, w *ownerWrite) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.busy == nil {
		ws.busy = map[record.Key][]*ownerWrite{}
	}
	waiting, busy := ws.busy[key]
	if busy {
		waiting = append(waiting, w)
	}
	ws.busy[key] = waiting
	return !busy
}

// leave gives the turn to all that wait.
func (ws *ownerWrites) leave(key record.Key) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	waiting := ws.busy[key]
	if len(waiting) == 0 {
		delete(ws.busy, key)
		return
	}
	ws.busy[key] = nil
	waiting[0].turn <- waiting
}

// writeOwner makes the change on what it reads.
func (c *Cluster) writeOwner(key record.Key, change owner.Change) (*owner.Record, error) {
	op := c.operationOn(key, intent{mayBeNew: true, mayBeMissing: true})
	var mine *record.Record // the first reading with the change
	v, err := op.converge(nil, saveRounds, func(v *view) decision {
		read := v.merged
		if read.IsTombstone() {
			return decision{err: ErrDestroyed} // forged: an owner's record is never destroyed
		}
		if err := op.mayBelieve(context.Background(), v); err != nil {
			return decision{err: err} // a login would not know of the epochs that are out of reach
		}
		if read == nil && change.RemovesOnly() {
			return decision{} // there is nothing to remove from
		}
		if mine == nil {
			mine = change.On(read, c.cfg.Now().UnixMilli(), op.stampAfter(read))
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
