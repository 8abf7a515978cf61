package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// This file decides when a save is done: Save, Delete, and the rounds that bring
// one record to all targets.

// saveRounds is how often a save gathers and writes before it gives up. Two writers
// arrive at the same bytes, so rounds are lost only to writers that keep coming.
const saveRounds = 8

// Save stores the session: its changes since the snapshot, joined with what other
// requests have written meanwhile. It returns nil when every target that is not
// down holds them, and these are at least MinCopies. It then holds a new snapshot:
// the Record can be changed and saved again.
//
// Save goes on when ctx ends: a client that goes away in the middle must not leave
// half a save. It is bounded by a few Timeouts. The error is ErrUnavailable,
// ErrDestroyed, ErrConflict, ErrTooLarge, ErrVersion, ErrSealed, ErrEmptyKey or ErrClosed; after
// ErrUnavailable and ErrConflict the changes may be stored or not.
func (c *Cluster) Save(_ context.Context, r *Record) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	c.stats.saves.Add(1)
	if r == nil || r.key == "" {
		return ErrEmptyKey
	}
	k := c.newCall(r.key)
	// Saves of one session in one process take turns: they would only outrun each
	// other. Between processes the nodes decide.
	c.lanes.enter(k.hash)
	defer c.lanes.leave(k.hash)
	s := k.newSave(r)
	err := s.run()
	c.missing.remove(k.hash)
	switch {
	case err == nil && !s.idle:
		r.snap = snapshot{base: s.ours, targets: s.placed}
	case errors.Is(err, ErrUnavailable):
		c.stats.unavailable.Add(1)
	case errors.Is(err, ErrConflict):
		c.stats.conflicts.Add(1)
	case errors.Is(err, ErrDestroyed):
		c.stats.destroyed.Add(1)
	case errors.Is(err, ErrTooLarge):
		c.stats.tooLarge.Add(1)
	}
	return err
}

// save is one Save under way.
type save struct {
	*call
	rec      *Record
	deadline int64
	snap     *snapshot
	at       stamp   // of what this save changes
	ours     *stored // the snapshot's record with the app's changes
	replace  bool    // no snapshot: what stands is to be replaced, once it is known
	placed   []*node // the targets that hold it in the end
	idle     bool    // what stands says it all, within RefreshSlack
}

func (k *call) newSave(r *Record) *save {
	s := &save{call: k, rec: r, snap: &r.snap, replace: r.snap.base == nil}
	k.fresh = s.replace
	now := k.c.cfg.Now()
	s.deadline = deadlineMilli(r.Deadline)
	if r.Deadline.IsZero() {
		s.deadline = now.Add(k.c.cfg.Lifetime).UnixMilli()
	}
	k.c.noteLifetime(s.deadline)
	s.at = k.stampAfter(s.snap.base)
	if slack := k.c.cfg.RefreshSlack.Milliseconds(); slack > 0 {
		s.idle = s.standsFor(slack)
		s.deadline = min(s.deadline+slack, maxDeadline)
	}
	s.ours = change(s.snap.base, r.Attrs, s.deadline, s.at)
	return s
}

// standsFor reports whether the save asks for nothing that the snapshot does not have:
// no change, and a deadline at most the slack before that which is stored.
func (s *save) standsFor(slack int64) bool {
	base := s.snap.base
	return base != nil && s.deadline <= base.deadline && s.deadline >= base.deadline-slack &&
		change(base, s.rec.Attrs, base.deadline, s.at).onlyExtends(base)
}

// stampAfter is a stamp above everything in the record, so that a change made after
// reading it always beats it, whatever the machines' clocks say.
func (k *call) stampAfter(s *stored) stamp {
	return stamp{clock: max(k.c.cfg.Now().UnixMicro(), s.newest()+1), writer: k.c.writer}
}

