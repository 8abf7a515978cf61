package cluster

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how one round of writes goes: what is sent to which nodes, and what their
// answers mean for the operation.
//
// A live record is written only by add, or by cas on the copy that was read (rule 2): a set that
// a hung node applies seconds later would replace a newer record. A tombstone is final, so it is
// set.

// write writes the record to the targets that lack it. All is true when every target has it. The
// error is ErrTooLarge, for MaxRecordBytes, or ErrUnavailable where no reader would take it.
func (op *operation) write(v *view, want *record.Record) (all bool, err error) {
	if want.IsTombstone() {
		return op.writeTombstone(v, want)
	}
	if lacking := v.lacking(want); len(lacking) > 0 {
		all, err := op.writeLive(lacking, v, want)
		if !all || err != nil {
			return false, err
		}
	}
	return op.withdraw(v, want)
}

// write is one copy on its way to a node, and then what came of it.
type write struct {
	node  *node
	key   string
	value []byte
	seen  *memcached.Copy // to be replaced; nil: there was none
	ttl   int32

	outcome memcached.Outcome
	maybe   bool // the copy may be on the node although the outcome is not Stored
	err     error

	began time.Time // zero where nobody is told
	took  time.Duration
}

func (w *write) run(wg *sync.WaitGroup) {
	w.outcome, w.maybe, w.err = w.node.server.Write(w.key, w.value, w.seen, w.ttl)
	if !w.began.IsZero() {
		w.took = time.Since(w.began)
	}
	if wg != nil {
		wg.Done()
	}
}

func (w *write) command() string {
	if w.seen == nil {
		return "add"
	}
	return "cas"
}

// writeLive writes a live record to the nodes at once.
func (op *operation) writeLive(nodes []*node, v *view, want *record.Record) (all bool, err error) {
	now := op.c.cfg.Now()
	if err := notAhead(want, now); err != nil {
		return false, err
	}
	buf := encoded.Get().(*[]byte)
	defer keep(buf)
	value, err := want.AppendTo((*buf)[:0], op.hash, op.c.seal, op.c.cfg.MaxRecordBytes)
	*buf = value
	if err != nil {
		return false, err
	}
	lives := memcached.TTL(want.KeepUntil(), now)
	writes := make([]write, len(nodes))
	began := op.trace.now()
	var wg sync.WaitGroup
	for i, n := range nodes {
		writes[i] = write{node: n, key: op.key, value: value, seen: v.item(n), ttl: lives, began: began}
		if i > 0 {
			wg.Add(1)
			go writes[i].run(&wg)
		}
	}
	writes[0].run(nil) // the caller does one itself
	wg.Wait()
	notStored := 0
	for i := range writes {
		w := &writes[i]
		op.mayBeStored = op.mayBeStored || w.maybe
		op.trace.request(w.node, w.command(), w.began, w.took, w.err)
		if w.outcome == memcached.Stored {
			op.copiesWritten++
			op.trace.hasWritten()
			continue
		}
		notStored++
		if w.outcome == memcached.Failed {
			op.passOver(w.node, w.err)
		}
		if memcached.IsFull(w.err) {
			op.fullNodes = append(op.fullNodes, w.node)
		}
	}
	for i := range writes { // now that it is known which nodes have failed
		if writes[i].outcome == memcached.Conflict {
			op.noteConflict(writes[i].node, notStored == 1)
		}
	}
	return notStored == 0, nil
}

// withdraw removes the older copies of nodes that had no room for the new one (rule 16):
// fallbacks hold that, but nobody would ask them while the homes agree. Done is false when
// somebody has put another copy in the place of one: it may lack something.
func (op *operation) withdraw(v *view, want *record.Record) (done bool, err error) {
	// A home that has the record differs from an old copy, and whoever sees both reads wide.
	isSeen := slices.ContainsFunc(v.targets, op.isHome)
	done = true
	for _, n := range op.fullNodes {
		a := v.on(n)
		if a == nil && !isSeen { // it failed after it had no room, and its old copy may come back
			return false, op.unavailable()
		}
		if a == nil || a.rec == nil || a.rec.Includes(want) {
			continue
		}
		began := op.trace.now()
		gone, err := n.server.Withdraw(op.key, a.item)
		op.trace.wrote(n, "cas", began, err)
		if err != nil && !isSeen {
			return false, op.unavailable()
		}
		done = done && (err != nil || gone)
	}
	return done, nil
}

