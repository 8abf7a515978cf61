package check

import (
	"time"

	"github.com/anishathalye/porcupine"
)

// This file decides whether the operations on one register can be put in an order
// that explains every answer (Herlihy and Wing, "Linearizability", 1990), with
// porcupine. A write of unknown outcome has no end: the search may place it
// anywhere after its call, the very end included, where nobody reads any more. One that
// nobody has read is left out, since it can always be placed there.

// step is what an operation means to one register.
type step struct {
	kind  stepKind
	value string // written or read; "" removed
}

type stepKind int

const (
	stepWrite stepKind = iota // of the register, acknowledged: the session was not deleted
	stepMaybe                 // of the register, unknown: without effect on a deleted session
	stepRead                  // of the live session
	stepDelete
	stepGone // the session was told to be deleted
)

// state is the register: its value, and whether the session is deleted.
type state struct {
	deleted bool
	value   string
}

func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(st, in, _ any) (bool, any) {
			s, op := st.(state), in.(step)
			switch op.kind {
			case stepWrite:
				return !s.deleted, state{value: op.value}
			case stepMaybe:
				if s.deleted {
					return true, s
				}
				return true, state{value: op.value}
			case stepRead:
				return !s.deleted && s.value == op.value, s
			case stepDelete:
				return true, state{deleted: true}
			default:
				return s.deleted, s
			}
		},
	}
}

// linear checks every register of the session.
func (s *session) linear() {
	for _, attr := range sortedNames(s.regs) {
		ops := s.steps(attr)
		switch porcupine.CheckOperationsTimeout(model(), ops, s.opts.Linear) {
		case porcupine.Illegal:
			s.fail(Disorder, &s.ops[0], attr, "no order of %d operations explains the answers; the first is", len(ops))
		case porcupine.Unknown:
			s.fail(Undecided, &s.ops[0], attr, "%d operations were not ordered in %v; the first is", len(ops), s.opts.Linear)
		}
	}
}

// steps translates the session's operations for one register.
func (s *session) steps(attr string) []porcupine.Operation {
	var out []porcupine.Operation
	add := func(call, end time.Duration, st step) {
		out = append(out, porcupine.Operation{Input: st, Call: int64(call), Return: int64(end)})
	}
	ended := s.firstEnd(&s.ops[len(s.ops)-1])
	read := map[string]bool{} // "" by every operation that read nothing: a removal may be the reason
	for i := range s.ops {
		read[s.ops[i].Read[attr]] = true
	}
	for i := range s.ops {
		op := &s.ops[i]
		if op.Call >= ended || op.Kind == Load && op.Return >= ended {
			continue // from then on there is more than one truth
		}
		value, writes := op.Write[attr]
		switch {
		case op.Outcome == Refused:
		case op.Kind == Delete && op.Outcome == OK:
			add(op.Call, op.Return, step{kind: stepDelete})
		case op.Kind == Delete:
			add(op.Call, Never, step{kind: stepDelete})
		case op.Kind == Load && op.Outcome == OK:
			add(op.Call, op.Return, step{stepRead, op.Read[attr]})
		case op.Outcome == NotFound && s.born < op.Call && !s.blurred[op] && !s.expired(op):
			add(op.Call, op.Return, step{kind: stepGone})
		case op.Outcome == Destroyed:
			if !s.expired(op) {
				add(op.Call, op.Return, step{kind: stepGone})
			}
			if writes && read[value] {
				add(s.begin(op), Never, step{stepMaybe, value})
			}
		case op.Kind == Save && op.Outcome == OK && writes:
			add(s.begin(op), op.Return, step{stepWrite, value})
		case op.Kind == Save && op.Outcome == Unknown && writes && read[value]:
			add(s.begin(op), Never, step{stepMaybe, value})
		}
	}
	return out
}
