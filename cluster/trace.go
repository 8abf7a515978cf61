package cluster

import (
	"context"
	"time"
)

// This file decides what an app is told of its sessions' traffic with the nodes: Trace. It is told
// of three layers. An operation is one call of Load, Save, Delete or Update. A request is what one
// operation asks of one node. An exchange is one packet of commands that a node was sent and has
// answered, with the requests of several operations, healers and polls of markers in it.

// Trace is a set of callbacks, in the manner of net/http/httptrace. Any of them may be nil. With a
// Config.Trace of nil an operation takes no memory that it would not take anyway.
//
// None of them is told a session's id, a key, a value or an address: a node is named by its ID, and
// what went wrong by an Outcome, so that all of it can be a label of a metric.
//
// They are called under no lock of this package. An operation, or an exchange that others wait for,
// stands still meanwhile, so a callback must not block, and must not close the Cluster. One that
// panics is as if it had returned nothing; a log line says which one it was, and where. Several
// goroutines may call the same callback at once.
type Trace struct {
	// OperationStart is called by the goroutine of the caller when an operation begins. The context
	// has the values of the caller's, but never ends: a Save goes on when its caller has gone.
	// What it returns takes the place of that context in RequestDone and OperationDone of this
	// operation; nil stands for the context that it was given.
	OperationStart func(ctx context.Context, op Operation) context.Context
	// OperationDone is called by the goroutine of the caller when an operation has ended, once for
	// each OperationStart.
	OperationDone func(ctx context.Context, d OperationDone)
	// RequestDone is called when a node has answered a request of an operation, or has failed, or
	// is waited for no longer. A goroutine of the operation calls it. It may be called after
	// OperationDone for a Load whose context has ended, since its repair goes on.
	RequestDone func(ctx context.Context, d RequestDone)
	// ExchangeDone is called when an exchange has ended, by the goroutine that had it. It has no
	// context: an exchange belongs to as many operations as it has requests, or to none.
	ExchangeDone func(d ExchangeDone)
	// HealDone is called when a pass over all keys has ended that this process has made for a node
	// (Heal, or by itself), by the goroutine of the pass. Err is nil when the node is whole.
	HealDone func(r HealReport, err error)
}

// Operation is which verb was called.
type Operation string

// The operations.
const (
	OperationLoad   Operation = "load"
	OperationSave   Operation = "save"
	OperationDelete Operation = "delete"
	OperationUpdate Operation = "update"
)

// Outcome is how an operation, a request or an exchange has ended: one of the constants below.
type Outcome string

// The outcomes.
const (
	OutcomeOK Outcome = "ok" // of a request: also that there is no copy

	// Of operations.

	OutcomeNotFound    Outcome = "not_found"   // ErrNotFound
	OutcomeUnavailable Outcome = "unavailable" // ErrUnavailable
	OutcomeDestroyed   Outcome = "destroyed"   // ErrDestroyed
	OutcomeTooLarge    Outcome = "too_large"   // ErrTooLarge
	OutcomeLockLost    Outcome = "lock_lost"   // ErrLockLost
	OutcomeUnreadable  Outcome = "unreadable"  // ErrVersion, ErrSealed
	OutcomeCanceled    Outcome = "canceled"    // the caller's context has ended, or the Cluster was closed
	OutcomeError       Outcome = "error"       // any other error

	// Of operations and requests.

	// OutcomeConflict is ErrConflict. Of a request it says that somebody else wrote first, or that the
	// copy is gone: the operation reads again.
	OutcomeConflict Outcome = "conflict"

	// Of requests and exchanges.

	OutcomeTimeout      Outcome = "timeout"       // no answer in time
	OutcomeNoConnection Outcome = "no_connection" // none to be had: refused, unknown host, TLS or login failed
	OutcomeBroken       Outcome = "broken"        // the connection ended under the command
	OutcomeRefused      Outcome = "refused"       // the node answers that it will not
	OutcomeSenseless    Outcome = "senseless"     // the answer makes no sense
	OutcomeFull         Outcome = "full"          // no memory for the value, or larger than its items may be

	// Of requests that no exchange has taken along.

	OutcomeBusy      Outcome = "busy"      // no room for it (NodeStatus.Busy), or its node went down while it waited
	OutcomeAbandoned Outcome = "abandoned" // the operation has waited long enough, or its context has ended
)

// OperationDone is one operation that has ended.
type OperationDone struct {
	Operation Operation
	Began     time.Time
	Took      time.Duration
	Outcome   Outcome
	// Found is how many nodes had a copy at the last read. It is 0 for a save that needed no read.
	Found int
	// Written is how many copies were written, tombstones included. Those of a Load are its read
	// repair.
	Written int
	// WideRead is true where a read has gone beyond the targets.
	WideRead bool
	// Behind is true for a Load whose client had seen more than was found: Stats.Behind counts it.
	Behind bool
	// Joined is true for a save that another save of the same session has taken along: the
	// requests are told of with that one.
	Joined bool
}

// RequestDone is one request of an operation to one node. It may have waited for its turn: an
// exchange takes along all that have arrived while the one before it was under way.
type RequestDone struct {
	Operation Operation
	Node      string // its ID
	Command   string // gets, add, cas or set
	Began     time.Time
	Took      time.Duration
	Outcome   Outcome
}

// ExchangeDone is one exchange with one node: some commands in one packet, and their answers.
// Connecting is part of it, where there was no connection.
type ExchangeDone struct {
	Node     string // its ID
	Kind     string // "read" or "write"
	Requests int    // that went together
	Began    time.Time
	Took     time.Duration
	// Outcome is the first failure among the answers; conflicts are none.
	Outcome Outcome
}

// JoinTraces returns a Trace that tells all of these, in this order. A nil one is left out. The
// context that one OperationStart returns is given to the next.
func JoinTraces(all ...*Trace) *Trace {
	var ts traces
	for _, t := range all {
		if t != nil {
			ts = append(ts, *t)
		}
	}
	return &Trace{
		OperationStart: ts.operationStart, OperationDone: ts.operationDone, RequestDone: ts.requestDone,
		ExchangeDone: ts.exchangeDone, HealDone: ts.healDone,
	}
}

type traces []Trace

func (ts traces) operationStart(ctx context.Context, op Operation) context.Context {
	for _, t := range ts {
		if t.OperationStart != nil {
			if next := t.OperationStart(ctx, op); next != nil {
				ctx = next
			}
		}
	}
	return ctx
}

func (ts traces) operationDone(ctx context.Context, d OperationDone) {
	for _, t := range ts {
		if t.OperationDone != nil {
			t.OperationDone(ctx, d)
		}
	}
}

func (ts traces) requestDone(ctx context.Context, d RequestDone) {
	for _, t := range ts {
		if t.RequestDone != nil {
			t.RequestDone(ctx, d)
		}
	}
}

func (ts traces) exchangeDone(d ExchangeDone) {
	for _, t := range ts {
		if t.ExchangeDone != nil {
			t.ExchangeDone(d)
		}
	}
}

func (ts traces) healDone(r HealReport, err error) {
	for _, t := range ts {
		if t.HealDone != nil {
			t.HealDone(r, err)
		}
	}
}