// writeTombstone sets the tombstone on the targets that lack it and in the place of each live
// copy that was found; a deletion also sets it on the next Replicas nodes behind the targets,
// which may have been fallbacks once. All is true when every target has it. What else fails,
// another reader repairs.
func (op *operation) writeTombstone(v *view, want *record.Record) (all bool, err error) {
	value, err := want.Encode(op.hash, op.c.seal)
	if err != nil {
		return false, err
	}
	nodes := v.lacking(want)
	lacking := len(nodes)
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && !a.rec.IsTombstone() && !slices.Contains(nodes, a.node) {
			nodes = append(nodes, a.node)
		}
	}
	if op.isDeletion {
		nodes = append(nodes, op.behind(v, nodes)...)
	}
	life := memcached.TTL(want.Deadline(), op.c.cfg.Now())
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			began := op.trace.now()
			errs[i] = n.server.Set(op.key, value, life)
			op.trace.wrote(n, "set", began, errs[i])
		})
	}
	wg.Wait()
	all = true
	for i, err := range errs {
		if err == nil {
			op.trace.hasWritten()
		}
		if err != nil && i < lacking {
			op.passOver(nodes[i], err)
			all = false
		}
	}
	return all, nil
}

// behind returns the next Replicas nodes of the preference list that are up and no targets,
// without those that are written anyway.
func (op *operation) behind(v *view, written []*node) (nodes []*node) {
	next := 0
	for _, c := range op.candidates(len(op.lists.now.nodes), nil) {
		if next == op.c.cfg.Replicas {
			break
		}
		if c.passedOver || !isUp(c) || slices.Contains(v.targets, c.node) {
			continue
		}
		if next++; !slices.Contains(written, c.node) {
			nodes = append(nodes, c.node)
		}
	}
	return nodes
}

// orphanTTL is how long, in seconds, a live copy outside the targets is kept once they hold the
// record. It is not deleted: another process may count on it, because it thinks that a target
// is down.
const orphanTTL = 60

// expireOrphans gives the orphans what the targets hold, and a short life (rule 10).
func (op *operation) expireOrphans(v *view, want *record.Record) {
	orphans := op.orphans(v, want)
	if len(orphans) == 0 || want.IsTombstone() || time.Now().Before(op.lists.now.settled) {
		return // by a former list, another process may count on them
	}
	value, err := want.Encode(op.hash, op.c.seal)
	if err != nil {
		return // they are found again
	}
	var wg sync.WaitGroup
	for _, a := range orphans {
		wg.Go(func() {
			began := op.trace.now()
			err := a.node.server.Expire(op.key, a.item, value, min(orphanTTL, memcached.TTL(want.Deadline(), op.c.cfg.Now())))
			op.trace.wrote(a.node, "cas", began, err)
		})
	}
	wg.Wait()
}

// orphans are the live copies that nobody counts on once the targets hold want: they lie outside
// the targets, and not on a home, which other processes may have among theirs. One that was
// given a short life before is expired again if its deadline is later than want's. Where want is a
// tombstone, every live copy is one.
func (op *operation) orphans(v *view, want *record.Record) (orphans []*answer) {
	for i := range v.answers {
		a := &v.answers[i]
		switch {
		case a.rec == nil || a.rec.IsTombstone():
		case want.IsTombstone():
			orphans = append(orphans, a)
		case op.isHome(a.node) || slices.Contains(v.targets, a.node):
		case a.rec.Deadline() > want.Deadline() || !a.item.Orphan && memcached.TTL(a.rec.Deadline(), op.c.cfg.Now()) > orphanTTL:
			orphans = append(orphans, a)
		}
	}
	return orphans
}

// notAhead returns ErrUnavailable for a record that no reader would take.
func notAhead(s *record.Record, now time.Time) error {
	if s.IsAhead(now) {
		return fmt.Errorf("%w: the session's clock is more than a day ahead of this machine's, which has been set back", ErrUnavailable)
	}
	return nil
}

// encoded holds buffers for records on their way out. After a write has returned nothing uses its
// buffer.
var encoded = sync.Pool{New: func() any { return new([]byte) }}

// keep saves the buffer for the next record, unless keeping it costs more than a new
// one would.
func keep(buf *[]byte) {
	const most = 64 << 10
	if cap(*buf) <= most {
		encoded.Put(buf)
	}
}
