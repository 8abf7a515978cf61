package cluster

import "slices"

// This file decides what lies so far down the preference list that other processes may not look
// there.

// isFarAfterOutage reports whether all the targets are beyond the first 2 × Replicas nodes of the
// preference list, and one of them is not whole: the nodes before them may be back as well, and then
// no other process would read here.
func (op *operation) isFarAfterOutage(targets []*node) bool {
	return op.isFar(targets) && slices.ContainsFunc(targets, func(n *node) bool { return !n.isWhole() })
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
