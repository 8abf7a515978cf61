package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what follows from the time for which a node was away: its sessions may have
// been written elsewhere, and it may have missed writes.

// standing is what a decision needs to know of a node at one moment.
type standing struct {
	state      State
	failsFast  bool // a node that is down says so without a wait
	backLately bool
}

func (n *node) standing() standing {
	n.mu.Lock()
	defer n.mu.Unlock()
	return standing{
		state: n.health.state, failsFast: n.health.failsFast,
		backLately: !n.revived.IsZero() && n.hooks.now().Sub(n.revived) < lately,
	}
}

// lately is how long a node counts as just come back.
const lately = time.Hour

// missedWrites reports whether one of the targets was away, and this process has not read the session
// wide since. A fallback may have a newer copy, although the targets agree; that lives no longer
// than any session.
func (op *operation) missedWrites(targets []*node) bool {
	for _, n := range targets {
		at := n.returnedAt()
		if !at.IsZero() && op.c.cfg.Now().Sub(at).Milliseconds() < op.c.longest.Load() && !op.c.readWide.at(op.hash).After(at) {
			return true
		}
	}
	return false
}

// settling is how long it takes at most, after an outage, until every process has found
// every node to be up again.
const settling = 10 * time.Second

// isRemote reports whether all the targets are behind those that a wide read asks whatever it
// thinks of them, and have come back lately: the others may be back as well, and then nobody
// would look here.
func (op *operation) isRemote(targets []*node) bool {
	for i := range 2 * op.c.cfg.Replicas {
		if slices.Contains(targets, op.preferred(i)) {
			return false
		}
	}
	return slices.ContainsFunc(targets, func(n *node) bool {
		at := n.returnedAt()
		return !at.IsZero() && op.c.cfg.Now().Sub(at) < settling
	})
}

// mostWideReads is how many wide reads are remembered. One that is forgotten costs another.
const mostWideReads = 1 << 16

// wideReads is when this process has last read each key wide. With too many keys the older half is
// forgotten.
type wideReads struct {
	mu         sync.Mutex // guards below
	young, old map[record.Key]time.Time
}

func (w *wideReads) at(key record.Key) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.young[key]; ok {
		return t
	}
	return w.old[key]
}

func (w *wideReads) note(key record.Key, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.young) >= mostWideReads/2 {
		w.old, w.young = w.young, nil
	}
	if w.young == nil {
		w.young = map[record.Key]time.Time{}
	}
	w.young[key] = t
}
