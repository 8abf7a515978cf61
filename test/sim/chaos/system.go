package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is under fire: instances of one kind, and their users.

// The instances by their version of the app.
const older, newer = 0, 1

// system is one way to keep sessions, on two instances of the app.
type system struct {
	kind      kind
	fail      func(error) // told what goes wrong with the harness itself
	tally     *tally
	instances []*instance
	visitors  []visitor
	counters  []*counter
	idler     *idler
	number    int // in the arena
	gate      *gate
	transport *http.Transport
	large     atomic.Bool // users try to store what is too large

	running sync.WaitGroup
	stop    context.CancelFunc
	spent   Spent // counted so far, by the director
}

func newSystem(k kind, place string, t *tally, nodes []cluster.Node, s settings, users int, fail func(error)) (*system, error) {
	sys := &system{
		kind: k, fail: fail, tally: t,
		transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	for i := range 2 { // a deployment of the newer version that has come half-way
		in := &instance{app: App{Kind: k, Prefix: fmt.Sprintf("%s-%d:", place, len(k)), Timeout: s.timeout, Older: i == older, Transition: s.transition, Local: localIn(s.place)}, fail: fail}
		if err := in.start(nodes); err != nil {
			return sys, err
		}
		sys.instances = append(sys.instances, in)
	}
	for i := range users {
		name := fmt.Sprintf("%s-%c%d-%d", place, k[0], len(k), i)
		u := &user{name: name, system: sys, rand: rand.New(rand.NewPCG(s.seed, uint64(i)))}
		if s.sticky {
			sys.visitors = append(sys.visitors, newClient(u, i, localIn(s.place)))
			continue
		}
		sys.visitors = append(sys.visitors, u)
	}
	if s.updates {
		sys.raise(place, s.seed)
	}
	sys.gate = newGate(len(sys.visitors))
	sys.idler = newIdler(fmt.Sprintf("%s-%c%d", place, k[0], len(k)), sys, s.seed)
	return sys, nil
}

// begin has the users come.
func (sys *system) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	sys.stop = cancel
	for _, v := range sys.visitors {
		sys.running.Go(func() { v.run(ctx) })
	}
}

// close has the users leave and ends the instances.
func (sys *system) close() {
	if sys.stop != nil {
		sys.stop()
	}
	sys.running.Wait()
	sys.transport.CloseIdleConnections()
	for _, in := range sys.instances {
		in.kill()
		sys.tally.log(sys.kind, in.spent().Logged)
	}
}

// count books what the nodes were asked since the last call to the phase p.
func (sys *system) count(p *phase) {
	spent := sys.sum()
	sys.tally.count(p.begin, sys.kind, func(c *counts, _ *phase) {
		c.commands += spent.Commands - sys.spent.Commands
		c.merged += spent.Merged - sys.spent.Merged
		c.doubted += spent.Doubted - sys.spent.Doubted
		c.local += int(spent.Local - sys.spent.Local)
		c.behind += int(spent.Behind - sys.spent.Behind)
		c.rounds++
	})
	sys.spent = spent
	sys.tally.stall(spent.Stalled)
}

// sum is what the instances did so far.
func (sys *system) sum() (spent Spent) {
	for _, in := range sys.instances {
		spent = spent.plus(in.spent())
	}
	return spent
}

// ready waits until every instance takes every node for up. One that does not for so long never
// will.
func (sys *system) ready(within time.Duration) {
	if !eventually(time.Now().Add(within), func() bool {
		for _, in := range sys.instances {
			if !in.ready() {
				return false
			}
		}
		return true
	}) {
		sys.fail(fmt.Errorf("an instance (%s) did not take every node for up within %v", sys.kind, within))
	}
}

// equal waits until both home nodes of every live session hold the same copy, and
// counts the sessions whose copies stay different. The users are held.
func (sys *system) equal(p *phase) {
	if !sys.kind.promising() {
		return
	}
	different := 0
	end := time.Now().Add(patience)
	for _, v := range sys.visitors {
		s := v.present()
		if s != nil && !eventually(end, func() bool {
			c := sys.instances[0].copies(s.id)
			return c[0] == c[1] && c[0].Held
		}) {
			different++
		}
	}
	took := sys.tally.now() - p.healed
	sys.tally.count(p.begin, sys.kind, func(c *counts, _ *phase) {
		c.diverged += different
		c.equal = max(c.equal, took)
	})
}

// eventually polls until it is so, and gives up at the end.
func eventually(end time.Time, so func() bool) bool {
	for ; !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
