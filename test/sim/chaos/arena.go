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
	idle     int           // sessions of each system
	// Of changes of the list under running instances: the lists before the present one whose nodes still
	// run, how many changes there are, and how many saves must be acknowledged meanwhile.
	past           [][]cluster.Node
	changes, saves int
	transition     time.Duration // Config.TransitionFor of all instances
	local          cluster.Local // Config.Local of all instances
	phase          *phase
	once           sync.Once      // of this fault: idle sessions are touched
	touching       sync.WaitGroup // those that touch them

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
		rand: rand.New(rand.NewPCG(s.seed, uint64(len(place)))), hold: s.hold, timeout: s.timeout, idle: idleSessions, changes: s.changes, saves: s.saves, transition: s.transition,
	}
	if s.short {
		a.idle = idleFew
	}
	kinds := []kind{onSCS, onGorilla, oneCopy, blind}
	if s.sticky { // sessions that nobody requests have no local copies, and the baselines none at all
		a.idle, kinds, a.local = 0, kinds[:2], localIn(s.place)
	}
	for i, n := range nodes {
		a.physical[n.ID] = env.Node(i)
	}
	for _, k := range kinds {
		users := s.users
		if !k.promising() {
			users = max(2, users/2)
		}
		sys, err := newSystem(k, place, t, nodes, s, users, a.fail)
		sys.number = len(a.systems)
		a.systems = append(a.systems, sys)
		if err != nil {
			a.close()
			return nil, err
		}
	}
	return a, nil
}

// begin has idle sessions saved when the nodes are whole, and the users come; what they do belongs
// to the first fault.
func (a *arena) begin(first *fault) {
	a.phase = a.tally.begin(first)
	a.whole()
	a.idleAgain(first)
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

// wait lets the fault last, while users go on. At the first wait of a fault some idle sessions are
// changed and logged out, so that a node that is away misses it.
func (a *arena) wait(d time.Duration) {
	if a.phase.idle == idleHold {
		a.touchIdle()
	}
	time.Sleep(d)
}

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
	a.gather(visitor.look)
	a.release()
}

func (a *arena) gather(errand func(v visitor)) {
	a.allSystems(func(sys *system) { sys.gate.hold(errand) })
}

func (a *arena) release() {
	for _, sys := range a.systems {
		sys.gate.release()
	}
}

// strike makes one fault, checks everything when it is over, and waits until every node is whole
// before the users go on. What they do from then on belongs to the next fault.
func (a *arena) strike(f, next *fault) {
	a.once = sync.Once{}
	f.strike(a)
	a.touching.Wait()
	a.tally.heal(a.phase)
	a.ready()
	a.tally.check(a.phase)
	if a.local == (cluster.Local{}) {
		a.gather(visitor.look)
	} else {
		a.gather(nil)
		a.written()
		a.lookAll()
	}
	a.allSystems(func(sys *system) {
		sys.equal(a.phase)
		sys.sums(a.phase)
		sys.count(a.phase)
	})
	if !f.promised { // what it broke must not be counted for the next fault
		for _, sys := range a.systems {
			for _, v := range sys.visitors {
				v.quit()
			}
		}
	}
	a.whole()
	a.idleAgain(next)
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
