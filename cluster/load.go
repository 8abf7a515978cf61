package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a Load returns, and has the copies brought up to date on the way: the
// read repair, which is how sessions migrate.

// Load returns the session, with the snapshot that a Save of it needs. Each target
// that lacks part of what was found gets it before Load returns, so that what one
// reader has seen, no later reader unsees. The error is ErrNotFound, ErrUnavailable,
// ErrVersion, ErrSealed, ErrClosed, or ctx's error, at once, when ctx ends.
func (c *Cluster) Load(ctx context.Context, key string) (*Record, error) {
	return c.LoadVersion(ctx, key, "")
}

// LoadVersion is Load for a client that brings the version of what it has seen of the session
// (Record.Version). Where there is a local copy (Config.Local) that includes that, it is returned without
// asking a node while it is fresh, and in an outage. A text that is no version of this session, or
// none, is Load, and so is one with a context of [Cluster.Lock]. Record.Behind of the result tells
// whether less was found than the client has seen.
func (c *Cluster) LoadVersion(ctx context.Context, key, version string) (*Record, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	t := c.beginTrace(ctx, OperationLoad)
	r, err := c.load(ctx, key, version, t)
	t.end(err)
	return r, err
}

// load takes the steps that the package comment tells, in the same order.
func (c *Cluster) load(ctx context.Context, key, version string, t *tracing) (*Record, error) {
	c.stats.loads.Add(1)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("cluster: load: %w", err)
	}
	if key == "" {
		c.stats.notFound.Add(1)
		return nil, ErrNotFound
	}
	hash := c.handles.keyOf(key)
	seen := c.parseVersion(version, hash)
	if c.lockOf(ctx, hash) != "" { // who has the lock sees what the one before has written, whatever the client has seen
		seen = seenVersion{}
	}
	if c.local != nil {
		return c.local.load(ctx, key, hash, seen, t)
	}
	op, v, err := c.findLive(ctx, hash, intent{unverifiedID: true}, t)
	if err != nil {
		return nil, c.notLoaded(op, v, seen, err)
	}
	r := op.record(v, key)
	c.stats.hits.Add(1)
	c.noteBehind(r, v.merged, seen, t)
	return r, nil
}

// findLive takes steps 1 to 5. The error is ErrNotFound for what is no session.
func (c *Cluster) findLive(ctx context.Context, hash record.Key, in intent, t *tracing) (*operation, *view, error) {
	op := c.operationOn(hash, in)
	op.trace = t
	v, err := op.find(ctx)
	if err == nil {
		err = op.mustLive(ctx, v)
	}
	return op, v, err
}

// mustLive returns ErrNotFound for what is no session: it has ended, or DestroyAll of its owner has ended
// it (rule 41).
func (op *operation) mustLive(ctx context.Context, v *view) error {
	if !v.merged.Live(op.c.cfg.Now()) { // now: the read may have taken long, or the machine was asleep
		return ErrNotFound
	}
	return op.c.checkOwner(ctx, op.hash, v.merged)
}

// notLoaded counts a load that shows no session, and returns its error.
func (c *Cluster) notLoaded(op *operation, v *view, seen seenVersion, err error) error {
	switch {
	case err == ErrNotFound:
		c.noteLost(v.merged, seen, op.trace)
		c.stats.notFound.Add(1)
	case v.isOutage(err):
		c.stats.unavailable.Add(1)
	}
	return err
}

// isOutage reports whether a load has ended in this error for want of nodes.
func (v *view) isOutage(err error) bool {
	return errors.Is(err, ErrUnavailable) && v != nil && !v.throttled
}

// find reads and repairs until what was found is new enough, and may be believed.
func (op *operation) find(ctx context.Context) (*view, error) {
	v, err := op.readAndRepair(ctx)
	for again := 0; err == nil && op.isOld(v.readAt) && again < repairRounds; again++ {
		v, err = op.readAndRepair(ctx)
	}
	if err == nil {
		err = op.mayBelieve(ctx, v)
	}
	return v, err
}

// readAndRepair reads the copies and brings the targets up to date with what was found (rule 7).
func (op *operation) readAndRepair(ctx context.Context) (*view, error) {
	v, err := op.read(ctx)
	if err != nil {
		return nil, err
	}
	if op.decideRepair(v).want == nil {
		op.noteWide(v)
		return v, nil
	}
	done := make(chan *view, 1)
	op.c.running.Add(1)
	go func() { // it continues when the caller's ctx ends
		defer op.c.running.Done()
		latest, err := op.converge(v, repairRounds, op.decideRepair)
		op.c.stats.repairs.Add(uint64(op.copiesWritten))
		if latest.unrepaired = err != nil; err != nil {
			op.c.stats.repairFailures.Add(1)
		} else {
			op.expireOrphans(latest, latest.merged)
			op.noteWide(latest)
		}
		if latest.isBlind() {
			latest = v // all nodes failed during the repair: the first read is what is known
			latest.unrepaired = true
		}
		done <- latest
	}()
	select {
	case latest := <-done:
		return latest, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("cluster: load: %w", ctx.Err())
	}
}

