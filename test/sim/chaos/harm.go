package main

import (
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file does to nodes and instances what faults are made of.

// startAll starts the instance i of every system.
func (a *arena) startAll(i int) {
	a.each(i, func(in *instance) {
		if err := in.start(a.nodes); err != nil {
			a.fail(err)
		}
	})
}

// restartAll restarts the nodes empty, one after the other. It calls between before the next one.
func (a *arena) restartAll(between func()) {
	for i, n := range a.nodes {
		a.physical[n.ID].Kill()
		a.wait(a.hold / 3)
		a.physical[n.ID].Restart()
		if i < len(a.nodes)-1 {
			between()
		}
	}
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
		for _, v := range sys.visitors {
			if s := v.present(); s != nil {
				c := sys.instances[survivor].copies(s.id)
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
