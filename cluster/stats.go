package cluster

import (
	"cmp"
	"errors"
	"sync/atomic"
	"time"
)

// This file decides what an operator can count.

// NodeStatus is what this process thinks of a node.
type NodeStatus struct {
	ID, Addr string
	Zone     string
	Standby  bool
	State    State
	// Whole is true while the node holds a current copy of every session that belongs on it, as far
	// as this process knows: by the last two polls of the markers, and nothing since that could have
	// emptied the node. Before a node is stopped ask WaitWhole, which looks anew.
	Whole bool
	// Leaving is true for a node that is on a former list only: it may be stopped when it is no longer
	// listed.
	Leaving bool
	// Joining is true for a node that is on the present list, and not on every former one that is in
	// force: it is being filled, or waits until every process knows the list.
	Joining bool
	// Reason is why the node is not whole, in words; empty when it is.
	Reason string
	// Draining is true while the node is being emptied of its duties (Drain). It is not whole then.
	Draining bool
	// Incarnation names the node's memory: a node that was emptied gets another one. It is empty
	// until the node's marker was read.
	Incarnation string
	// Restored is how many sessions the pass over all keys that is under way for the node has
	// restored, of ToRestore: by this process or, as of a few seconds ago, another. Both are zero
	// where none is under way, or its keys are still being listed.
	Restored, ToRestore int
	Since               time.Time // of the present state
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
	Updates               uint64 // calls, those by which Lock and Save with a lock work included
	UpdateRounds          uint64 // how often the changes of updates were made, again after a CAS conflict included
	Hits                  uint64 // loads that returned a session
	NotFound              uint64 // loads that ended in ErrNotFound
	Unavailable           uint64 // calls that ended in ErrUnavailable
	Throttled             uint64 // loads that failed because of UnknownPerSecond
	WideReads             uint64 // reads that had to go beyond the targets
	Repairs               uint64 // copies written by loads
	Healed                uint64 // copies written without a request
	RepairFailures        uint64 // loads that could not bring all targets up to date
	FastSaves             uint64 // saves done in one round trip
	IdleSaves             uint64 // saves that needed none, because of RefreshSlack
	Merges                uint64 // saves that joined with what others had written
	Conflicts             uint64 // saves and updates that ended in ErrConflict
	Destroyed             uint64 // saves that ended in ErrDestroyed
	TooLarge              uint64 // saves that ended in ErrTooLarge
	Damaged               uint64 // copies that were damaged, forged, or belonged to another key
	Unreadable            uint64 // copies of a newer version, or that no seal key opens
	Unsealed              uint64 // copies without a seal that AllowUnsealed let in
	Busy                  uint64 // requests to nodes turned away for want of room: the sum of NodeStatus.Busy
	LocalHits             uint64 // hits that asked no node, or found none: shown on a local copy
	// Behind counts loads whose client had seen more of its session than was found (Record.Behind), or whose
	// session was gone while its client had seen a change that was not on the nodes yet. A version in a
	// cookie of scs is not signed: a client can raise this count, and nothing else.
	Behind uint64
	// Now, not since New: local copies, the memory that they take, and how many of them have
	// something that the nodes may lack.
	LocalCopies, Unwritten int
	LocalBytes             int64

	// How far a change of the list of nodes is; these three are no counts. Which nodes come, go, and are
	// not whole yet, is told by Nodes.

	// Lists is how many lists of nodes are in force: one, and more while the list changes or a node
	// drains. Zero: there is no Cluster.
	Lists int
	// Settling is for how long another process may still go by a former list. No node is filled before.
	Settling time.Duration
	// FormerUnknown is true where this process has begun during a change from a list that it does not
	// know: of a session that it does not find it says ErrUnavailable.
	FormerUnknown bool
}

type counters struct {
	loads, saves, deletes, updates, updateRounds, hits, notFound, unavailable, throttled, wideReads,
	repairs, healed, repairFailures, fastSaves, idleSaves, merges, conflicts, destroyed, tooLarge,
	damaged, unreadable, unsealed, localHits, behind atomic.Uint64
}