// run is the straight line of a save: the fast path, or gather and join.
func (s *save) run() error {
	done, err := s.fast()
	if done || err != nil {
		return err
	}
	s.idle = false
	for _, n := range s.snap.targets {
		s.wide = s.wide || !slices.Contains(s.targets(nil), n)
	}
	s.c.stats.merges.Add(1)
	for range saveRounds {
		v, err := s.settle(nil, saveRounds, s.plan, nil)
		if err != nil {
			return err
		}
		replaced, err := s.withdraw(v)
		if err != nil {
			return err
		}
		if !replaced {
			s.placed = v.targets
			s.retire(v)
			return nil
		}
	}
	return ErrConflict
}

// fast writes to all targets at once when it can know what it replaces: the session
// is new, or the snapshot saw each target's copy.
func (s *save) fast() (done bool, err error) {
	var room [2]*node
	targets := s.targets(room[:0])
	if len(targets) < s.c.cfg.MinCopies {
		return false, nil
	}
	if !s.replace {
		for _, t := range targets {
			if s.snap.on(t) == nil {
				return false, nil
			}
		}
	}
	if s.idle {
		s.c.stats.idleSaves.Add(1)
		return true, nil
	}
	all, err := s.put(targets, s.ours, s.snap.on, nil)
	for i := range s.refusals {
		s.refusals[i].shows(s.snap.base, false)
	}
	if all {
		s.placed = targets
		s.c.stats.fastSaves.Add(1)
	}
	return all, err
}

// withdraw removes the older copies of nodes that had no memory for the new one. Others
// have stood in for them, but nobody would look there while these say the same. Replaced
// is true when somebody has put another in the place of one: that may lack ours.
func (s *save) withdraw(v *view) (replaced bool, err error) {
	for _, n := range s.full {
		a := v.on(n)
		if a == nil { // it has failed since; who knows what it will go on serving
			return false, s.unavailable()
		}
		if a.rec == nil || a.rec.includes(s.ours) {
			continue
		}
		gone, err := n.withdraw(s.key, a.item)
		if err != nil {
			return false, s.unavailable()
		}
		replaced = replaced || !gone
	}
	return replaced, nil
}

// plan says which record the targets should hold, given what was gathered.
func (s *save) plan(v *view) (*stored, error) {
	switch {
	case v.alien != nil:
		return nil, v.alien
	case v.joined == nil:
		s.replace = false
		return s.ours, nil
	case v.joined.destroyed:
		return v.joined, ErrDestroyed
	}
	switch {
	case s.replace:
		s.replace = false
		if s.tried {
			// Somebody may have read ours and gone on from there: it keeps its stamp.
			s.ours = s.ours.removing(v.joined, s.at)
			break
		}
		s.at = s.stampAfter(v.joined)
		s.ours = change(v.joined, s.rec.Attrs, s.deadline, s.at)
	case !s.tried && v.joined.newest() >= s.at.clock:
		// Another process, whose clock is ahead, saved since our snapshot. Ours is
		// the later save, and nothing of it is stored: it moves behind.
		at := s.stampAfter(v.joined)
		s.ours, s.at = s.ours.restamp(s.at, at), at
	}
	if s.ours.onlyExtends(s.snap.base) && v.joined.deadline >= s.ours.deadline {
		return join(v.joined, s.snap.base), nil // what stands is at least as fresh
	}
	return join(v.joined, s.ours), nil
}

