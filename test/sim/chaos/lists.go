package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which faults change the list of nodes of instances that run, and how.

// gap is how far apart two instances may learn of a list.
const gap = 5 * time.Second

var listFaults = []*fault{
	{name: "move", what: "all nodes are replaced at once, then the former ones come back with their memory, then all are replaced again; running instances learn of it up to 5 s apart; nodes end when nobody lists them", promised: true, long: true, strike: func(a *arena) {
		for a.moves(); a.tally.acked(a.phase, onSCS) < a.saves || a.tally.acked(a.phase, onGorilla) < a.saves; {
			a.moves()
		}
	}},
	{name: "lists", what: "several nodes at once are added, removed and replaced, again and again, at times before the change before is done, or back to the list before", promised: true, long: true, strike: func(a *arena) {
		for range a.changes {
			list := a.otherList()
			a.change(list, a.upTo(gap))
			if a.rand.IntN(2) == 0 {
				a.listSettles()
			} else {
				a.wait(a.upTo(gap))
			}
		}
		a.listSettles()
	}},
	{name: "listdown", what: "the list changes while a node of the former or the present one is killed and comes back empty, or hangs", promised: true, long: true, strike: func(a *arena) {
		for i := range 2 {
			fails := a.node()
			if i == 0 {
				fails.Kill()
			} else {
				fails.Pause()
			}
			a.change(a.otherList(), a.upTo(gap))
			a.wait(a.upTo(a.hold))
			if i == 0 {
				fails.Restart()
			} else {
				fails.Resume()
			}
			a.listSettles()
			a.whole()
			fails = a.physical[a.nodes[a.rand.IntN(len(a.nodes))].ID]
			a.change(append(slices.Clone(a.nodes[:1]), a.fresh(2)...), a.upTo(gap))
			fails.Pause()
			a.wait(a.upTo(a.hold))
			fails.Resume()
			a.listSettles()
			a.whole()
		}
	}},
	{name: "listheal", what: "a node is restarted empty, and the list changes while it fills", promised: true, long: true, strike: func(a *arena) {
		n := a.node()
		n.Kill()
		a.wait(a.hold / 5)
		n.Restart()
		a.wait(a.upTo(a.hold))
		a.change(a.otherList(), a.upTo(gap))
		a.listSettles()
	}},
	{name: "shrink", what: "the list shrinks to two nodes, and is to shrink to one, which is refused; then one of both is killed and comes back empty", promised: true, long: true, strike: func(a *arena) {
		a.change(a.nodes[:2:2], a.upTo(gap))
		a.listSettles()
		a.refuses(a.nodes[:1])
		a.whole()
		n := a.node()
		n.Kill()
		a.wait(a.hold)
		n.Restart()
		a.ready()
		a.whole()
		a.change(append(slices.Clone(a.nodes), a.fresh(1)...), a.upTo(gap)) // the other faults want three
		a.listSettles()
	}},
}

// moves replaces all nodes, goes back to the former ones, and replaces them.
func (a *arena) moves() {
	former := a.nodes
	a.change(a.fresh(len(former)), gap)
	a.wait(a.hold)
	a.settleKeeping(former)
	a.change(former, gap)
	a.listSettles()
	a.change(a.fresh(len(former)), a.upTo(gap))
	a.listSettles()
}

// fresh adds so many nodes.
func (a *arena) fresh(n int) (list []cluster.Node) {
	for range n {
		node := a.env.Add()
		a.physical[node.ID()] = node
		list = append(list, cluster.Node{ID: node.ID(), Addr: node.Addr()})
	}
	return list
}

// otherList is the present list with one to three nodes added, removed or replaced, or a former one
// whose nodes still run. It has three to five nodes.
func (a *arena) otherList() []cluster.Node {
	if len(a.past) > 0 && a.rand.IntN(4) == 0 {
		return a.past[a.rand.IntN(len(a.past))]
	}
	list := slices.Clone(a.nodes)
	for range 1 + a.rand.IntN(3) {
		switch i := a.rand.IntN(len(list)); {
		case a.rand.IntN(3) == 0 && len(list) < 5:
			list = append(list, a.fresh(1)...)
		case a.rand.IntN(2) == 0 && len(list) > 3:
			list = slices.Delete(list, i, i+1)
		default:
			list[i] = a.fresh(1)[0]
		}
	}
	return list
}

// change gives the instances the list while they run, one some time after the other. Where three lists
// are in force already it waits, so that no instance has the list much sooner than another one.
func (a *arena) change(list []cluster.Node, apart time.Duration) {
	a.listsAtMost(2)
	a.past = append(a.past, a.nodes)
	a.nodes = list
	for n, i := range a.rand.Perm(2) {
		if n > 0 {
			a.wait(apart)
		}
		a.allSystems(func(sys *system) {
			if why := sys.instances[i].setNodes(list); why != "" {
				a.fail(fmt.Errorf("an instance (%s) took no list of %d nodes: %s", sys.kind, len(list), why))
			}
		})
	}
}

// refuses demands that no instance takes the list.
func (a *arena) refuses(list []cluster.Node) {
	for _, sys := range a.systems {
		if sys.kind.promising() && sys.instances[0].setNodes(list) == "" {
			a.fail(fmt.Errorf("an instance (%s) took a list of %d nodes", sys.kind, len(list)))
		}
	}
}

// listWithin is how long a change of the list may take beyond TransitionFor.
const listWithin = 2 * time.Minute

// listsAtMost waits until no instance has more lists in force.
func (a *arena) listsAtMost(n int) {
	a.allSystems(func(sys *system) {
		for _, in := range sys.instances {
			if !eventually(time.Now().Add(a.transition+listWithin), func() bool { return in.lists() <= n }) {
				a.tally.refuse(fmt.Sprintf("%s, %s: a former list is still in force", a.phase.name, sys.kind))
			}
		}
	})
}

// settleKeeping waits until the present list alone is in force, and ends the nodes that nobody lists any
// more, but those of one list.
func (a *arena) settleKeeping(kept []cluster.Node) {
	a.listsAtMost(1)
	for _, list := range a.past {
		for _, n := range list {
			if !slices.Contains(a.nodes, n) && !slices.Contains(kept, n) {
				a.physical[n.ID].Kill()
			}
		}
	}
	a.past = nil
}

func (a *arena) listSettles() { a.settleKeeping(nil) }

// setNodes gives the instance a list while it runs. It says why it was not taken.
func (in *instance) setNodes(nodes []cluster.Node) (why string) {
	in.order("SetNodes", nodes, &why)
	return why
}

// lists is how many lists are in force.
func (in *instance) lists() (n int) {
	in.order("Lists", nil, &n)
	return n
}

// SetNodes gives the instance a list of nodes while it runs. A store without that is deployed anew.
func (o *Orders) SetNodes(nodes []cluster.Node, why *string) error {
	c := o.current().cluster
	if c == nil {
		return o.Deploy(nodes, nil)
	}
	if err := c.SetNodes(nodes); err != nil {
		*why = err.Error()
	}
	return nil
}

// Lists is how many lists of nodes are in force.
func (o *Orders) Lists(_ struct{}, n *int) error {
	*n = o.current().cluster.Stats().Lists // 0 without a Cluster
	return nil
}

// acked is how many saves of a kind were acknowledged in a phase so far.
func (t *tally) acked(p *phase, k kind) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.faults[p.name][k]; c != nil {
		return c.acked
	}
	return 0
}
