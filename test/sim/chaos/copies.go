package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what instances with local copies are like, and how a fault breaks what they have
// (flag -sticky).

// Of local copies: for how long one is shown without asking the nodes, and for how long in an outage. A
// total outage of the run lasts for longer than the first.
const (
	fresh  = time.Second
	outage = 5 * time.Minute
)

// The arenas of a run with -sticky, by what their instances do.
const (
	copiesPlace   = "copies"   // users go on in a total outage
	behindPlace   = "behind"   // the same, and saves are written behind
	unservedPlace = "unserved" // a total outage is an error
)

// localIn are the local copies of the instances in an arena.
func localIn(place string) cluster.Local {
	switch place {
	case copiesPlace:
		return cluster.Local{Sessions: 10_000, Fresh: fresh, Outage: outage}
	case behindPlace:
		return cluster.Local{Sessions: 10_000, Fresh: fresh, Outage: outage, WriteBehind: true}
	case unservedPlace:
		return cluster.Local{Sessions: 10_000, Fresh: fresh}
	}
	return cluster.Local{}
}

// stickyFaults are those of a run with -sticky, in their order.
var stickyFaults = slices.Concat(choose("none", "kill", "hang", "partition", "flush", "app", "still"), copyFaults)

// copyFaults are those that only local copies get through.
var copyFaults = []*fault{
	{name: "blackout", what: "all nodes hang for longer than a local copy is fresh, and come back with their memory", promised: true, errors: true, outage: true, strike: func(a *arena) {
		a.all((*testenv.Node).Pause)
		a.tally.strike(a.phase)
		a.wait(fresh + 2*a.hold)
		a.all((*testenv.Node).Resume)
	}},
	{name: "dark", what: "all nodes are killed, and come back empty after longer than a local copy is fresh", promised: true, errors: true, outage: true, emptied: true, strike: func(a *arena) {
		a.all((*testenv.Node).Kill)
		a.tally.strike(a.phase)
		a.wait(fresh + 2*a.hold)
		a.all((*testenv.Node).Restart)
	}},
	{name: "lastwords", what: "all nodes hang, and meanwhile an instance is killed (SIGKILL) with what it has not written, and another started", promised: true, errors: true, cuts: true, outage: true, dies: true, strike: func(a *arena) {
		i := a.rand.IntN(2)
		a.all((*testenv.Node).Pause)
		a.tally.strike(a.phase)
		a.wait(a.hold)
		a.each(i, (*instance).kill)
		a.wait(a.hold / 2)
		a.all((*testenv.Node).Resume)
		a.startAll(i)
		a.wait(a.hold / 2)
	}},
	{name: "cutoff", what: "one instance is cut off from all nodes for longer than a local copy is fresh; the other is not", promised: true, errors: true, outage: true, strike: func(a *arena) {
		i := a.rand.IntN(2)
		a.all(func(n *testenv.Node) { a.each(i, func(in *instance) { in.cut(n.Addr(), testenv.Both) }) })
		a.tally.strike(a.phase)
		a.wait(fresh + 2*a.hold)
		a.all(func(n *testenv.Node) { a.each(i, func(in *instance) { in.heal(n.Addr()) }) })
	}},
	{name: "late", what: "one instance after the other is killed (SIGKILL) while what it sends to the nodes is late", promised: true, cuts: true, dies: true, strike: func(a *arena) {
		for i := range 2 {
			a.all(func(n *testenv.Node) { a.each(i, func(in *instance) { in.delay(n.Addr(), a.timeout/5) }) })
			a.wait(a.hold / 2)
			a.each(i, (*instance).kill)
			a.wait(a.hold / 4)
			a.startAll(i)
			a.wait(a.hold / 2)
		}
	}},
}

// choose returns the faults of these names, which hurt in any run.
func choose(names ...string) (all []*fault) {
	for _, f := range nodeFaults {
		if slices.Contains(names, f.name) {
			all = append(all, f)
		}
	}
	return all
}

// written waits until every instance has written what the nodes may lack, and until no copy is fresh
// that was confirmed before. The visitors are held.
func (a *arena) written() {
	a.allSystems(func(sys *system) {
		for i, in := range sys.instances {
			if !eventually(time.Now().Add(wholeWithin), func() bool { return in.spent().Unwritten == 0 }) {
				a.tally.refuse(fmt.Sprintf("%s, %s: instance %d has %d sessions that are not written", a.phase.name, sys.kind, i, in.spent().Unwritten))
			}
		}
	})
	time.Sleep(fresh)
}

// lookAll has every visitor look, while all are held.
func (a *arena) lookAll() {
	var all sync.WaitGroup
	for _, sys := range a.systems {
		for _, v := range sys.visitors {
			all.Go(v.look)
		}
	}
	all.Wait()
}

// behindHeader is what an answer says when its client had seen more than there is, and that was counted.
const behindHeader = "Chaos-Behind"

// tellsBehind serves h, and has each answer say whether a load of its request was behind, as behindTrace is told.
func tellsBehind(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &behindAnswer{ResponseWriter: w}
		h.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), behindKey{}, a)))
	})
}

// behindKey is the context key of the answer to a request.
type behindKey struct{}

// behindTrace is for the Clusters of instances.
var behindTrace = &cluster.Trace{OperationDone: func(ctx context.Context, d cluster.OperationDone) {
	if a, ok := ctx.Value(behindKey{}).(*behindAnswer); ok && d.Behind {
		a.behind.Store(true)
	}
}}

type behindAnswer struct {
	http.ResponseWriter
	behind atomic.Bool
	begun  bool
}

// WriteHeader begins the answer.
func (a *behindAnswer) WriteHeader(code int) {
	if !a.begun && a.behind.Load() {
		a.Header().Set(behindHeader, "1")
	}
	a.begun = true
	a.ResponseWriter.WriteHeader(code)
}

func (a *behindAnswer) Write(b []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(b)
}
