package cluster

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what is said of names that come to lead where they should not, long after
// New has asked.

// moves has the name lead to the node alone, and a connection made to it.
func (t *town) moves(c *Cluster, name string, to *testenv.Node) {
	t.w.Helper()
	t.change(func() { t.zone[name] = []string{hostOf(to)} })
	if err := c.Ping(context.Background()); err != nil {
		t.w.Fatal(err)
	}
	synctest.Wait()
}

// watched returns a named cluster that is told of changes.
func (w *world) watched(names int) (*Cluster, *town) {
	c, town := w.named(Config{Replicas: min(names, 2)})
	c.goBy(c.nodes()[:names])
	return c, town
}

const (
	byTurns     = "by turns"
	onOneServer = "lead to one server"
)

// A name server that answers with one of several addresses each time sends each new connection to
// another server. A server that is replaced comes at an address that the name never led to.
func TestANameThatLeadsToServersByTurnsIsMentioned(t *testing.T) {
	story(t, 3, func(w *world) {
		c, town := w.watched(1)
		n := w.env.Node
		for _, to := range []*testenv.Node{n(0), n(1), n(2)} { // replaced, twice
			town.moves(c, "n1.test", to)
		}
		if strings.Contains(w.logs.String(), byTurns) {
			w.Errorf("a server that is replaced is taken for several: %s", w.logs)
		}
		town.moves(c, "n1.test", n(1))
		if strings.Count(w.logs.String(), byTurns) != 1 {
			w.Errorf("nobody is told: %s", w.logs)
		}
		time.Sleep(61 * time.Minute) // addresses are given to others in time
		town.moves(c, "n1.test", n(0))
		if strings.Count(w.logs.String(), byTurns) != 1 {
			w.Errorf("an address is remembered for ever: %s", w.logs)
		}
	})
}

// A name may lead to several addresses at the same time: to use one and then the other is no sign
// of a name that leads to servers by turns.
func TestSeveralAddressesOfANameAreNotMentioned(t *testing.T) {
	story(t, 2, func(w *world) {
		c, town := w.watched(1)
		var moves, backs atomic.Int32
		c.nodes()[0].hooks.moved = func(_ context.Context, _ *node, m memcached.Move) {
			moves.Add(1)
			if m.Back {
				backs.Add(1)
			}
		}
		both := []string{hostOf(w.env.Node(0)), hostOf(w.env.Node(1))}
		town.change(func() { town.zone["n1.test"] = both })
		for _, dead := range []int{1, 0, 1, 0} {
			w.env.Node(dead).Kill()
			w.env.Node(1 - dead).Restart()
			_ = c.Ping(context.Background())
			_ = c.Ping(context.Background())
			synctest.Wait()
		}
		if moves.Load() < 4 || backs.Load() > 0 {
			w.Errorf("%d moves, %d of them back", moves.Load(), backs.Load())
		}
	})
}

// Two names that come to lead to one server hold both copies of a session in one place.
func TestTwoNamesThatBecomeOneServerAreMentioned(t *testing.T) {
	story(t, 3, func(w *world) {
		c, town := w.watched(2)
		town.moves(c, "n1.test", w.env.Node(0))
		town.moves(c, "n2.test", w.env.Node(1))
		if strings.Contains(w.logs.String(), onOneServer) {
			w.Errorf("two servers are taken for one: %s", w.logs)
		}
		town.moves(c, "n2.test", w.env.Node(0))
		if !strings.Contains(w.logs.String(), onOneServer) {
			w.Errorf("nobody is told: %s", w.logs)
		}
	})
	story(t, 2, func(w *world) { // names that did not exist when New asked
		c, town := w.watched(1)
		literal := newNode(1, Node{ID: "n2", Addr: w.env.Node(0).Addr()}, &c.cfg, nil, c.nodes()[0].hooks)
		c.goBy(append(c.nodes(), literal))
		cfg := literal.config(&c.cfg, nil)
		cfg.Dial = w.dial
		literal.server = memcached.New(cfg)
		town.moves(c, "n1.test", w.env.Node(1)) // so that it moves to the server of n2
		town.moves(c, "n1.test", w.env.Node(0))
		if !strings.Contains(w.logs.String(), onOneServer) {
			w.Errorf("nobody is told at the first connection: %s", w.logs)
		}
	})
}

// A pod may get the address of one that was replaced before the other node is connected to anew.
func TestAnAddressThatAnotherNodeHasLeftIsNotShared(t *testing.T) {
	story(t, 3, func(w *world) {
		c, town := w.watched(2)
		town.moves(c, "n1.test", w.env.Node(0))
		town.moves(c, "n2.test", w.env.Node(1))
		town.change(func() {
			town.zone["n1.test"] = []string{hostOf(w.env.Node(1))}
			town.zone["n2.test"] = []string{hostOf(w.env.Node(2))}
		})
		if err := c.check(c.nodes()[0]); err != nil {
			w.Fatal(err)
		}
		synctest.Wait()
		if _, used := c.nodes()[0].server.Addresses(); used.String() != hostOf(w.env.Node(1)) {
			w.Fatalf("n1 leads to %v", used)
		}
		if strings.Contains(w.logs.String(), onOneServer) {
			w.Errorf("an address that was left counts: %s", w.logs)
		}
	})
}
