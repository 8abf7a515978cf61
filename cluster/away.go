package cluster

import (
	"slices"
	"time"
)

// This file decides what follows from the time for which a node was away: its sessions may have
// been written elsewhere, and it may have missed writes.

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
