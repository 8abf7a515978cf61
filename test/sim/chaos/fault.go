package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which faults there are, and what each of them tests.

// fault is something that goes wrong and is mended again.
type fault struct {
	name     string // short, for the command line
	what     string // what happens
	promised bool   // nothing is lost
	errors   bool   // error pages are part of it
	cuts     bool   // requests without an answer are part of it
	sound    bool   // no node has any trouble
	place    string // the arena: "", "evict" or "full"
	long     bool   // only in runs of some minutes
	strike   func(a *arena)
}

var faults = []*fault{
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
	{name: "rolling", what: "all nodes are restarted empty, one after the other", promised: true, strike: func(a *arena) {
		for i, n := range a.nodes {
			a.physical[n.ID].Kill()
			a.wait(a.hold / 3)
			a.physical[n.ID].Restart()
			if i < len(a.nodes)-1 {
				a.settle()
			}
		}
	}},
	{name: "add", what: "a node is added; the instances learn of it one after the other", promised: true, strike: func(a *arena) {
		n := a.env.Add()
		a.physical[n.ID()] = n
		a.nodes = append(a.nodes, cluster.Node{ID: n.ID(), Addr: n.Addr()})
		a.roll()
	}},
	{name: "remove", what: "a node is removed; the instances learn of it one after the other, then it ends", promised: true, strike: func(a *arena) {
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
	{name: "replace", what: "a node is replaced by an empty one at another address; the instances learn of it one after the other", promised: true, strike: func(a *arena) {
		i := a.rand.IntN(len(a.nodes))
		id := a.nodes[i].ID
		old, n := a.physical[id], a.env.Add()
		a.physical[id] = n
		a.nodes = append([]cluster.Node(nil), a.nodes...)
		a.nodes[i].Addr = n.Addr()
		a.roll()
		old.Kill()
	}},
	{name: "app", what: "one instance after the other is killed (SIGKILL) between its writes to two nodes, and another started", promised: true, cuts: true, strike: func(a *arena) {
		for _, i := range a.rand.Perm(2) {
			a.crash(i)
			a.wait(a.hold / 2)
			a.each(i, func(in *instance) {
				if err := in.start(a.nodes); err != nil {
					a.fail(err)
				}
			})
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
	{name: "outage", what: "all nodes hang and come back with their memory; users come back when they all answer", promised: true, errors: true, strike: func(a *arena) {
		a.all((*testenv.Node).Pause)
		a.wait(a.hold)
		a.held(func() { a.all((*testenv.Node).Resume) })
	}},
	{name: "evict", what: "others fill the memory of all nodes (-m 4) about once a second, which evict", place: "evict", strike: func(a *arena) { a.fill(a.hold*2, false) }},
	{name: "full", what: "the memory of all nodes is full, and they do not evict (-M)", promised: true, errors: true, place: "full", strike: func(a *arena) { a.fill(a.hold, true) }},
	{name: "pairs", what: "two nodes fail at once, before anybody makes a request: each is killed, hung or cut off from one instance", errors: true, strike: (*arena).overlap},
	{name: "abrupt", what: "all nodes hang and come back with their memory while users never stop", errors: true, strike: func(a *arena) {
		a.all((*testenv.Node).Pause)
		a.wait(a.hold)
		a.all((*testenv.Node).Resume)
	}},
	{name: "two", what: "two nodes are restarted empty at once, before anybody makes a request", errors: true, strike: func(a *arena) {
		n, m := a.two()
		a.held(func() {
			n.Restart()
			m.Restart()
		})
		a.wait(a.hold)
	}},
}

// byName returns the fault of that name.
func byName(name string) (*fault, error) {
	for _, f := range faults {
		if f.name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("there is no fault %q", name)
}

// pause has a node hang for so long.
func (a *arena) pause(d time.Duration) {
	n := a.node()
	n.Pause()
	a.wait(d)
	n.Resume()
}

// standStill stops the instance i of every system for so long.
func (a *arena) standStill(i int, d time.Duration) {
	stalled := map[*instance]time.Duration{}
	a.each(i, func(in *instance) { stalled[in] = in.spent().Stalled })
	a.each(i, func(in *instance) { in.signal(syscall.SIGSTOP) })
	a.wait(d)
	a.each(i, func(in *instance) { in.signal(syscall.SIGCONT) })
	a.each(i, func(in *instance) { in.order("Stood", stalled[in], nil) })
}

// roll deploys the list, one instance after the other.
func (a *arena) roll() {
	a.deploy(0)
	a.wait(a.hold / 2)
	a.deploy(1)
}

func (a *arena) all(do func(n *testenv.Node)) {
	for _, n := range a.nodes {
		do(a.physical[n.ID])
	}
}

func (a *arena) large(on bool) {
	for _, sys := range a.systems {
		sys.large.Store(on)
	}
}

// crash kills the instance i of every system while saves have reached one node, and not
// yet another.
func (a *arena) crash(i int) {
	n, late := a.node(), a.timeout/5
	a.each(i, func(in *instance) { in.delay(n.Addr(), late) })
	a.wait(3 * late) // loads wait for that node, too, and for one another; then come the saves
	a.allSystems(func(sys *system) {
		sys.instances[i].kill()
		sys.gate.hold(nil) // a save that is under way elsewhere is not half written, and one that follows mends
	})
	a.tear(1 - i)
	a.release()
}

// tear counts the sessions of which an instance that lives finds different copies: of
// the two writes of a save only one was made. The users are held.
func (a *arena) tear(survivor int) {
	torn := 0
	for _, sys := range a.systems {
		if !sys.kind.promising() {
			continue
		}
		for _, u := range sys.users {
			if u.live != nil {
				c := sys.instances[survivor].copies(u.live.id)
				if c[0] != c[1] && !c[0].Unknown && !c[1].Unknown {
					torn++
				}
			}
		}
	}
	a.tally.tear(torn)
}

// overlap makes two faults on two nodes at once.
func (a *arena) overlap() {
	n, m := a.two()
	mend := [2]func(){}
	a.gather(nil)
	for i, n := range []*testenv.Node{n, m} {
		switch a.rand.IntN(3) {
		case 0:
			n.Kill()
			mend[i] = n.Restart
		case 1:
			n.Pause()
			mend[i] = n.Resume
		case 2:
			one := a.rand.IntN(2)
			a.each(one, func(in *instance) { in.cut(n.Addr(), testenv.Both) })
			mend[i] = func() { a.each(one, func(in *instance) { in.heal(n.Addr()) }) }
		}
	}
	a.release()
	a.wait(a.hold)
	mend[0]()
	mend[1]()
}
