package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which home decides on an update, and by what the update can tell later that it
// is part of what is stored.
//
// A merge keeps the newest version of a value, and forgets the others. That loses nothing where each
// version is made from the one before it. So one node has to say, by cas, which version comes next:
// the primary as a rule, and where it is out of reach, or holds nothing, the next home that is whole
// (rule 31). No process passes over the primary because of what it remembers: it asks. Where
// processes still disagree, since one is cut off from the primary, their versions differ so much that
// whoever sees the other one knows (rule 32), and returns an error.

// decidersStep asks all nodes that may decide, and the targets, at once. One that is down and
// unresponsive has a quarter of a Timeout.
func (op *operation) decidersStep(v *view) readStep {
	step := readStep{ask: v.unasked(v.targets, nil)}
	for _, n := range op.homes(op.decidesBy()) {
		state, failsFast := n.state()
		switch {
		case op.isPassedOver(n) || slices.Contains(step.ask, n):
		case state == StateDown && !failsFast:
			step.brief = append(step.brief, n)
		default:
			step.ask = append(step.ask, n)
		}
	}
	return step
}

// decidesBy is the list of nodes whose homes decide. While a list is new some processes only know
// the one before it: then the oldest list in force counts, which all know.
func (op *operation) decidesBy() *list {
	ls := op.lists
	if len(ls.former) == 0 || !time.Now().Before(ls.now.settled) {
		return ls.now
	}
	if ls.former[0] == ls.base && len(ls.former) > 1 { // a node drains during a transition
		return ls.former[1]
	}
	return ls.former[0]
}

// decider is the node that decides on an update of what was read. Where all homes have answered it is the
// first that holds the session. Else it is the first that holds it and says with it that it is whole:
// one that was emptied, or missed writes, may know less than those that do not answer.
func (op *operation) decider(v *view) (*node, record.Decided, error) {
	l := op.decidesBy()
	homes := op.homes(l)
	haveAllAnswered := !slices.ContainsFunc(homes, func(n *node) bool { a := v.on(n); return a == nil || a.unreadable })
	if op.lists.joins {
		return nil, 0, fmt.Errorf("%w: the list of nodes changes, and this process has begun with the new one: no home can decide on an update until every node is whole", ErrUnavailable)
	}
	for _, n := range homes {
		if a := v.on(n); a.isCurrent() && (haveAllAnswered || op.saysWhole(v, l, a)) {
			return n, op.decidedBy(n, homes[0]), nil
		}
	}
	return nil, 0, fmt.Errorf("%w (no home of the session that is whole answers, and an update needs one)", op.unavailable())
}

// decidedBy tells by the versions that the node gives whether it has passed over the primary of the
// list that decides, and whether that is the present list's, too.
func (op *operation) decidedBy(n, primary *node) record.Decided {
	isSame := primary == op.preferred(0)
	switch {
	case n == primary && isSame:
		return record.AtPrimary
	case n != primary && !isSame:
		return record.PastFormer
	}
	return record.PastPrimary
}

// isCurrent reports whether the answer is a copy on which an update can be made.
func (a *answer) isCurrent() bool {
	return a != nil && a.rec != nil && !a.item.Orphan && !a.tampered && !a.unreadable
}

// saysWhole reports whether the node says that it is whole, with its copy, and no other one that it
// is behind.
func (op *operation) saysWhole(v *view, l *list, a *answer) bool {
	m := a.marker
	if m == nil || m.Node != a.node.ID || !m.IsWhole(l.name) || !l.hasBegun(a.node) || op.c.behindBy(a.node) != nil {
		return false
	}
	return !slices.ContainsFunc(v.answers, func(o answer) bool { return o.marker != nil && o.marker.SaysBehind(a.node.ID) })
}

// hasChange reports whether what is stored now has what was made of base.
type hasChange func(now, made, base *record.Record) bool

// hasPrimary reports whether the primary answers, remembers what it remembered when the update began,
// and what is stored now has the change (rule 33). Where another one has decided, and does not know
// of this update, its version is the one that is stored now.
func (u *update) hasPrimary(v *view, has hasChange) bool {
	primary := u.homes(u.decidesBy())[0]
	return v.on(primary).isCurrent() && u.isSameMemory(v, primary) && has(v.merged, u.want, u.base)
}

// isUndisturbed reports whether the decider has the change, and every other node what it had before,
// or the change: nobody else has changed the same values meanwhile. A conflict was that of a read
// repair, or of a save of other values.
func (u *update) isUndisturbed(v *view, decider *node) bool {
	a := v.on(decider)
	if !a.isCurrent() || !u.isSameMemory(v, decider) || !a.rec.Holds(u.want, u.base) {
		return false
	}
	return !slices.ContainsFunc(v.answers, func(a answer) bool {
		return a.unreadable || a.rec != nil && !a.tampered && a.rec.IsDisturbed(u.want, u.base)
	})
}

// isSameMemory reports whether the node has not been emptied since the update began: by its marker or,
// where it has none yet, since no connection to it has broken.
func (u *update) isSameMemory(v *view, n *node) bool {
	was, now := u.before.on(n), v.on(n)
	switch {
	case was == nil || now == nil:
		return false
	case was.marker != nil && now.marker != nil:
		return was.marker.Incarnation == now.marker.Incarnation
	}
	return was.epoch == n.epochNow()
}
