package cluster

import (
	"context"

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

// ownerWrite is one change on its way, and then what came of it.
type ownerWrite struct {
	change owner.Change
	found  *owner.Record
	err    error
}

// changeOwner changes the owner's record, and returns what it says then: the change is made on a
// reading that began after the call. The error is ErrUnavailable, ErrConflict or ErrTooLarge; the
// change may then be made or not.
func (c *Cluster) changeOwner(key record.Key, change owner.Change) (*owner.Record, error) {
	w := &ownerWrite{change: change, err: ErrUnavailable}
	together, _, _ := c.ownerTurns.Enter(context.Background(), nil, key, w)
	if together == nil {
		return w.found, w.err
	}
	defer c.ownerTurns.Leave(key)
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
