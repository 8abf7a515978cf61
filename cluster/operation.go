package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what one Load, Save or Delete knows of itself: what it intends, whom its key
// prefers, and which nodes have failed in it.

// intent is what an operation is about to do, fixed when it begins.
type intent struct {
	// unverified: nothing but the caller's word says that the session exists (a load).
	unverified bool
	// mayBeNew: no snapshot says that the session exists (a save), so no node has to have it.
	mayBeNew bool
	// final: the session is to end (a deletion). Its tombstone replaces copies that cannot be
	// read, too, and lies behind the targets as well.
	final bool
	// wasOn are the targets of the snapshot. If the targets have changed, nodes behind them may
	// hold the session.
	wasOn []*node
}

// operation is one Load, Save or Delete under way.
type operation struct {
	intent
	c      *Cluster
	hash   record.Key
	key    string // on the nodes
	order  []int  // the preference list, as far as it was needed
	failed []nodeError
	// full are the nodes that refused a write for want of memory, or because it is larger than
	// their items may be. They are no targets, but go on serving what they could not replace.
	full []*node
	// refused are the CAS conflicts with each node, and conflicts is their number.
	refused   []conflicts
	conflicts int
	// heardHome is true once a home has answered.
	heardHome bool
	// mayBeStored is true once something of the caller's may be on a node: from then on its
	// timestamp must not change.
	mayBeStored bool
	wrote       int           // copies
	began       time.Duration // on the awake clock

	// Room for what most operations need.
	orderRoom   [8]int
	listRoom    [8]candidate
	requestRoom [2]request
	viewRoom    view
}

// request is one request to one node.
type request struct {
	node *node
	memcached.Request
}

type nodeError struct {
	node *node
	err  error
}

func (c *Cluster) newOperation(id string, in intent) *operation {
	op := &operation{intent: in, c: c, hash: record.KeyOf(id), began: c.clock.Now()}
	op.order = op.orderRoom[:0]
	op.key = op.hash.Name(c.cfg.KeyPrefix)
	return op
}

// preferred returns the i-th node of the key's preference list, or nil behind the last.
func (op *operation) preferred(i int) *node {
	if i >= len(op.c.nodes) {
		return nil
	}
	if i >= len(op.order) {
		most := max(2*op.c.cfg.Replicas+2, 2*i)
		op.order = op.c.placement.preference(op.hash, min(most, len(op.c.nodes)), op.order[:0])
	}
	return op.c.nodes[op.order[i]]
}

// candidates are the first most nodes of the preference list, as they are now.
func (op *operation) candidates(most int) []candidate {
	list := op.listRoom[:0]
	for i := range min(most, len(op.c.nodes)) {
		n := op.preferred(i)
		list = append(list, candidate{node: n, standing: n.standing(), passed: op.hasFailed(n)})
	}
	return list
}

// targets appends to ts, which is empty, the targets of the moment.
func (op *operation) targets(ts []*node) []*node {
	replicas := op.c.cfg.Replicas
	list := op.candidates(2 * replicas)
	up := 0
	for i := range list {
		if !list[i].passed && isUp(list[i]) {
			up++
		}
	}
	if up < replicas {
		list = op.candidates(len(op.c.nodes))
	}
	return targets(list, replicas, ts)
}

// isHome reports whether the node is among the first Replicas of the preference list.
func (op *operation) isHome(n *node) bool {
	for i := range op.c.cfg.Replicas {
		if op.preferred(i) == n {
			return true
		}
	}
	return false
}

// hasFailed reports whether the node failed in this operation.
func (op *operation) hasFailed(n *node) bool {
	return slices.ContainsFunc(op.failed, func(f nodeError) bool { return f.node == n })
}

// fail passes the node over for the rest of the operation.
func (op *operation) fail(n *node, err error) {
	if !op.hasFailed(n) {
		op.failed = append(op.failed, nodeError{n, err})
	}
}

// passedOverAlone reports whether a node was passed over for a local reason, so that other
// processes may still use it: this process had no room for a question to it, or the node answered
// each write of this one key with a CAS conflict.
func (op *operation) passedOverAlone() bool {
	return slices.ContainsFunc(op.failed, func(f nodeError) bool {
		return memcached.IsBusy(f.err) || errors.Is(f.err, errConflicts)
	})
}

// hadNoRoom reports whether this process had no room for a question to some node.
func (op *operation) hadNoRoom() bool {
	return slices.ContainsFunc(op.failed, func(f nodeError) bool { return memcached.IsBusy(f.err) })
}

// isOld (rule 9) reports whether what was read, or begun, at that time is too long ago to be the
// last word. A process that stood still finds when it wakes that nodes have failed and come back
// meanwhile, and what it had read or written there is gone: it reads again.
func (op *operation) isOld(t time.Time) bool { return time.Since(t) > 2*op.c.cfg.Timeout }

// isLate reports whether the operation has taken longer than a healthy node may.
func (op *operation) isLate() bool { return op.c.clock.Now()-op.began > op.c.cfg.Timeout }

// unavailable is ErrUnavailable with each node's reason.
func (op *operation) unavailable() error {
	var why []string
	for _, n := range op.c.nodes {
		reason := ""
		for _, f := range op.failed {
			if f.node == n {
				reason = f.err.Error()
			}
		}
		if reason == "" {
			if s := n.status(); s.State != StateUp && s.LastError != "" {
				reason = s.State.String() + ": " + s.LastError
			}
		}
		if reason != "" {
			why = append(why, n.String()+": "+reason)
		}
	}
	if len(why) == 0 {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, strings.Join(why, "; "))
}