// settle gathers, asks plan what should stand, and writes that where it is not, until
// one round finds or puts it on every target. It starts from v, or gathers first
// when v is nil, and returns the last view. A gap is never filled without
// gathering: a copy made from half the evidence would look whole.
func (k *call) settle(v *view, rounds int, plan func(*view) (*stored, error), count *atomic.Uint64) (*view, error) {
	conflict := false
	k.began = time.Now()
	var known *stored // from all rounds: what a node said before it died still counts
	for round := range rounds {
		if conflict {
			time.Sleep(conflictWait(round, k.c.cfg.jitter()))
		}
		if v == nil {
			v, _ = k.gather(context.Background())
		}
		for k.contradicted(v) {
			known = join(known, v.joined)
			v, _ = k.gather(context.Background())
		}
		// Where all home nodes are out of it, one of them only here, nobody else would look
		// at the stand-ins.
		if v.blind() && !k.fresh || v.homes == 0 && k.gaveUp {
			return v, k.unavailable()
		}
		known = join(known, v.joined)
		v.joined = known
		if len(v.targets) < k.c.cfg.MinCopies {
			return v, k.unavailable()
		}
		want, err := plan(v)
		if want != nil && want.destroyed {
			k.bury(v, want)
		}
		if err != nil || want.destroyed {
			return v, err
		}
		lacking := v.lacking(want)
		if len(lacking) == 0 {
			return v, nil
		}
		failures := len(k.failed)
		all, err := k.put(lacking, want, v.item, count)
		if all || err != nil {
			return v, err
		}
		k.saw(v)
		conflict = len(k.failed) == failures
		if round < rounds-1 {
			v = nil
		}
	}
	if conflict {
		return v, ErrConflict
	}
	return v, k.unavailable()
}

// conflictWait spreads writers of one session that keep meeting.
func conflictWait(round int, jitter float64) time.Duration {
	return time.Duration(jitter * float64(2*time.Millisecond<<min(round, 6)))
}

// write is one copy on its way to a node, and then what came of it.
type write struct {
	node  *node
	key   string
	value []byte
	seen  *item // to be replaced; nil: there was none
	ttl   int32

	outcome outcome
	maybe   bool // the copy may be on the node although the outcome is not "written"
	err     error
}

func (w *write) run(wg *sync.WaitGroup) {
	w.outcome, w.maybe, w.err = w.node.write(w.key, w.value, w.seen, w.ttl)
	if wg != nil {
		wg.Done()
	}
}

// put writes the record to the nodes at once, each by cas on the copy that was seen
// there, or by add where there was none. All is true when every node has stored it.
// The error is ErrTooLarge: nothing else can help then.
func (k *call) put(nodes []*node, want *stored, on func(*node) *item, count *atomic.Uint64) (all bool, err error) {
	buf := encoded.Get().(*[]byte)
	defer keep(buf)
	value, err := want.appendTo((*buf)[:0], k.hash, k.c.seal)
	*buf = value
	if err != nil {
		return false, err
	}
	if len(value) > k.c.cfg.MaxRecordBytes {
		return false, fmt.Errorf("%w: %d bytes encoded, the limit is %d (MaxRecordBytes)", ErrTooLarge, len(value), k.c.cfg.MaxRecordBytes)
	}
	lives := ttl(want.deadline, k.c.cfg.Now())
	writes := make([]write, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		writes[i] = write{node: n, key: k.key, value: value, seen: on(n), ttl: lives}
		if i > 0 {
			wg.Add(1)
			go writes[i].run(&wg)
		}
	}
	writes[0].run(nil) // the caller does one itself
	wg.Wait()
	all = true
	for i, r := range writes {
		k.tried = k.tried || r.maybe
		switch {
		case r.outcome == written:
			if count != nil {
				count.Add(1)
			}
			continue
		case errors.Is(r.err, errItemSize):
			err = fmt.Errorf("%w: %d bytes encoded, node %s refuses: raise its item size limit (-I) or lower MaxRecordBytes", ErrTooLarge, len(value), nodes[i])
		case r.outcome == failed:
			k.fail(nodes[i], r.err)
		case r.outcome == outrun:
			k.refused(nodes[i], isAbsence(r.err))
		}
		if errors.Is(r.err, errMemory) {
			k.full = append(k.full, nodes[i])
		}
		all = false
	}
	return all, err
}

// encoded holds buffers for records on their way out. A write is done with its bytes
// when it returns: the client has handed them to the kernel, or given up.
var encoded = sync.Pool{New: func() any { return new([]byte) }}

// keep saves the buffer for the next record, unless keeping it costs more than a new
// one would.
func keep(buf *[]byte) {
	const most = 64 << 10
	if cap(*buf) <= most {
		encoded.Put(buf)
	}
}
