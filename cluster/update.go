package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how a change is made to what is stored, and not to what was stored when a request
// began: Update. What is known of a change when a write of it has failed is told in updateoutcome.go.

// updateRounds is how often the change of an update is made at most.
const updateRounds = 32

// Update changes a session without losing the change of anybody else. It reads the session, calls
// change with it, and stores what change has made of it, unless somebody has changed the session
// meanwhile: then it begins again. So change always sees what it replaces: a counter that many
// requests raise at once has the right sum.
//
//  1. Read the session from all homes, with their markers.
//  2. Call change.
//  3. Write to one home, the primary as a rule, by cas. A CAS conflict: begin again.
//  4. Write to the other targets. All stored: done.
//  5. Else read again, until the change is known to be stored and lies on all targets.
//
// Change is called again after each conflict, so it must have no effect but on the Record. After nil
// the Record of the last call is the session as it is stored, and can be saved. Change runs on the
// caller's goroutine. Updates of one session in one process take turns, so it must not update or lock
// the same session itself, nor wait for another goroutine that does: called by change itself Update,
// Lock, and Save with a lock are an error. An error of change is returned as it is, and nothing
// is stored. Nothing is stored either where change has changed nothing.
//
// What was changed by Update and what is changed by Save is one session: a Save of other attributes
// never disturbs. A Save of the same attribute replaces what Updates have made of it.
//
// Every Update that returned nil is part of what is stored, once. That holds while nodes fail, too.
// After ErrUnavailable the change may be stored or not; after ErrNotFound (no such session),
// ErrDestroyed (deleted meanwhile), ErrLockLost, ErrTooLarge, and ErrConflict (32 rounds) it is not.
// Other errors are those of Load. Until something is written ctx ends the Update, with its error;
// from then on it goes on.
func (c *Cluster) Update(ctx context.Context, key string, change func(*Record) error) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if change == nil {
		return errors.New("cluster: update: the function is nil: it is what changes the session")
	}
	if ctx == nil {
		ctx = context.Background()
	}
	t := c.beginTrace(ctx, OperationUpdate)
	err := errChangePanicked
	defer func() { t.end(err) }()
	_, err = c.update(ctx, t, key, change)
	return err
}

// errChangePanicked is what a Trace is told of an update whose change has panicked.
var errChangePanicked = errors.New("cluster: update: change panicked")

// update is Update, within an operation. It returns the record that lies on all
// targets then; nil: that is not known.
func (c *Cluster) update(ctx context.Context, t *tracing, key string, change func(*Record) error) (*record.Record, error) {
	c.stats.updates.Add(1)
	if key == "" {
		return nil, ErrNotFound
	}
	hash := c.handles.keyOf(key)
	if c.changes.isWithin(hash) {
		return nil, errWithinChange
	}
	// Side by side they would only make each other begin again. Between processes the nodes decide.
	if _, _, err := c.updates.Enter(ctx, c.closing, hash, struct{}{}); err != nil {
		return nil, waitEnded("update", err)
	}
	defer c.updates.Leave(hash)
	u := &update{c: c, id: key, change: change, lock: c.lockOf(ctx, hash), trace: t}
	var err error
	if c.local != nil {
		err = c.local.update(ctx, hash, u)
	} else {
		err = u.run(ctx)
	}
	c.stats.countFailure(err)
	if err == nil {
		c.known.note(hash)
		u.made.snap, u.made.own.changed = snapshot{base: u.want, stood: u.stood}, false
	}
	return u.stood, err
}

