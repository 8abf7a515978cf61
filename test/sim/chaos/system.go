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
	users     []*user
	gate      *gate
	transport *http.Transport
	large     atomic.Bool // users try to store what is too large

	running sync.WaitGroup
	stop    context.CancelFunc
	spent   Spent // counted so far, by the director
}

func newSystem(k kind, place string, t *tally, nodes []cluster.Node, s settings, users int, fail func(error)) (*system, error) {
	sys := &system{
		kind: k, fail: fail, tally: t, gate: newGate(users),
		transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	for i := range 2 { // a deployment of the newer version that has come half-way
		in := &instance{app: App{Kind: k, Prefix: fmt.Sprintf("%s-%d:", place, len(k)), Timeout: s.timeout, Older: i == older}, fail: fail}
		if err := in.start(nodes); err != nil {
			return sys, err
		}
		sys.instances = append(sys.instances, in)
	}
	for i := range users {
		name := fmt.Sprintf("%s-%c%d-%d", place, k[0], len(k), i)
		sys.users = append(sys.users, &user{name: name, system: sys, rand: rand.New(rand.NewPCG(s.seed, uint64(i)))})
	}
	return sys, nil
}

// begin has the users come.
func (sys *system) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	sys.stop = cancel
	for _, u := range sys.users {
		sys.running.Go(func() { u.run(ctx) })
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
	var spent Spent
	for _, in := range sys.instances {
		spent = spent.plus(in.spent())
	}
	sys.tally.count(p.begin, sys.kind, func(c *counts, _ *phase) {
		c.commands += spent.Commands - sys.spent.Commands
		c.merged += spent.Merged - sys.spent.Merged
		c.doubted += spent.Doubted - sys.spent.Doubted
		c.rounds++
	})
	sys.spent = spent
	sys.tally.stall(spent.Stalled)
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
	for _, u := range sys.users {
		if u.live != nil && !eventually(end, func() bool {
			c := sys.instances[0].copies(u.live.id)
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