// Stats returns the counts of this process.
func (c *Cluster) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	s := &c.stats
	var busy uint64
	for _, n := range c.nodes() {
		busy += n.server.Counts().Busy
	}
	ls := c.lists.Load()
	if ls == nil {
		return Stats{}
	}
	all := Stats{
		Lists: ls.count(), Settling: ls.unsettled(time.Now()), FormerUnknown: ls.joins,
		Loads: s.loads.Load(), Saves: s.saves.Load(), Deletes: s.deletes.Load(),
		Updates: s.updates.Load(), UpdateRounds: s.updateRounds.Load(),
		Hits: s.hits.Load(), NotFound: s.notFound.Load(), Unavailable: s.unavailable.Load(), Throttled: s.throttled.Load(), WideReads: s.wideReads.Load(),
		Repairs: s.repairs.Load(), Healed: s.healed.Load(), RepairFailures: s.repairFailures.Load(),
		FastSaves: s.fastSaves.Load(), IdleSaves: s.idleSaves.Load(), Merges: s.merges.Load(),
		Conflicts: s.conflicts.Load(), Destroyed: s.destroyed.Load(), TooLarge: s.tooLarge.Load(),
		Damaged: s.damaged.Load(), Unreadable: s.unreadable.Load(), Unsealed: s.unsealed.Load(), Busy: busy,
		LocalHits: s.localHits.Load(), Behind: s.behind.Load(),
	}
	if c.local != nil {
		all.LocalCopies, all.LocalBytes, all.Unwritten = c.local.count()
	}
	return all
}

// countFailure counts how a save or an update has failed; nil: not at all.
func (s *counters) countFailure(err error) {
	switch {
	case errors.Is(err, ErrUnavailable):
		s.unavailable.Add(1)
	case errors.Is(err, ErrConflict):
		s.conflicts.Add(1)
	case errors.Is(err, ErrDestroyed):
		s.destroyed.Add(1)
	case errors.Is(err, ErrTooLarge):
		s.tooLarge.Add(1)
	case errors.Is(err, ErrNotFound):
		s.notFound.Add(1)
	}
}

// Nodes returns the status of every node, in the order of the configuration.
func (c *Cluster) Nodes() []NodeStatus {
	if c == nil || c.lists.Load() == nil {
		return nil
	}
	nodes := c.nodes()
	all := make([]NodeStatus, len(nodes))
	for i, n := range nodes {
		all[i] = c.status(n)
	}
	return all
}

// status is the node's, with what the lists in force say of it.
func (c *Cluster) status(n *node) NodeStatus {
	s, ls := n.status(), c.lists.Load()
	entry, listed := ls.base.entry(n)
	s.Zone, s.Standby, s.Leaving, s.Joining = entry.Zone, entry.Standby, !listed, ls.isJoining(n)
	if m, _ := n.lastMarker(); m != nil {
		done, of := n.restored(m.List(ls.now.name))
		s.Restored, s.ToRestore = int(done), int(of)
	}
	return s
}

func (n *node) status() NodeStatus {
	counts, whole := n.server.Counts(), n.isWhole()
	n.mu.Lock()
	defer n.mu.Unlock()
	s := NodeStatus{
		ID: n.ID, Addr: n.Addr, State: n.health.state, Since: n.since,
		Commands: counts.Commands, Errors: counts.Errors + n.gaveUp.Load(), Timeouts: counts.Timeouts,
		Reconnects: counts.Reconnects, Busy: counts.Busy,
	}
	if n.lastErr != nil {
		s.LastError = n.lastErr.Error()
	}
	if n.whole.marker != nil {
		s.Incarnation = n.whole.marker.Incarnation
	}
	s.Draining = n.draining.IsOn(time.Now())
	if s.Whole = whole; !whole {
		s.Reason = cmp.Or(n.whole.verdict.Reason, "its marker was not read yet")
	}
	return s
}