// pause spreads updates that keep meeting.
func (c *Cluster) pause(ctx context.Context, round int) error {
	if round > 1 {
		select {
		case <-time.After(conflictWait(round-1, c.cfg.jitter())):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cluster: update: %w", err)
	}
	return nil
}

// update is one Update under way.
type update struct {
	c      *Cluster
	id     string
	change func(*Record) error
	lock   string // that the caller has; empty: it needs none
	trace  *tracing

	failures int // attempts that have stored nothing since a node failed

	// Of the present attempt:
	*operation
	base, want *record.Record
	before     *view          // what was read
	made       *Record        // that change has changed
	stood      *record.Record // what lies on all targets in the end
}

// errBeginAgain: somebody was faster, and nothing is stored.
var errBeginAgain = errors.New("cluster: begin again")

// run makes the attempts.
func (u *update) run(ctx context.Context) error {
	for round := range updateRounds {
		if err := u.c.pause(ctx, round); err != nil {
			return err
		}
		if err := u.attempt(ctx); err != errBeginAgain {
			return err
		}
	}
	return fmt.Errorf("%w: an update was overtaken %d times: nothing of it is stored", ErrConflict, updateRounds)
}

// attempt makes the change on what is stored now.
func (u *update) attempt(ctx context.Context) error {
	v, err := u.read(ctx)
	if err != nil {
		return err
	}
	decider, by, err := u.decider(v)
	if err != nil {
		return err
	}
	if err := u.makeChange(ctx, v, by); err != nil {
		return err
	}
	if u.want.Equal(u.base) {
		u.want = u.base
		u.showBase(v)
		return nil
	}
	if u.isOld(v.readAt) { // change took long: what was read must still hold
		base, want, was := u.base, u.want, decider
		if v, err = u.read(ctx); err != nil {
			return err
		}
		var now record.Decided
		if decider, now, err = u.decider(v); err != nil {
			return err
		}
		if decider != was || now != by || !v.merged.Equal(base) {
			return errBeginAgain
		}
		u.base, u.want = base, want
	}
	return u.store(v, decider)
}

// read reads the session, which must be there.
func (u *update) read(ctx context.Context) (*view, error) {
	u.operation = u.c.newOperation(u.id, intent{unverifiedID: true, decides: true})
	u.operation.trace = u.trace
	v, err := u.operation.read(ctx)
	if err == nil {
		err = u.mayBelieve(ctx, v)
	}
	if err == nil {
		err = u.mustLive(ctx, v)
	}
	if err != nil {
		return nil, err
	}
	u.base, u.before = v.merged, v
	u.c.noteLifetime(v.merged.Deadline(), v.readAtConfigNow)
	return v, nil
}

// makeChange has the change made.
func (u *update) makeChange(ctx context.Context, v *view, by record.Decided) error {
	r := v.record(u.id)
	u.made, r.lock = r, lockIn(u.base)
	if u.lock != "" && !isHeldBy(r.lock, u.lock) {
		return ErrLockLost
	}
	was := r.lock
	u.c.stats.updateRounds.Add(1)
	if err := u.c.changes.run(u.hash, func() error { return u.change(r) }); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // it has ended while change ran
		return fmt.Errorf("cluster: update: %w", err)
	}
	if r.own.told {
		if err := u.c.giveOwner(ctx, r); err != nil {
			return err
		}
	}
	at := u.stampAfter(u.base)
	u.want = record.Change(u.base, r.Attrs, u.deadline(r), at)
	if r.lock != was {
		u.want = u.want.WithReserved(lockName, []byte(r.lock), at)
	}
	if r.own.changed {
		u.want = r.own.enter(u.want, at)
	}
	if !u.want.Equal(u.base) {
		u.want = u.want.Counted(u.base, at, by).CollectTombstones(u.base)
	}
	return nil
}

// deadline is that of the record after the change: as a Save would store it.
func (u *update) deadline(r *Record) int64 {
	deadline := record.DeadlineOf(r.Deadline)
	if r.Deadline.IsZero() {
		deadline = u.c.cfg.Now().Add(u.c.cfg.Lifetime).UnixMilli()
	}
	deadline = u.base.CapDeadline(deadline)
	if slack := u.c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		if deadline <= u.base.Deadline() && deadline >= u.base.Deadline()-slack {
			return u.base.Deadline()
		}
		deadline = min(deadline+slack, record.MaxDeadline)
	}
	u.c.noteLifetime(deadline, u.c.cfg.Now())
	return deadline
}

// showBase brings what change has seen to all targets, where that is lacking (rule 7).
func (u *update) showBase(v *view) {
	u.stood = u.base
	if u.decideRepair(v).want != nil {
		if _, err := u.converge(v, repairRounds, u.decideRepair); err != nil {
			u.stood = nil
		}
	}
	u.enterMissed(v)
	u.endMissed()
}

// store has the decider decide, and then the others follow, by what was read.
func (u *update) store(v *view, decider *node) error {
	if err := u.mayWrite(v); err != nil {
		return err
	}
	if !u.enterMissed(v) {
		u.endMissed()
		return u.failed()
	}
	stored, err := u.writeLive([]*node{decider}, v, u.want)
	switch {
	case err != nil, !stored && !u.mayBeStored:
		u.endMissed()
		return u.refused(decider, err)
	case !stored:
		return u.confirm(decider, (*record.Record).Holds)
	}
	all := true
	if others := without(v.lacking(u.want), decider); len(others) > 0 {
		all, err = u.writeLive(others, v, u.want)
	}
	if !all || err != nil || u.isOld(v.readAt) || !u.listsStand() || u.mayAcknowledge(v) != nil {
		return u.confirm(decider, (*record.Record).Follows)
	}
	u.endMissed()
	u.stood = u.want
	u.expireOrphans(v, u.want)
	u.noteWide(v)
	return nil
}

// without returns the nodes but one.
func without(nodes []*node, but *node) (others []*node) {
	for _, n := range nodes {
		if n != but {
			others = append(others, n)
		}
	}
	return others
}
