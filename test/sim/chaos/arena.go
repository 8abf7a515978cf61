package main

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides where faults happen: nodes of one make, and all systems on them.

// arena is memcached processes and the systems that share them, so that all meet the
// same faults at the same moments.
type arena struct {
	env      *testenv.Env
	nodes    []cluster.Node // the list, as it is deployed last
	physical map[string]*testenv.Node
	systems  []*system
	tally    *tally
	rand     *rand.Rand
	hold     time.Duration // how long a fault lasts
	timeout  time.Duration // of all instances
	phase    *phase

	mu  sync.Mutex // guards err
	err error
}

func newArena(tb testenv.TB, place string, t *tally, s settings, opts ...testenv.Option) (*arena, error) {
	env := testenv.Start(tb, 3, append(opts, testenv.Real())...)
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		return nil, err
	}
	a := &arena{
		env: env, nodes: nodes, physical: map[string]*testenv.Node{}, tally: t,
		rand: rand.New(rand.NewPCG(s.seed, uint64(len(place)))), hold: s.hold, timeout: s.timeout,
	}
	for i, n := range nodes {
		a.physical[n.ID] = env.Node(i)
	}
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		users := s.users
		if !k.promising() {
			users = max(2, users/2)
		}
		sys, err := newSystem(k, place, t, nodes, s, users, a.fail)
		a.systems = append(a.systems, sys)
		if err != nil {
			a.close()
			return nil, err
		}
	}
	return a, nil
}

// begin has the users come; what they do belongs to the first fault.
func (a *arena) begin(first *fault) {
	a.phase = a.tally.begin(first)
	for _, sys := range a.systems {
		sys.begin()
	}
}

func (a *arena) close() {
	for _, sys := range a.systems {
		sys.close()
	}
	for _, n := range a.env.All() {
		n.Kill()
	}
}

// node picks a node of the list.
func (a *arena) node() *testenv.Node { return a.physical[a.nodes[a.rand.IntN(len(a.nodes))].ID] }

// two picks two nodes of the list.
func (a *arena) two() (*testenv.Node, *testenv.Node) {
	order := a.rand.Perm(len(a.nodes))
	return a.physical[a.nodes[order[0]].ID], a.physical[a.nodes[order[1]].ID]
}

// each does something to the instance i of every system.
func (a *arena) each(i int, do func(in *instance)) {
	for _, sys := range a.systems {
		do(sys.instances[i])
	}
}

// deploy gives the instance i of every system the present list of nodes.
func (a *arena) deploy(i int) {
	a.each(i, func(in *instance) { in.deploy(a.nodes) })
}

// wait lets the fault last, while users go on.
func (a *arena) wait(d time.Duration) { time.Sleep(d) }

// held stops all users, does something, and lets them go on when every instance
// knows what nodes there are.
func (a *arena) held(do func()) {
	a.gather(nil)
	do()
	a.ready()
	a.release()
}

func (a *arena) ready() {
	a.allSystems(func(sys *system) { sys.ready(patience) })
}

// allSystems does something to all systems at once: what one waits for in vain must not
// make the others wait, too.
func (a *arena) allSystems(do func(sys *system)) {
	var all sync.WaitGroup
	for _, sys := range a.systems {
		all.Go(func() { do(sys) })
	}
	all.Wait()
}

// settle waits until every instance takes all nodes for up and has every user make a
// request to every session: what has to come between two faults.
func (a *arena) settle() {
	a.ready()
	a.gather((*user).look)
	a.release()
}

func (a *arena) gather(errand func(u *user)) {
	a.allSystems(func(sys *system) { sys.gate.hold(errand) })
}

func (a *arena) release() {
	for _, sys := range a.systems {
		sys.gate.release()
	}
}

// strike makes one fault, and checks everything when it is over. What users do from
// then on belongs to the next fault.
func (a *arena) strike(f, next *fault) {
	f.strike(a)
	a.tally.heal(a.phase)
	a.ready()
	a.tally.check(a.phase)
	a.gather((*user).look)
	a.allSystems(func(sys *system) {
		sys.equal(a.phase)
		sys.count(a.phase)
	})
	if !f.promised { // what it broke must not be counted for the next fault
		for _, sys := range a.systems {
			for _, u := range sys.users {
				u.quit()
			}
		}
	}
	if next != nil {
		a.phase = a.tally.begin(next)
	}
	a.release()
}

// fail remembers what went wrong with the harness itself.
func (a *arena) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = errors.Join(a.err, err)
}

func (a *arena) failed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}
