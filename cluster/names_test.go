package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell of nodes that are known by host names: n1.test and so on.

// town is where the names of a cluster lead to.
type town struct {
	w *world

	mu    sync.Mutex // guards below
	zone  map[string][]string
	fails error
	ways  map[string]func(ctx context.Context) (net.Conn, error) // of addresses without a node
}

// named returns a cluster whose nodes are known by names, and what these lead to.
func (w *world) named(cfg Config) (*Cluster, *town) {
	w.Helper()
	t := &town{w: w, zone: map[string][]string{}, ways: map[string]func(context.Context) (net.Conn, error){}}
	for _, n := range w.env.All() {
		name := n.ID() + ".test"
		t.zone[name] = []string{hostOf(n)}
		cfg.Nodes = append(cfg.Nodes, Node{ID: n.ID(), Addr: name + ":11211"})
	}
	// New learns nothing: no name server answers it.
	cfg.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	cfg.DialContext, cfg.unwatched = func(context.Context, string, string) (net.Conn, error) { return nil, nil }, true
	c := w.cluster(cfg)
	for _, n := range c.nodes() {
		cfg := n.config(&c.cfg, nil)
		cfg.Dial, cfg.Lookup, cfg.Connect = nil, t.lookup, t.connect
		n.server = memcached.New(cfg)
	}
	c.running.Go(c.watch)
	return c, t
}

func hostOf(n *testenv.Node) string {
	host, _, _ := net.SplitHostPort(n.Addr())
	return host
}

func (t *town) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fails != nil {
		return nil, t.fails
	}
	var found []netip.Addr
	for _, a := range t.zone[host] {
		found = append(found, netip.MustParseAddr(a))
	}
	return found, nil
}

func (t *town) connect(ctx context.Context, network, address string) (net.Conn, error) {
	t.mu.Lock()
	way := t.ways[address]
	t.mu.Unlock()
	if way != nil {
		return way(ctx)
	}
	return t.w.dial(ctx, network, address)
}

func (t *town) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// forwards takes a connection and closes it: a forwarder whose server is gone.
func forwards(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		_, _ = server.Read(make([]byte, 1))
		server.Close()
	}()
	return client, nil
}

// absorbs takes a connection and says nothing: a host that hangs.
func absorbs(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		buf := make([]byte, 1024)
		for {
			if _, err := server.Read(buf); err != nil {
				return
			}
		}
	}()
	return client, nil
}

// drops answers nothing at all: a host that is off.
func drops(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestANodeWithADeadFirstAddressServes(t *testing.T) {
	for why, c := range map[string]struct {
		way  func(ctx context.Context) (net.Conn, error)
		most time.Duration // that the first request may take
	}{
		"a host that is off":                  {drops, DefaultTimeout / 2},
		"a forwarder whose server is gone":    {forwards, 0},
		"a host that takes connections alone": {absorbs, 2 * DefaultTimeout},
	} {
		t.Run(why, func(t *testing.T) {
			story(t, 3, func(w *world) {
				cl, town := w.named(Config{MinCopies: 1})
				town.change(func() {
					for i, n := range w.env.All() {
						dead := fmt.Sprintf("10.0.0.%d", i+1)
						town.zone[n.ID()+".test"] = []string{dead, hostOf(n)}
						town.ways[dead+":11211"] = c.way
					}
				})
				began := time.Now()
				r := NewRecord("s")
				r.Attrs["a"] = []byte("1")
				err := cl.Save(context.Background(), r)
				if took := time.Since(began); took > c.most || err != nil && why != "a host that takes connections alone" {
					w.Errorf("took %v: %v", took, err)
				}
				for _, n := range w.env.All() {
					w.until(cl, n, StateUp)
				}
				w.save(cl, r)
				w.sees(cl, "s", "a=1")
			})
		})
	}
}

// A node that was away for a moment has lost its connections. It must not depend on the name
// servers whether new ones are made.
func TestConnectionsAreMadeWhileTheNameServersAreDown(t *testing.T) {
	for why, fails := range map[string]error{
		"server failure": &net.DNSError{Err: "server misbehaving", IsTemporary: true},
		"no such host":   &net.DNSError{Err: "no such host", IsNotFound: true},
	} {
		t.Run(why, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c, town := w.named(Config{})
				w.create(c, "s", "a=1")
				for i := range 10 { // every node has been used
					w.create(c, fmt.Sprint("s", i), "a=1")
				}
				town.change(func() { town.fails = fails })
				for _, n := range w.env.All() {
					n.Pause()
					for range 4 {
						w.change(c, "s", "a", "2")
						time.Sleep(100 * time.Millisecond)
					}
					n.Resume()
					w.until(c, n, StateUp)
				}
				w.sees(c, "s", "a=2")
				for i := range 10 {
					w.sees(c, fmt.Sprint("s", i), "a=1")
				}
			})
		})
	}
}

// A name that has moved is followed by all connections of its node, not by new ones alone:
// else reads would go to one server and writes to another.
func TestANodeThatMovesIsFollowedByAllItsConnections(t *testing.T) {
	story(t, 2, func(w *world) {
		// n1 moves to the server of n2; there is one node, so that it is the only way.
		c, town := w.named(Config{Replicas: 1})
		c.goBy(c.nodes()[:1])
		old, moved := w.env.Node(0), w.env.Node(1)
		for i := range 20 {
			w.create(c, fmt.Sprint("s", i), "a=1") // over the shared connection
			w.sees(c, fmt.Sprint("s", i), "a=1")
		}
		town.change(func() { town.zone["n1.test"] = []string{hostOf(moved)} })
		if err := c.Ping(context.Background()); err != nil { // the first dial
			w.Fatal(err)
		}
		w.forget()
		w.missing(c, "s1", ErrNotFound)
		w.create(c, "t", "a=1")
		large := NewRecord("large") // over a connection of its own
		large.Attrs["a"] = []byte(strings.Repeat("x", 2*memcached.MaxShared))
		w.save(c, large)
		w.holds(moved, "t", "a=1")
		for _, sent := range w.sent {
			if sent.node == 0 {
				w.Errorf("%s still goes to the old address", sent.verb)
			}
		}
		if w.on(old, "t") != nil || w.on(moved, "large") == nil {
			w.Error("the session is on the server that the node has left")
		}
	})
}