// decideRepair is the decision of a load, which the loop carries out (converge.go): every target is
// to hold all that was found. A session that has ended is left to expire, unless its record says
// that copies with a later deadline may still exist.
func (op *operation) decideRepair(v *view) decision {
	s := v.merged
	switch {
	case s == nil || !s.IsTombstone() && !v.isLive() && !s.IsEvidence(v.readAtConfigNow):
		return decision{}
	case len(v.lacking(s)) == 0 && len(op.orphans(v, s)) == 0:
		return decision{}
	case op.isLeftover(v):
		return decision{}
	}
	return decision{want: s}
}

// mayBelieve refuses to answer where "no session", or an old one, could be wrong (rule 6): where
// a copy cannot be read, where the read was to be wide and was not, and where no home has
// answered, unless a fallback has the session and this process has asked every home.
func (op *operation) mayBelieve(ctx context.Context, v *view) error {
	switch {
	case v.unreadable != nil:
		return v.unreadable
	case v.merged == nil && v.throttled && ctx.Err() != nil:
		return fmt.Errorf("cluster: load: %w", ctx.Err())
	case v.merged == nil && v.throttled:
		op.c.stats.throttled.Add(1)
		return fmt.Errorf("%w: too many unknown session ids at once (UnknownPerSecond)", ErrUnavailable)
	case v.isBlind(), op.isLeftover(v), v.homeAnswers == 0 && op.hadNoRoomToAsk(), !v.merged.IsTombstone() && !v.isLive() && !op.isMiss(v):
		return op.unavailable()
	}
	return nil
}

// isLeftover reports whether all that was found are orphans, and it is not known that the homes hold no
// more. An orphan has what the targets had when they were found to agree; a home that does not
// answer may hold something newer.
func (op *operation) isLeftover(v *view) bool {
	return v.merged != nil && !v.merged.IsTombstone() && !v.foundNonOrphan() && !op.isMiss(v)
}

// isMiss reports whether it is known, by each list in force, that the homes hold no more than was found:
// every home has answered, or one that is whole.
func (op *operation) isMiss(v *view) bool {
	return v.homeAnswers > 0 && op.haveAnswered(v, op.lists.now) &&
		!slices.ContainsFunc(op.lists.former, func(l *list) bool { return !op.haveAnswered(v, l) })
}

func (op *operation) haveAnswered(v *view, l *list) bool {
	all := true
	for _, n := range op.homes(l) {
		a := v.on(n)
		if a == nil || a.unreadable {
			all = false
			continue
		}
		if m := a.marker; m != nil && m.Node == n.ID && m.IsWhole(l.name) && !a.tampered && op.c.behindBy(n) == nil {
			return true
		}
	}
	return all && !(l == op.lists.now && op.lists.joins)
}

// record returns the session that was found, for the app: from now on what was read of it must not be forgotten.
func (op *operation) record(v *view, id string) *Record {
	op.enterMissed(v)
	op.endMissed()
	op.c.noteLifetime(v.merged.Deadline(), v.readAtConfigNow)
	op.c.known.note(op.hash)
	v.unrepaired = v.unrepaired || op.isOld(v.readAt)
	return v.record(id)
}

// loaded is a Record with room for the copies that most loads see.
type loaded struct {
	Record
	seenRoom [2]seen
}

// record returns what was found, with the snapshot that a save needs: of the copies on targets
// that equal the merged record only the CAS tokens are kept. Two Records never share
// the spare bytes.
func (v *view) record(key string) *Record {
	r := &loaded{}
	var spare []byte
	if v.merged == v.spareOf {
		spare, v.spare = v.spare, nil
	}
	r.key, r.Attrs, r.Deadline = key, v.merged.ValuesFrom(spare), time.UnixMilli(v.merged.Deadline()).UTC()
	r.snap = snapshot{base: v.merged, seen: r.seenRoom[:0]}
	if !v.unrepaired {
		r.snap.stood = v.merged
	}
	for _, t := range v.targets {
		if a := v.on(t); a != nil && a.item != nil && !a.item.Orphan && !a.tampered && a.rec.Equal(v.merged) {
			r.snap.seen = append(r.snap.seen, seen{t, a.item.Token()})
		}
	}
	return &r.Record
}
