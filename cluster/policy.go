package cluster

import (
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides whom a read asks next, given what it has heard. Everything here is pure.
//
// The targets settle what a session is where each of them has a copy, and the copies are equal.
// Else the read is wide, once (rule 8): a home may have been down when the session was saved, so
// that a fallback has the newer copy; a home may have been restarted empty; and another process
// may use a node that this one thinks is down.

// readStep is whom a read asks next, all at once.
type readStep struct {
	ask   []*node // each is waited for until it has answered or failed
	brief []*node // unresponsive nodes: they have a quarter of a Timeout
	wide  bool    // the nodes lie beyond the targets
	// withMarker asks each node for its marker in the same command.
	withMarker bool
}

// unasked appends to room those of the nodes that have not answered.
func (v *view) unasked(nodes, room []*node) []*node {
	for _, n := range nodes {
		if v.on(n) == nil {
			room = append(room, n)
		}
	}
	return room
}

// countCopies counts the targets that hold the session.
func (v *view) countCopies() int {
	n := 0
	for _, t := range v.targets {
		if a := v.on(t); a != nil && a.rec != nil && !a.item.Orphan {
			n++
		}
	}
	return n
}

// isIncomplete reports whether fewer copies came than there should be.
func (v *view) isIncomplete(replicas int) bool { return v.countCopies() < replicas }

// differ reports whether two copies say different things. Then a home was away, and a fallback
// may have a copy.
func (v *view) differ() bool {
	var first *record.Record
	for i := range v.answers {
		rec := v.answers[i].rec
		if first == nil {
			first = rec
		}
		if rec != nil && !rec.Equal(first) {
			return true
		}
	}
	return false
}

// wideStep returns the step of a wide read: the next replicas nodes of the preference list, the
// whole list being given, and those of the first 2 × replicas that are thought down.
//
// A node that is not whole is asked, but does not count: while it was away, its sessions went to the
// nodes behind it. A node that is down and fails fast costs no wait. One that is
// unresponsive or suspect is asked only where a copy is missing that would be there if only such
// nodes were away, or where the copies differ.
func (v *view) wideStep(list []candidate, replicas int) readStep {
	step := readStep{wide: true}
	open := func(c candidate) bool { return !c.passedOver && v.on(c.node) == nil }
	unresponsive := 0
	for _, c := range list {
		if c.state == StateDown && !c.failsFast {
			unresponsive++
		}
	}
	missing := v.countCopies() < max(1, min(replicas, len(list)-unresponsive)) || v.differ()
	for i, next := 0, 0; i < len(list) && next < replicas; i++ {
		if c := list[i]; open(c) && (c.state == StateUp || c.state == StateSuspect && missing) {
			step.ask = append(step.ask, c.node)
			if !c.mayLack {
				next++
			}
		}
	}
	for _, c := range list[:min(2*replicas, len(list))] {
		switch {
		case c.state != StateDown || !open(c) || slices.Contains(step.ask, c.node):
		case c.failsFast:
			step.ask = append(step.ask, c.node)
		case missing:
			step.brief = append(step.brief, c.node)
		}
	}
	return step
}
