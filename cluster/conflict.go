package cluster

import (
	"errors"
	"slices"
)

// This file decides how many CAS conflicts with one node an operation takes before it passes the
// node over. A conflict is no fault: another writer was faster. But a node that refuses each write,
// for whatever reason, must not keep everybody from saving: this bounds what it costs.

// nodeConflicts counts the CAS conflicts with one node in one operation.
type nodeConflicts struct {
	node  *node
	times int
	alone int // of those, while all other targets stored the same
}

// errConflicts is why a node is passed over that refuses each write.
var errConflicts = errors.New("its writes met with CAS conflicts again and again: many requests changed this session at once, or the node refuses each write")

// noteConflict counts a CAS conflict with the node, and passes the node over for the rest of the
// operation when there were too many. Writers that meet lose a round now and then, on every node;
// a node that refuses each write would keep everybody from saving. It is passed over as by a
// process that is cut off from it: only while another home is left.
func (op *operation) noteConflict(n *node, alone bool) {
	op.conflictCount++
	i := slices.IndexFunc(op.conflictsByNode, func(c nodeConflicts) bool { return c.node == n })
	if i < 0 {
		i = len(op.conflictsByNode)
		op.conflictsByNode = append(op.conflictsByNode, nodeConflicts{node: n})
	}
	c := &op.conflictsByNode[i]
	if c.times++; alone {
		c.alone++
	}
	others, homes := 0, 0
	for _, o := range op.candidates(len(op.lists.now.nodes), nil) {
		if o.node != n && !o.passedOver && isUp(o) {
			if others++; op.isHome(o.node) {
				homes++
			}
		}
	}
	if !c.tooMany(op.isLate(), homes > 0, others >= op.c.cfg.Replicas) {
		return
	}
	op.passOver(n, errConflicts)
	n.gaveUp.Add(1)
	n.mu.Lock()
	n.lastErr = errConflicts
	n.mu.Unlock()
	op.c.log.warn(n, "cluster: node is passed over for a session", "reason", errConflicts)
}

// CAS conflicts with one node in one operation before it is passed over: where another can take
// its place; and where none can, but the node alone refuses what all other targets have stored.
const (
	mostConflicts      = 4
	mostConflictsAlone = 6
)

// tooMany reports whether the node is to be passed over. In an operation that has taken longer
// than a Timeout it has half the chances.
func (c nodeConflicts) tooMany(isLate, isHomeLeft, isReplaceable bool) bool {
	most, mostAlone := mostConflicts, mostConflictsAlone
	if isLate {
		most, mostAlone = most/2, mostAlone/2
	}
	return isHomeLeft && (isReplaceable && c.times >= most || c.alone >= mostAlone)
}

// takeBack returns the nodes to use that were passed over for their conflicts: where the other
// homes have failed since, a node that others kept writing to is better than none.
func (op *operation) takeBack() (any bool) {
	isForConflicts := func(f nodeError) bool { return f.err == errConflicts }
	if !slices.ContainsFunc(op.passedOver, isForConflicts) {
		return false
	}
	op.passedOver = slices.DeleteFunc(op.passedOver, isForConflicts)
	op.conflictsByNode = nil
	return true
}
