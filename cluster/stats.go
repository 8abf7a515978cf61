package cluster

import (
	"sync/atomic"
	"time"
)

// This file decides what an operator can count.

// NodeStatus is what this process thinks of a node.
type NodeStatus struct {
	ID, Addr string
	Standby  bool
	State    State
	Since    time.Time // of the present state
	// LastError is the reason of the last failed exchange, empty when there was
	// none. It holds no key and no value.
	LastError string
	Commands  uint64 // exchanges begun; probes are not among them
	Errors    uint64 // of them: failed
	Timeouts  uint64 // of them: for want of an answer in time
	// Reconnects counts connections found broken, as after a restart of the node:
	// each made the process drop its pool and try the command once more.
	Reconnects uint64
	// Busy counts requests that were turned away for want of room: they waited a Timeout
	// for a place among the commands on their way to the node (MaxConns), or behind reads
	// that came before. They are neither Commands nor Errors, and no sign of an ill node;
	// LastError does not show them, the log does.
	Busy uint64
}

// Stats are counts since New, in this process.
type Stats struct {
	Loads, Saves, Deletes uint64 // calls
	Hits                  uint64 // loads that returned a session
	NotFound              uint64 // loads that ended in ErrNotFound
	Unavailable           uint64 // calls that ended in ErrUnavailable
	Throttled             uint64 // loads refused because of UnknownPerSecond
	WideReads             uint64 // reads that had to go beyond the targets
	Repairs               uint64 // copies written by loads
	RepairFailures        uint64 // loads that could not bring all targets up to date
	FastSaves             uint64 // saves done in one round trip
	IdleSaves             uint64 // saves that needed none, because of RefreshSlack
	Merges                uint64 // saves that joined with what others had written
	Conflicts             uint64 // saves that ended in ErrConflict
	Destroyed             uint64 // saves that ended in ErrDestroyed
	TooLarge              uint64 // saves that ended in ErrTooLarge
	Damaged               uint64 // copies that were damaged, forged, or belonged to another key
	Unreadable            uint64 // copies of a newer version, or that no seal key opens
	Unsealed              uint64 // copies without a seal that AllowUnsealed let in
	Busy                  uint64 // requests to nodes turned away for want of room: the sum of NodeStatus.Busy
}

type counters struct {
	loads, saves, deletes, hits, notFound, unavailable, throttled, wideReads,
	repairs, repairFailures, fastSaves, idleSaves, merges, conflicts, destroyed, tooLarge,
	damaged, unreadable, unsealed atomic.Uint64
}

// Stats returns the counts of this process.
func (c *Cluster) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	s := &c.stats
	var busy uint64
	for _, n := range c.nodes {
		busy += n.server.Counts().Busy
	}
	return Stats{
		Loads: s.loads.Load(), Saves: s.saves.Load(), Deletes: s.deletes.Load(),
		Hits: s.hits.Load(), NotFound: s.notFound.Load(), Unavailable: s.unavailable.Load(), Throttled: s.throttled.Load(), WideReads: s.wideReads.Load(),
		Repairs: s.repairs.Load(), RepairFailures: s.repairFailures.Load(),
		FastSaves: s.fastSaves.Load(), IdleSaves: s.idleSaves.Load(), Merges: s.merges.Load(),
		Conflicts: s.conflicts.Load(), Destroyed: s.destroyed.Load(), TooLarge: s.tooLarge.Load(),
		Damaged: s.damaged.Load(), Unreadable: s.unreadable.Load(), Unsealed: s.unsealed.Load(), Busy: busy,
	}
}

// Nodes returns the status of every node, in the order of the configuration.
func (c *Cluster) Nodes() []NodeStatus {
	if c == nil {
		return nil
	}
	all := make([]NodeStatus, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = n.status()
	}
	return all
}

func (n *node) status() NodeStatus {
	counts := n.server.Counts()
	n.mu.Lock()
	defer n.mu.Unlock()
	s := NodeStatus{
		ID: n.ID, Addr: n.Addr, Standby: n.Standby, State: n.health.state, Since: n.since,
		Commands: counts.Commands, Errors: counts.Errors + n.gaveUp.Load(), Timeouts: counts.Timeouts,
		Reconnects: counts.Reconnects, Busy: counts.Busy,
	}
	if n.lastErr != nil {
		s.LastError = n.lastErr.Error()
	}
	return s
}
