package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides how one record comes to stand on all targets: settle, which saves and
// repairs share, and the writes to several nodes at once.

// settle gathers, asks plan what should stand, and writes that where it is not, until
// one round finds or puts it on every target. It starts from v, or gathers first
// when v is nil, and returns the last view. A gap is never filled without
// gathering: a copy made from half the evidence would look whole.
func (k *call) settle(v *view, rounds int, plan func(*view) (*stored, error), count *atomic.Uint64) (*view, error) {
	conflict := false
	k.settling, k.began = true, k.c.clock.Now()
	var known *stored // from all rounds: what a node said before it died still counts
	for round := range rounds {
		if conflict {
			time.Sleep(conflictWait(round, k.c.cfg.jitter()))
		}
		if v == nil {
			v, _ = k.gather(context.Background())
		}
		for k.contradicted(v) || v.homes == 0 && k.forgive() {
			known = join(known, v.joined)
			v, _ = k.gather(context.Background())
		}
		if v.alien != nil {
			return v, v.alien
		}
		// Where all home nodes are out of it, one of them in this process only, nobody else would look
		// at the stand-ins; nor far behind for a session that is new.
		if v.blind() && !k.fresh || v.homes == 0 && (k.gaveUp || k.unasked) || k.fresh && !v.anything() && k.remote(v.targets) {
			return v, k.unavailable()
		}
		known = join(known, v.joined)
		v.joined = known
		if len(v.targets) < k.c.cfg.MinCopies {
			return v, k.tooFew()
		}
		want, err := plan(v)
		if want != nil && want.destroyed {
			k.bury(v, want)
		}
		if err != nil || want.destroyed {
			return v, err
		}
		failures, all := len(k.failed), true
		if lacking := v.lacking(want); len(lacking) > 0 {
			all, err = k.put(lacking, want, v.item, count)
		}
		if err != nil {
			return v, err
		}
		if all && !k.isOld(v.began) {
			v.joined = want
			return v, nil
		}
		k.saw(v)
		conflict = !all && len(k.failed) == failures
		if round < rounds-1 {
			v = nil
		}
	}
	if conflict {
		return v, ErrConflict
	}
	return v, k.unavailable()
}

// tooFew says why too few nodes are left: it is the session's size where all of them say so, and
// none has stored it.
func (k *call) tooFew() error {
	size := func(f nodeError) bool { return memcached.IsTooLarge(f.err) }
	if k.tried || len(k.failed) == 0 || slices.ContainsFunc(k.failed, func(f nodeError) bool { return !size(f) }) {
		return k.unavailable()
	}
	return fmt.Errorf("%w: node %s refuses it: raise its item size limit (-I), or lower MaxRecordBytes", ErrTooLarge, k.failed[0].node)
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
	seen  *memcached.Copy // to be replaced; nil: there was none
	ttl   int32

	outcome memcached.Outcome
	maybe   bool // the copy may be on the node although the outcome is not Stored
	err     error
}

func (w *write) run(wg *sync.WaitGroup) {
	w.outcome, w.maybe, w.err = w.node.server.Write(w.key, w.value, w.seen, w.ttl)
	if wg != nil {
		wg.Done()
	}
}

// put writes the record to the nodes at once, each by cas on the copy that was seen
// there, or by add where there was none. All is true when every node has stored it.
// The error is ErrTooLarge, for MaxRecordBytes, or ErrUnavailable where no reader would take it.
func (k *call) put(nodes []*node, want *stored, on func(*node) *memcached.Copy, count *atomic.Uint64) (all bool, err error) {
	if err := want.notAhead(k.c.cfg.Now()); err != nil {
		return false, err
	}
	buf := encoded.Get().(*[]byte)
	defer keep(buf)
	value, err := want.appendTo((*buf)[:0], k.hash, k.c.seal, k.c.cfg.MaxRecordBytes)
	*buf = value
	if err != nil {
		return false, err
	}
	lives := memcached.TTL(want.keptUntil(), k.c.cfg.Now())
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
	missed := 0
	for i, r := range writes {
		k.tried = k.tried || r.maybe
		switch {
		case r.outcome == memcached.Stored:
			if count != nil {
				count.Add(1)
			}
			continue
		case r.outcome == memcached.Failed:
			k.fail(nodes[i], r.err)
		}
		if memcached.IsFull(r.err) {
			k.full = append(k.full, nodes[i])
		}
		missed++
	}
	// Now that it is known which nodes have failed: a last home is not given up.
	for i, r := range writes {
		switch {
		case r.outcome != memcached.Conflict:
		case memcached.IsStale(r.err):
			k.staled(nodes[i])
		default:
			k.refused(nodes[i], r.seen != nil && memcached.IsAbsence(r.err), missed == 1) // an add needs no copy
		}
	}
	return missed == 0, err
}

// notAhead returns ErrUnavailable for a record that no reader would take.
func (s *stored) notAhead(now time.Time) error {
	if s.newest() > latestClock(now) {
		return fmt.Errorf("%w: the session's clock is more than a day ahead of this machine's, which has been set back", ErrUnavailable)
	}
	return nil
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
