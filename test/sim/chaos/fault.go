package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which faults there are, and what each of them tests.

// fault is something that goes wrong and is mended again.
type fault struct {
	name     string   // short, for the command line
	what     string   // what happens
	promised bool     // nothing is lost
	errors   bool     // error pages are part of it
	cuts     bool     // requests without an answer are part of it
	sound    bool     // no node has any trouble
	idle     idleRule // what is promised to idle sessions
	place    string   // the arena: "", "evict" or "full"
	long     bool     // only in runs of some minutes, in their first round
	// Of runs with -sticky: an instance reaches no node for a while; all nodes lose their memory at once; an
	// instance dies with what it has not written.
	outage, emptied, dies bool
	strike                func(a *arena)
}

// faults are all of them, in the order of a run.
var faults = slices.Concat(nodeFaults, listFaults)

var nodeFaults = []*fault{
	{name: "none", what: "no fault", promised: true, strike: func(a *arena) { a.wait(a.hold) }},
	{name: "kill", what: "a node is killed (SIGKILL) and restarted empty", promised: true, strike: func(a *arena) {
		n := a.node()
		n.Kill()
		a.wait(a.hold)
		n.Restart()
	}},
	{name: "hang", what: "a node hangs (SIGSTOP) and goes on with what it was sent meanwhile", promised: true, strike: func(a *arena) {
		longest := float64(a.hold * 2)
		a.pause(50*time.Millisecond + time.Duration(a.rand.Float64()*longest))
	}},
	{name: "hang30", what: "a node hangs for 30 seconds", promised: true, long: true, strike: func(a *arena) { a.pause(30 * time.Second) }},
	{name: "partition", what: "one instance is cut off from one node, which keeps its memory; the others are not", promised: true, strike: func(a *arena) {
		n, i := a.node(), a.rand.IntN(2)
		a.each(i, func(in *instance) { in.cut(n.Addr(), testenv.Both) })
		a.wait(a.hold)
		a.each(i, func(in *instance) { in.heal(n.Addr()) })
	}},
	{name: "rolling", what: "all nodes are restarted empty, one after the other", promised: true, idle: idleExcused, strike: func(a *arena) {
		a.restartAll(a.settle)
	}},
	{name: "turns", what: "all nodes are restarted empty, each as soon as the one before is whole again", promised: true, long: true, strike: func(a *arena) {
		a.restartAll(func() {
			a.ready()
			a.whole()
		})
	}},
	{name: "flush", what: "a node is emptied (flush_all); no connection breaks", promised: true, strike: func(a *arena) {
		a.node().Flush()
		a.wait(a.hold)
	}},
	{name: "refill", what: "a node is restarted empty, and twice again while it fills", promised: true, long: true, strike: func(a *arena) {
		n := a.node()
		n.Kill()
		a.wait(a.hold / 3)
		n.Restart()
		for range 2 {
			a.wait(a.upTo(a.hold))
			n.Kill()
			a.wait(a.upTo(a.hold / 5))
			n.Restart()
		}
	}},
	{name: "healer", what: "a node is restarted empty, and while it fills one instance after the other is killed (SIGKILL) and another started", promised: true, cuts: true, long: true, strike: func(a *arena) {
		n := a.node()
		n.Kill()
		a.wait(a.hold / 3)
		n.Restart()
		for _, i := range a.rand.Perm(2) {
			a.wait(a.upTo(a.hold / 2))
			a.each(i, (*instance).kill)
			a.startAll(i)
		}
	}},
	{name: "drain", what: "a node is drained and stopped, and another one is killed at once; both come back empty, and the drain is ended", promised: true, long: true, strike: func(a *arena) {
		n, m := a.two()
		if a.drainOne(n) {
			n.Kill()
			m.Kill()
			a.wait(a.hold)
			m.Restart()
			n.Restart()
			a.ready()
		}
		a.undrain(n)
	}},
	{name: "add", what: "a node is added; the instances learn of it one after the other", promised: true, idle: idleStay, strike: func(a *arena) {
		n := a.env.Add()
		a.physical[n.ID()] = n
		a.nodes = append(a.nodes, cluster.Node{ID: n.ID(), Addr: n.Addr()})
		a.roll()
	}},
	{name: "remove", what: "a node is removed; the instances learn of it one after the other, then it ends", promised: true, idle: idleStay, strike: func(a *arena) {
		gone := a.nodes[0]
		a.nodes = append([]cluster.Node(nil), a.nodes[1:]...)
		a.roll()
		a.settle()
		a.physical[gone.ID].Kill()
		if len(a.nodes) < 3 { // the other faults want three
			n := a.env.Add()
			a.physical[n.ID()] = n
			a.nodes = append(a.nodes, cluster.Node{ID: n.ID(), Addr: n.Addr()})
			a.roll()
		}
	}},
	{name: "replace", what: "a node is replaced by an empty one at another address; the instances learn of it one after the other", promised: true, idle: idleStay, strike: func(a *arena) {
		i := a.rand.IntN(len(a.nodes))
		id := a.nodes[i].ID
		old, n := a.physical[id], a.env.Add()
		a.physical[id] = n
		a.nodes = append([]cluster.Node(nil), a.nodes...)
		a.nodes[i].Addr = n.Addr()
		a.roll()
		old.Kill()
	}},
	{name: "app", what: "one instance after the other is killed (SIGKILL) between its writes to two nodes, and another started", promised: true, cuts: true, dies: true, strike: func(a *arena) {
		for _, i := range a.rand.Perm(2) {
			a.crash(i)
			a.wait(a.hold / 2)
			a.startAll(i)
		}
	}},
	{name: "still", what: "an instance stands still (SIGSTOP) for 50 ms to 5 s in the middle of its requests, three times; the others do not", promised: true, sound: true, strike: func(a *arena) {
		for range 3 {
			x := a.rand.Float64()
			a.standStill(a.rand.IntN(2), 50*time.Millisecond+time.Duration(x*x*x*float64(5*a.hold)))
			a.wait(a.hold / 4)
		}
	}},
	{name: "starved", what: "all instances are short of processors: each is stopped for up to 200 ms, again and again, and runs for up to 50 ms in between", promised: true, sound: true, strike: func(a *arena) {
		end := time.Now().Add(2 * a.hold)
		var all sync.WaitGroup
		for i := range 2 {
			rng := rand.New(rand.NewPCG(a.rand.Uint64(), uint64(i)))
			all.Go(func() {
				for time.Now().Before(end) {
					a.standStill(i, time.Duration(rng.Float64()*float64(200*time.Millisecond)))
					time.Sleep(time.Duration(rng.Float64() * float64(50*time.Millisecond)))
				}
			})
		}
		all.Wait()
	}},
	{name: "oversized", what: "users store values that are larger than a node takes", promised: true, strike: func(a *arena) {
		a.large(true)
		a.wait(a.hold)
		a.large(false)
	}},
	{name: "outage", what: "all nodes hang and come back with their memory; users come back when they all answer", promised: true, errors: true, idle: idleStay, strike: func(a *arena) {
		a.all((*testenv.Node).Pause)
		a.wait(a.hold)
		a.held(func() { a.all((*testenv.Node).Resume) })
	}},
	{name: "evict", what: "others fill the memory of all nodes (-m 4) about once a second, which evict", place: "evict", idle: idleExcused, strike: func(a *arena) { a.fill(a.hold*2, false) }},
	{name: "full", what: "the memory of all nodes is full, and they do not evict (-M)", promised: true, errors: true, place: "full", strike: func(a *arena) { a.fill(a.hold, true) }},
	{name: "pairs", what: "two nodes fail at once, before anybody makes a request: each is killed, hung or cut off from one instance", errors: true, idle: idleExcused, strike: (*arena).overlap},
	{name: "abrupt", what: "all nodes hang and come back with their memory while users never stop", errors: true, idle: idleExcused, strike: func(a *arena) {
		a.all((*testenv.Node).Pause)
		a.wait(a.hold)
		a.all((*testenv.Node).Resume)
	}},
	{name: "two", what: "two nodes are restarted empty at once, before anybody makes a request", errors: true, idle: idleExcused, strike: func(a *arena) {
		n, m := a.two()
		a.held(func() {
			n.Restart()
			m.Restart()
		})
		a.wait(a.hold)
	}},
}

// byName returns the fault of that name.
func byName(name string) (*fault, error) { return settings{}.byName(name) }

func (s settings) byName(name string) (*fault, error) {
	for _, f := range s.all() {
		if f.name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("there is no fault %q", name)
}

// everyFault are those of all runs.
var everyFault = slices.Concat(faults, copyFaults)

// upTo is a random time below d.
func (a *arena) upTo(d time.Duration) time.Duration {
	return time.Duration(a.rand.Float64() * float64(d))
}
