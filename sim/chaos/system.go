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

// system is one way to keep sessions, on two instances of the app.
type system struct {
	kind      kind
	tally     *tally
	instances []*instance
	users     []*user
	gate      *gate
	transport *http.Transport
	large     atomic.Bool // users try to store what is too large

	running  sync.WaitGroup
	stop     context.CancelFunc
	commands uint64 // counted so far, by the director
	merged   uint64
}

func newSystem(k kind, place string, t *tally, nodes []cluster.Node, s settings, users int) (*system, error) {
	sys := &system{
		kind: k, tally: t, gate: newGate(users),
		transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	for range 2 {
		in := &instance{kind: k, prefix: fmt.Sprintf("%s-%d:", place, len(k)), timeout: s.timeout}
		if err := in.start(nodes); err != nil {
			return nil, err
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
	sys.stop()
	sys.running.Wait()
	sys.transport.CloseIdleConnections()
	for _, in := range sys.instances {
		_ = in.server.Close()
		in.retire(in.now)
	}
}

// count books what the nodes were asked since the last call to the phase p.
func (sys *system) count(p *phase) {
	commands, merged := uint64(0), uint64(0)
	for _, in := range sys.instances {
		c, m := in.spent()
		commands, merged = commands+c, merged+m
	}
	sys.tally.count(p.begin, sys.kind, func(c *counts, _ *phase) {
		c.commands += commands - sys.commands
		c.merged += merged - sys.merged
		c.rounds++
	})
	sys.commands, sys.merged = commands, merged
}

// ready waits until every instance takes every node for up, or until nobody would wait
// any longer.
func (sys *system) ready() {
	end := time.Now().Add(patience)
	eventually(end, func() bool {
		for _, in := range sys.instances {
			if !in.ready() {
				return false
			}
		}
		return true
	})
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
		if u.live != nil && !eventually(end, func() bool { return sys.same(u.live.id) }) {
			different++
		}
	}
	took := sys.tally.now() - p.healed
	sys.tally.count(p.begin, sys.kind, func(c *counts, _ *phase) {
		c.diverged += different
		c.equal = max(c.equal, took)
	})
}

func (sys *system) same(id string) bool {
	places, err := sys.instances[0].current().Where(context.Background(), id)
	return err == nil && len(places) >= 2 && places[0].Held && places[1].Held && places[0].Version == places[1].Version
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
