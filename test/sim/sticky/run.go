package sticky

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides what one run is: its nodes, instances and faults, and its end.

// Result is what came of a run.
type Result struct {
	Violations []string
	Loads      int // answered with a session
	Local      int // of them on a local copy
	Saves      int // acknowledged
	Behind     int // loads that said so
	Errors     int
	Died       int // instances that died with changes that no node had
	Idle       int // sessions that were found, though nobody had used them while all nodes died and came back empty
}

const (
	fresh  = 5 * time.Second
	outage = 10 * time.Minute
	brief  = 20 * time.Second // an Outage that ends before the nodes are back
	rounds = 6                // faults of a run
)

// run is one run under way.
type run struct {
	seed  uint64
	rng   *rand.Rand // of the director
	world *world.World
	nodes []cluster.Node
	local cluster.Local
	// balancer is how often, of ten, a request goes to another instance than the client's own.
	balancer int
	// mayEmpty: nodes may lose their memory all at once. Then a logout that only they know of is lost as
	// well, where another instance has shown the session since.
	mayEmpty bool
	// roomy: no local copy is dropped for want of room.
	roomy  bool
	idlers int         // users so far who do nothing
	killed []time.Time // when all nodes died, to come back empty

	instances [3]*instance
	clients   []*client
	working   sync.WaitGroup
	stop      atomic.Bool
	died      atomic.Bool // instances have died with changes that no node had
	lossy     atomic.Bool // something may be lost for good
	// emptied: all nodes have lost their memory at once. What stood on them, and on no instance that has
	// shown it since, is lost untold where another instance had a later change.
	emptied atomic.Bool

	mu     sync.Mutex // guards below
	result Result
}

// instance is one process of the app after another.
type instance struct {
	mu    sync.Mutex // guards below
	c     *cluster.Cluster
	name  string
	lives int
	ahead atomic.Int64 // of its clock, in ns
}

func (in *instance) use() *cluster.Cluster {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.c
}

// Run does one run, in a synctest bubble.
func Run(seed uint64) Result {
	rng := rand.New(rand.NewPCG(seed, 5))
	r := &run{seed: seed, rng: rng, world: world.New(seed), balancer: []int{0, 1, 7}[seed%3], mayEmpty: seed%2 == 0}
	r.local = cluster.Local{Sessions: 4 + rng.IntN(40), Fresh: fresh, WriteBehind: seed/6%2 == 0}
	if seed/3%4 != 0 {
		r.local.Outage = outage
		if seed/12%3 == 0 {
			r.local.Outage = brief
		}
	}
	if r.roomy = seed/2%2 == 0; r.roomy {
		r.local.Sessions += 1000
	}
	for i := range 2 + rng.IntN(3) {
		id := fmt.Sprint("n", i+1)
		r.nodes = append(r.nodes, cluster.Node{ID: id, Addr: r.world.Add(id, 0).Addr})
	}
	for i := range r.instances {
		r.instances[i] = &instance{name: fmt.Sprint("app", i+1)}
		r.deploy(r.instances[i])
	}
	time.Sleep(10 * time.Second) // the nodes become whole
	for i := range 5 {
		c := newClient(r, i)
		r.clients = append(r.clients, c)
		for tab := range 2 {
			r.working.Go(func() { c.live(tab) })
		}
	}
	for range rounds {
		time.Sleep(r.upTo(10 * time.Second))
		r.fault()
	}
	time.Sleep(r.upTo(10 * time.Second))
	r.stop.Store(true)
	r.working.Wait()
	r.finish()
	for _, in := range r.instances {
		_ = in.use().Close()
	}
	r.world.Close()
	return r.result
}

func (r *run) upTo(most time.Duration) time.Duration {
	return 1 + time.Duration(r.rng.Int64N(int64(most)))
}

