package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what users of Update and Lock do, and whether a change of theirs was lost.
//
// Such a change adds a link to a chain, which is one attribute: it reads the chain and writes it with
// one more name. Nobody removes one. So a chain that is read tells which changes are in it: each that
// was acknowledged before the read began has to be there, once. One whose outcome is not known may
// be there; one that was refused may not.

// lostLink is a promise: a change by Update, or with a lock, is in what is stored.
const lostLink check.Rule = "lost update"

// chainAttrs are the chains of a session: that of Update, and that of those who have the lock.
var chainAttrs = []string{"chain", "guarded"}

// link is one change of a chain, or one read.
type link struct {
	attr, name   string // the name is empty for a read
	outcome      check.Outcome
	call, ret    time.Duration
	seen         []string // by a read
	process, err string
}

// chains are what became of all chains.
type chains struct {
	mu    sync.Mutex // guards below
	names int
	links map[string][]link // by the session
}

// ChainCount is what became of the changes of chains.
type ChainCount struct {
	Acked, Unknown, Refused, Lost int
	Locks, LocksLost              int
}

// Add adds other counts.
func (n *ChainCount) Add(o ChainCount) {
	n.Acked += o.Acked
	n.Unknown += o.Unknown
	n.Refused += o.Refused
	n.Lost += o.Lost
	n.Locks += o.Locks
	n.LocksLost += o.LocksLost
}

func (cs *chains) name() string {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.names++
	return fmt.Sprint("l", cs.names)
}

func (cs *chains) add(key string, l link) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.links[key] = append(cs.links[key], l)
}

// take moves the chains of a load from the values that check knows to the chains.
func (cs *chains) take(op *check.Op) {
	for _, attr := range chainAttrs {
		text, read := op.Read[attr]
		delete(op.Read, attr)
		if op.Kind == check.Load && op.Outcome == check.OK && op.Return != check.Never {
			l := link{attr: attr, call: op.Call, ret: op.Return, process: op.Client}
			if read {
				l.seen = strings.Split(text, ",")
			}
			cs.add(op.Key, l)
		}
	}
}

// grown is a chain with one more link.
func grown(chain []byte, name string) []byte {
	if len(chain) == 0 {
		return []byte(name)
	}
	return append(append(slices.Clone(chain), ','), name...)
}

// update adds a link by Update.
func (v *visit) update() {
	l := link{attr: chainAttrs[0], name: v.sim.chains.name(), call: v.sim.now(), process: v.process}
	v.wait()
	err := v.c.Update(context.Background(), v.key, func(r *cluster.Record) error {
		r.Attrs[l.attr] = grown(r.Attrs[l.attr], l.name)
		return nil
	})
	v.wait()
	v.linked(l, err)
}

// guarded adds a link by a load and a save that have the lock, at times for longer than the lease.
func (v *visit) guarded() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	v.wait()
	lease := time.Second + time.Duration(v.rng.Int64N(int64(5*time.Second)))
	held, unlock, err := v.c.Lock(ctx, v.key, lease)
	v.wait()
	if err != nil {
		return
	}
	v.sim.count(ChainCount{Locks: 1})
	rec, err := v.c.Load(held, v.key)
	v.wait()
	if err == nil {
		v.think(30 * time.Millisecond)
		if v.rng.IntN(8) == 0 {
			time.Sleep(lease + time.Duration(v.rng.Int64N(int64(2*time.Second))))
			v.wait()
		}
		l := link{attr: chainAttrs[1], name: v.sim.chains.name(), call: v.sim.now(), process: v.process}
		rec.Attrs[l.attr] = grown(rec.Attrs[l.attr], l.name)
		err = v.c.Save(held, rec)
		v.wait()
		v.linked(l, err)
	}
	if _, now := v.in.use(); now == v.process {
		unlock()
		v.wait()
	}
}

// linked notes what came of a link.
func (v *visit) linked(l link, err error) {
	l.ret = v.sim.now()
	switch {
	case v.in.killed(v.process):
		l.outcome, l.ret = check.Unknown, check.Never
	case err == nil:
		l.outcome = check.OK
	case errors.Is(err, cluster.ErrNotFound), errors.Is(err, cluster.ErrDestroyed):
		v.user.leave(v.key)
		l.outcome = check.Destroyed
	case errors.Is(err, cluster.ErrConflict), errors.Is(err, cluster.ErrLockLost):
		l.outcome = check.Refused
	default:
		l.outcome = check.Unknown
	}
	if err != nil {
		l.err = err.Error()
	}
	n := ChainCount{}
	switch l.outcome {
	case check.OK:
		n.Acked = 1
	case check.Unknown:
		n.Unknown = 1
	default:
		n.Refused = 1
	}
	if errors.Is(err, cluster.ErrLockLost) {
		n.LocksLost = 1
	}
	v.sim.count(n)
	v.sim.chains.add(v.key, l)
}

func (s *sim) count(n ChainCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chainCount.Add(n)
}

// verify finds what was lost, and what is there that must not be.
func (cs *chains) verify() (bad []check.Violation) {
	var keys []string
	for key := range cs.links {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		for _, attr := range chainAttrs {
			if v, broken := verifyChain(key, attr, cs.links[key]); broken {
				bad = append(bad, v)
			}
		}
	}
	return bad
}

// verifyChain looks at the links and the reads of one chain.
func verifyChain(key, attr string, links []link) (check.Violation, bool) {
	refused := map[string]bool{}
	for _, l := range links {
		if l.attr == attr && l.name != "" && (l.outcome == check.Refused) {
			refused[l.name] = true
		}
	}
	for _, r := range links {
		if r.attr != attr || r.name != "" {
			continue
		}
		fault := func(format string, args ...any) (check.Violation, bool) {
			return check.Violation{Rule: lostLink, Key: key, Attr: attr, At: r.call, Text: fmt.Sprintf(format, args...)}, true
		}
		times := map[string]int{}
		for _, name := range r.seen {
			if times[name]++; times[name] > 1 {
				return fault("%s is there twice: %v", name, r.seen)
			}
			if refused[name] {
				return fault("%s is there, and was refused: %v", name, r.seen)
			}
		}
		for _, l := range links {
			if l.attr == attr && l.name != "" && l.outcome == check.OK && l.ret < r.call && times[l.name] == 0 {
				return fault("%s, acknowledged to %s at %.6fs, is not there: %v", l.name, l.process, l.ret.Seconds(), r.seen)
			}
		}
	}
	return check.Violation{}, false
}

// print writes what happened to the chains of a session, for people.
func (cs *chains) print(key string) string {
	var b strings.Builder
	for _, l := range cs.links[key] {
		if l.name == "" {
			fmt.Fprintf(&b, "%14.6fs %s reads %s: %s\n", l.call.Seconds(), l.process, l.attr, strings.Join(l.seen, ","))
			continue
		}
		fmt.Fprintf(&b, "%14.6fs %s adds %s to %s: %v until %.6fs %s\n", l.call.Seconds(), l.process, l.name, l.attr, l.outcome, l.ret.Seconds(), l.err)
	}
	return b.String()
}
