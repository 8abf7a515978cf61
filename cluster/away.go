package cluster

import (
	"slices"
	"time"
)

// This file decides what follows from the time for which a node was away: its sessions may have
// been written elsewhere, and it may have missed writes.

// missedWrites reports whether one of the targets was away, and this process has not read the
// session wide since. A fallback may have a newer copy, although the targets agree; such a copy
// expires with its session, so a return longer ago than the longest session does not count.
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

// isRemote reports whether all the targets are beyond the first 2 × Replicas nodes of the
// preference list, and one of them has come back lately: the nodes before them may be back as
// well, and then no other process would read here.
func (op *operation) isRemote(targets []*node) bool {
	return op.isFar(targets) && slices.ContainsFunc(targets, func(n *node) bool {
		at := n.returnedAt()
		return !at.IsZero() && op.c.cfg.Now().Sub(at) < settling
	})
}

// isFar reports whether all the targets are beyond the first 2 × Replicas nodes of the preference
// list.
func (op *operation) isFar(targets []*node) bool {
	for i := range 2 * op.c.cfg.Replicas {
		if slices.Contains(targets, op.preferred(i)) {
			return false
		}
	}
	return true
}
