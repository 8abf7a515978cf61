package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what an update is, and what a load and a save with the lock are, and when one was
// lost: each adds its name to a chain, which is one attribute. A load that begins after it was
// acknowledged has to show the name, once. Nobody removes a name: so of two chains that were read the
// shorter one begins the longer one, and what is read later is not shorter. Then the updates
// and reads of a chain have one order that explains them all.

const (
	chain               = "chain"   // of updates
	guarded             = "guarded" // of those who have the lock
	lost     check.Rule = "lost update"
	disorder check.Rule = "updates in two orders"
	two      check.Rule = "two had the lock"
)

// lease is shorter than a moment, and so short that who waits looks a few times only.
const lease = 6 * time.Millisecond

// link is a name in a chain, of an update that was acknowledged.
type link struct {
	attr, name string
	call, ret  time.Duration
}

// chainRead is a chain that a load has shown.
type chainRead struct {
	attr      string
	names     []string
	call, ret time.Duration
}

// raise adds a name to the chain by Update.
func (r *run) raise(c *cluster.Cluster, name string, n int) {
	l := link{attr: chain, name: fmt.Sprintf("%s.%d", name, n), call: r.callFor(name)}
	err := c.Update(context.Background(), key, func(rec *cluster.Record) error {
		rec.Attrs[chain] = append(slices.Clone(rec.Attrs[chain]), l.name+" "...)
		return nil
	})
	r.linked(name, l, err)
}

// lock waits for the lock. Without it held is nil.
func (r *run) lock(c *cluster.Cluster, name string) (held context.Context, unlock func()) {
	r.callFor(name)
	held, unlock, err := c.Lock(context.Background(), key, lease)
	now := r.tick()
	r.answered(name, fmt.Sprint("lock ", err == nil))
	if err != nil {
		return nil, unlock
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holder, r.locked = name, now
	return held, unlock
}

// guard adds a name to the other chain by a load and a save with the lock.
func (r *run) guard(held context.Context, c *cluster.Cluster, name string, n int) {
	if held == nil {
		return
	}
	l := link{attr: guarded, name: fmt.Sprintf("%s.%d", name, n)}
	r.callFor(name)
	rec, err := c.Load(held, key)
	if err != nil {
		r.answered(name, "guard false")
		return
	}
	rec.Attrs[guarded] = append(slices.Clone(rec.Attrs[guarded]), l.name+" "...)
	l.call = r.tick()
	err = c.Save(held, rec)
	r.linked(name, l, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.holder != name && r.locked < l.call {
		r.failLocked(two, guarded, l.call, "%s was saved, and %s had the lock before that began", l.name, r.holder)
	}
}

// callFor notes that an actor calls.
func (r *run) callFor(name string) time.Duration {
	call := r.tick()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[name] = call
	r.calls[fmt.Sprint(name, len(r.ended[name]))] = fmt.Sprint(r.ended)
	return call
}

// answered notes what an actor was told.
func (r *run) answered(name, answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, name)
	r.ended[name] = append(r.ended[name], answer)
}

// linked notes what came of a link.
func (r *run) linked(name string, l link, err error) {
	l.ret = r.tick()
	r.answered(name, fmt.Sprint(l.attr, " ", err == nil))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return
	}
	r.links = append(r.links, l)
	if r.deleted > 0 && r.deleted < l.call {
		r.failLocked(check.Resurrected, l.attr, l.call, "%s was acknowledged after the session was deleted", l.name)
	}
}

// checkChains takes the chains out of what a load has read, and looks for what is missing.
func (r *run) checkChains(op check.Op) {
	now := r.tick()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, attr := range []string{chain, guarded} {
		read := chainRead{attr, strings.Fields(op.Read[attr]), op.Call, now}
		delete(op.Read, attr)
		for _, l := range r.links {
			times := 0
			for _, name := range read.names {
				if name == l.name {
					times++
				}
			}
			if l.attr == attr && l.ret < op.Call && times != 1 {
				r.failLocked(lost, attr, op.Call, "%s is there %d times: %v", l.name, times, read.names)
			}
		}
		for _, other := range r.chains {
			if other.attr == attr && !other.agrees(read) {
				r.failLocked(disorder, attr, op.Call, "%v is read after %v", read.names, other.names)
			}
		}
		r.chains = append(r.chains, read)
	}
}

// agrees reports whether the read and one that ended later have one order.
func (c chainRead) agrees(later chainRead) bool {
	n := min(len(c.names), len(later.names))
	return slices.Equal(c.names[:n], later.names[:n]) && (n == len(c.names) || c.ret >= later.call)
}

// failLocked notes a broken promise.
func (r *run) failLocked(rule check.Rule, attr string, at time.Duration, format string, args ...any) {
	r.broken = append(r.broken, check.Violation{Rule: rule, Key: key, Attr: attr, At: at, Text: fmt.Sprintf(format, args...)})
}
