package explore

import (
	"slices"
	"strings"
)

// This file decides which of all orders need not be run: those that lead to a state
// that was seen before, and those that differ from one that was run only in the order
// of things that do not touch each other (sleep sets, by P. Godefroid, "Partial-Order
// Methods for the Verification of Concurrent Systems", 1996). Unlike there, what is
// remembered of a state is what was never taken in it, at any visit: no state comes again
// on its own path, since every event is taken once.

// event is something that may happen next. The same event has the same text whatever
// else happens before it.
type event struct {
	kind  kind
	text  string
	actor string // who learns of it, "" if nobody does
	node  int
	reads bool // it leaves the node as it is
}

// kind is what an event is.
type kind int

const (
	arrival kind = iota // a command reaches its node, and the answer the actor
	timeout             // an actor gives a command up
	late                // a command that was given up reaches its node
	restart             // a node loses its memory
	moment              // a moment passes: patience ends, and probes begin
)

// commutes reports whether two events, both of which may happen next, lead to the same
// state in either order, and neither prevents the other.
func (e event) commutes(o event) bool {
	switch {
	case e.kind >= restart || o.kind >= restart:
		return false
	case e.kind == timeout && o.kind == timeout: // there are not many to be had
		return false
	case e.actor != "" && e.actor == o.actor:
		return false
	}
	return e.node != o.node || e.reads && o.reads || e.kind == timeout || o.kind == timeout
}

// branch is a point of a schedule where events were left to choose from.
type branch struct {
	left   []event // the first is taken, the others are to be taken later
	asleep []event // need not be taken: what they lead to is found on another way
}

// sleeping are the events that need not be taken after the one that the branch takes.
func (b branch) sleeping(s Scope) []event {
	var still []event
	for _, e := range b.asleep {
		if s.reorders() && e.commutes(b.left[0]) {
			still = append(still, e)
		}
	}
	return still
}

// reorders reports whether the order of events that commute can be left out. It cannot
// where an actor does several things: which of them begins after what has ended
// elsewhere is part of the history, and decides what it has to see.
func (s Scope) reorders() bool {
	return !s.plodding && !slices.ContainsFunc(s.Actors, func(script string) bool { return strings.Contains(script, ",") })
}

// next is the path of the next schedule in depth-first order; nil after the last.
func next(path []branch) []branch {
	for i, b := range slices.Backward(path) {
		if len(b.left) > 1 {
			return append(slices.Clone(path[:i]), branch{b.left[1:], append(slices.Clone(b.asleep), b.left[0])})
		}
	}
	return nil
}

// seen are the states that were met, over all schedules of one exploration, each with
// the events that were never taken there.
type seen map[uint64][]event

// visit returns which of the choices are to be taken in the state, and whether there
// are any.
func (s seen) visit(state uint64, asleep []event, choices []choice) (branch, bool) {
	b := branch{asleep: asleep}
	untaken, known := s[state]
	var still []event
	for _, c := range choices {
		sleeps := slices.Contains(asleep, c.event)
		switch {
		case known && !slices.Contains(untaken, c.event): // taken at an earlier visit
			if !sleeps {
				b.asleep = append(b.asleep, c.event)
			}
		case sleeps:
			still = append(still, c.event)
		default:
			b.left = append(b.left, c.event)
		}
	}
	s[state] = still
	return b, len(b.left) > 0
}
