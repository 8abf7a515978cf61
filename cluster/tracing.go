package cluster

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file tells the app's Trace what an operation does, and bears with callbacks that panic.

// tracing is what is told of one operation. It is nil where there is no Trace, and its methods then
// do nothing. Several goroutines may use it: the repair of a Load goes on without its caller.
type tracing struct {
	trace *Trace
	log   logs
	op    Operation
	ctx   context.Context // for the callbacks only
	began time.Time

	mu  sync.Mutex // guards below
	sum traceSum
}

// traceSum is what an operation has done so far.
type traceSum struct {
	found, written int
	wide, joined   bool
	behind         bool
}

// beginTrace begins an operation for the app's Trace.
func (c *Cluster) beginTrace(ctx context.Context, op Operation) *tracing {
	if c.cfg.Trace == nil {
		return nil
	}
	t := &tracing{trace: c.cfg.Trace, log: c.log, op: op, ctx: context.WithoutCancel(ctx), began: time.Now()}
	if start := t.trace.OperationStart; start != nil {
		t.log.guard("OperationStart", func() {
			if ctx := start(t.ctx, op); ctx != nil {
				t.ctx = ctx
			}
		})
	}
	return t
}

// end ends the operation with the error that its caller gets.
func (t *tracing) end(err error) {
	if t == nil || t.trace.OperationDone == nil {
		return
	}
	t.mu.Lock()
	sum := t.sum
	t.mu.Unlock()
	d := OperationDone{
		Operation: t.op, Began: t.began, Took: time.Since(t.began), Outcome: outcomeOf(err),
		Found: sum.found, Written: sum.written, WideRead: sum.wide, Behind: sum.behind, Joined: sum.joined,
	}
	t.log.guard("OperationDone", func() { t.trace.OperationDone(t.ctx, d) })
}

// outcomeOf is the class of an operation's error.
func outcomeOf(err error) Outcome {
	if err == nil {
		return OutcomeOK
	}
	for _, class := range []struct {
		err     error
		outcome Outcome
	}{
		{ErrNotFound, OutcomeNotFound},
		{ErrUnavailable, OutcomeUnavailable},
		{ErrDestroyed, OutcomeDestroyed},
		{ErrConflict, OutcomeConflict},
		{ErrTooLarge, OutcomeTooLarge},
		{ErrLockLost, OutcomeLockLost},
		{ErrVersion, OutcomeUnreadable},
		{ErrSealed, OutcomeUnreadable},
		{ErrClosed, OutcomeCanceled},
		{context.Canceled, OutcomeCanceled},
		{context.DeadlineExceeded, OutcomeCanceled},
	} {
		if errors.Is(err, class.err) {
			return class.outcome
		}
	}
	return OutcomeError
}

// isWide notes that a read goes beyond the targets.
func (t *tracing) isWide() {
	if t != nil {
		t.mu.Lock()
		t.sum.wide = true
		t.mu.Unlock()
	}
}

// isBehind notes that the client had seen more than a load has found.
func (t *tracing) isBehind() {
	if t != nil {
		t.mu.Lock()
		t.sum.behind = true
		t.mu.Unlock()
	}
}

// hasRead notes what a read has found.
func (t *tracing) hasRead(v *view) {
	if t == nil {
		return
	}
	found := 0
	for i := range v.answers {
		if v.answers[i].item != nil {
			found++
		}
	}
	t.mu.Lock()
	t.sum.found = found
	t.mu.Unlock()
}

// hasWritten notes that a node has taken a copy.
func (t *tracing) hasWritten() {
	if t != nil {
		t.mu.Lock()
		t.sum.written++
		t.mu.Unlock()
	}
}

// joins has the save tell of what the one has done that has taken it along.
func (t *tracing) joins(one *tracing) {
	if t == nil || one == nil || t == one {
		return
	}
	one.mu.Lock()
	sum := one.sum
	one.mu.Unlock()
	t.mu.Lock()
	t.sum = sum
	t.sum.joined = true
	t.mu.Unlock()
}

// now is when a request begins.
func (t *tracing) now() (now time.Time) {
	if t != nil {
		now = time.Now()
	}
	return now
}

// request tells of a request to a node that began then and has ended with this error.
func (t *tracing) request(n *node, command string, began time.Time, took time.Duration, err error) {
	if t != nil {
		t.tellRequest(n, command, began, took, Outcome(memcached.ClassOf(err)))
	}
}

// wrote tells of a write that has ended just now.
func (t *tracing) wrote(n *node, command string, began time.Time, err error) {
	if t != nil {
		t.request(n, command, began, time.Since(began), err)
	}
}

// abandons tells of a read that is waited for no longer.
func (t *tracing) abandons(n *node, began time.Time) {
	if t != nil {
		t.tellRequest(n, "gets", began, time.Since(began), OutcomeAbandoned)
	}
}

func (t *tracing) tellRequest(n *node, command string, began time.Time, took time.Duration, outcome Outcome) {
	if t.trace.RequestDone == nil {
		return
	}
	d := RequestDone{Operation: t.op, Node: n.ID, Command: command, Began: began, Took: took, Outcome: outcome}
	t.log.guard("RequestDone", func() { t.trace.RequestDone(t.ctx, d) })
}

// exchangeTeller returns what the node's server calls after each exchange; nil: nothing.
func (n *node) exchangeTeller(trace *Trace) func(memcached.Exchange) {
	if trace == nil || trace.ExchangeDone == nil {
		return nil
	}
	return func(e memcached.Exchange) {
		d := ExchangeDone{
			Node: n.ID, Kind: "read", Requests: e.Requests, Began: e.Began, Took: e.Took,
			Outcome: Outcome(memcached.ClassOf(e.Err)),
		}
		if e.Writes {
			d.Kind = "write"
		}
		n.hooks.log.guard("ExchangeDone", func() { trace.ExchangeDone(d) })
	}
}

// tellHealed tells of a pass that has ended.
func (c *Cluster) tellHealed(r HealReport, err error) {
	if c.cfg.Trace != nil && c.cfg.Trace.HealDone != nil {
		c.log.guard("HealDone", func() { c.cfg.Trace.HealDone(r, err) })
	}
}

// guard calls a callback of the app's Trace. One that panics must not take the operation with it,
// nor those that share its exchange. The log tells where it was, and not the value of the panic,
// unless that comes from the runtime: it may be made of what the app knows of its user.
func (l logs) guard(name string, callback func()) {
	defer func() {
		if p := recover(); p != nil {
			l.warn(nil, "cluster: Config.Trace."+name+" panicked, and what it was told is lost", "panic", panicText(p), "at", panicPlace())
		}
	}()
	callback()
}

func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// panicPlace is the line of the app's code that panicked. It is called by the function that
// recovers.
func panicPlace() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}