func (r *run) deploy(in *instance) {
	in.lives++
	process := fmt.Sprintf("%s.%d", in.name, in.lives)
	c, err := cluster.New(cluster.Config{
		Nodes: r.nodes, DialContext: r.world.Dialer(process), Rand: r.world.Dice(process), Local: r.local,
		Now:    func() time.Time { return time.Now().Add(time.Duration(in.ahead.Load())) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.c = c
}

// fault is one thing that goes wrong, and is mended.
func (r *run) fault() {
	in := r.instances[r.rng.IntN(len(r.instances))]
	one := r.world.Nodes()[r.rng.IntN(len(r.nodes))]
	switch r.rng.IntN(6) {
	case 0: // no node can be reached
		for _, n := range r.world.Nodes() {
			n.Pause()
		}
		time.Sleep(r.upTo(time.Minute))
		for _, n := range r.world.Nodes() {
			n.Resume()
		}
	case 1: // all nodes die, and return empty
		if !r.mayEmpty {
			return
		}
		r.lossy.Store(true)
		r.emptied.Store(true)
		idle := r.logIn()
		time.Sleep(r.upTo(brief / 2))
		r.logOut(idle)
		r.killed = append(r.killed, time.Now())
		for _, n := range r.world.Nodes() {
			n.Kill()
		}
		time.Sleep(r.upTo(time.Minute))
		for _, n := range r.world.Nodes() {
			n.Start()
		}
		r.comeBack(idle, time.Now())
	case 2: // an instance dies
		r.die(in)
	case 3: // an instance reaches no node; the others do
		for _, n := range r.world.Nodes() {
			r.world.Link(r.processOf(in), n).Suffer(world.Faults{Up: world.Lose, Down: world.Lose})
		}
		process := r.processOf(in)
		time.Sleep(r.upTo(30 * time.Second))
		if r.rng.IntN(3) == 0 {
			r.die(in)
		}
		for _, n := range r.world.Nodes() {
			r.world.Link(process, n).Suffer(world.Faults{})
		}
	case 4: // one node restarts empty
		one.Kill()
		one.Start()
		time.Sleep(time.Minute)
	case 5: // a clock jumps
		in.ahead.Store(int64(r.upTo(20*time.Minute)) - int64(10*time.Minute))
	}
	time.Sleep(r.upTo(20 * time.Second))
}

func (r *run) processOf(in *instance) string { return fmt.Sprintf("%s.%d", in.name, in.lives) }

// die kills the instance in the middle of what it does, and begins another one.
func (r *run) die(in *instance) {
	old := in.use()
	r.world.Sever(r.processOf(in))
	if old.Stats().Unwritten > 0 {
		r.lossy.Store(true)
		r.died.Store(true)
		r.note(func(res *Result) { res.Died++ })
	}
	r.deploy(in)
	r.working.Go(func() { _ = old.Close() })
}

func (r *run) note(f func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.result)
}

func (r *run) fail(format string, args ...any) {
	r.note(func(res *Result) { res.Violations = append(res.Violations, fmt.Sprintf(format, args...)) })
}

// mayBeForgotten reports whether a logout of that time may have been lost: all nodes have lost their memory within Outage
// after it, or the instance that had it has died.
func (r *run) mayBeForgotten(at time.Time) bool {
	return r.died.Load() || slices.ContainsFunc(r.killed, func(killed time.Time) bool {
		return killed.After(at) && killed.Sub(at) <= r.local.Outage+time.Second
	})
}

// finish waits until all is written, and demands what every client has been promised.
func (r *run) finish() {
	time.Sleep(30 * time.Second)
	for _, in := range r.instances {
		for range 120 {
			if in.use().Stats().Unwritten == 0 {
				break
			}
			time.Sleep(time.Second)
		}
		if s := in.use().Stats(); s.Unwritten > 0 {
			r.fail("%s has %d sessions that are not written", in.name, s.Unwritten)
		}
	}
	time.Sleep(fresh)
	for _, c := range r.clients {
		for _, in := range r.instances {
			c.demand(in.use())
		}
	}
	for _, in := range r.instances {
		r.result.Local += int(in.use().Stats().LocalHits)
	}
}

// gone reports whether an error says that there is no such session.
func gone(err error) bool {
	return errors.Is(err, cluster.ErrNotFound) || errors.Is(err, cluster.ErrDestroyed)
}

var background = context.Background()
