package cluster

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what a node is to this process: its clients and connections, and what
// is thought of it. Only node.go, link.go, exchange.go and verdict.go know gomemcache.

// item is what a node holds under a key: bytes and the CAS token that a write has
// to present to replace them. A nil item is a miss.
type item struct {
	value   []byte
	cas     uint64
	opened  uint64 // connections that had been opened by then: on these the token is good
	retired bool   // about to expire: it must not be counted on
}

// retiredFlag is the memcached flag of a copy that was given a short life because it
// lies outside the targets.
const retiredFlag = 1

func itemOf(it *memcache.Item, opened uint64) item {
	return item{value: it.Value, cas: it.CasID, opened: opened, retired: it.Flags&retiredFlag != 0}
}

type node struct {
	Node
	index  int
	dialer *dialer
	route  *route // nil: the address needs no resolver, or the app dials
	clock  *awakeClock
	reads  *link    // there is one read at a time, that of a batch
	writes links    // of small writes, which share the pipeline
	large  links    // of large writes, which have a connection each
	shared pipeline // of all small writes
	slots  room     // of reads and large writes
	small  room     // of small writes
	batch  batcher
	get    command // of the batch under way: there is one at a time
	hooks  nodeHooks
	probe  string // the key that probes ask for; there is none

	commands, errors, timeouts, reconnects, busy atomic.Uint64

	mu       sync.Mutex // guards below
	health   health
	service  service
	since    time.Time // of the present state
	revived  time.Time // when it last came up after it had been down
	returned time.Time // the same, also after it had but been suspect
	lastErr  error
	identity error // what it is, since it is no memcached that can be used; nil: not known
	probing  bool
}

// nodeHooks are what a node needs of its cluster.
type nodeHooks struct {
	now     func() time.Time
	clock   *awakeClock               // of the time in which this process runs
	changed func(n *node, from State) // after a change of state, under no lock
	running *sync.WaitGroup
	log     *journal
}

// address is both the net.Addr that the client dials and the selector that always
// picks it. The client's own list would look names up once and for all.
type address struct{ network, addr string }

func (a *address) Network() string                     { return a.network }
func (a *address) String() string                      { return a.addr }
func (a *address) PickServer(string) (net.Addr, error) { return a, nil }
func (a *address) Each(f func(net.Addr) error) error   { return f(a) }

func addressOf(addr string) *address {
	if isUnix(addr) {
		return &address{"unix", addr}
	}
	return &address{"tcp", addr}
}

func newNode(index int, n Node, cfg *Config, hooks nodeHooks) *node {
	nd := &node{Node: n, index: index, slots: make(room, cfg.MaxConns), small: make(room, smallPerConn*cfg.MaxConns), hooks: hooks, clock: hooks.clock, since: hooks.now()}
	dial := cfg.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
		if host, port, ok := nameIn(n.Addr); ok {
			nd.route = newRoute(host, port, cfg)
			dial = nd.route.dial
		}
	}
	nd.dialer = &dialer{
		dial: dial, tls: cfg.TLS, tlsFiles: cfg.tlsFiles, log: hooks.log, username: cfg.Username, password: secretOf(cfg.Password),
		timeout: cfg.Timeout, clock: hooks.clock, maxRecordBytes: cfg.MaxRecordBytes,
	}
	addr := addressOf(n.Addr)
	nd.shared.dialer, nd.shared.address = nd.dialer, addr
	nd.reads = newLink(addr, cfg.Timeout, nd.connectReads)
	nd.writes.make = func() *link { return newLink(addr, cfg.Timeout, nd.shared.connect) }
	nd.large.make = func() *link { return newLink(addr, cfg.Timeout, nd.connectLarge) }
	nd.batch.fetch, nd.batch.running = nd.fetch, hooks.running
	nd.batch.loop = nd.batch.send
	nd.batch.patience, nd.batch.clock, nd.batch.refuse = cfg.Timeout, hooks.clock, nd.turnAway
	nd.writes.most, nd.large.most = cfg.MaxConns, cfg.MaxConns
	nd.probe = cfg.KeyPrefix + "holdfast.probe" // a session's key has no dot
	return nd
}

// connectReads opens the connection of reads, and beside it that of small writes: what is
// read can then be replaced. That one is waited for only as long as the read can spare.
func (n *node) connectReads(_ context.Context, l *link, network, address string) (net.Conn, error) {
	nc, err := n.dialer.connect(l, network, address)
	if err != nil {
		return nil, err
	}
	now, limit := n.clock.now(), nc.first
	ctx, cancel := n.clock.context(now + (limit-now)/2)
	defer cancel()
	open := make(chan struct{})
	n.hooks.running.Go(func() {
		n.shared.open(limit)
		close(open)
	})
	select {
	case <-open:
	case <-ctx.Done():
	}
	return nc, nil
}

// connectLarge opens a connection for large writes. Where the shared connection still answers
// behind it, both lead to one process, and the tokens that are good there are good here.
func (n *node) connectLarge(_ context.Context, l *link, network, address string) (net.Conn, error) {
	nc, err := n.dialer.connect(l, network, address)
	if err != nil {
		return nil, err
	}
	if nc.opened <= l.opened {
		return nc, nil
	}
	ctx, cancel := n.clock.context(nc.first)
	defer cancel()
	answered := make(chan uint64, 1)
	n.hooks.running.Go(func() { answered <- n.shared.answers() })
	select {
	case opened := <-answered:
		nc.opened = min(nc.opened, opened)
	case <-ctx.Done():
	}
	return nc, nil
}

// state is what the process thinks of the node, and whether a node that is down says
// so without a wait.
func (n *node) state() (s State, prompt bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health.state, n.health.prompt
}

func (n *node) isUp() bool {
	s, _ := n.state()
	return s == Up
}

// note feeds the health with what an exchange showed.
func (n *node) note(next func(health, verdict) health, v verdict, err error) {
	n.mu.Lock()
	from := n.health.state
	n.health = next(n.health, v)
	to := n.health.state
	if isFailure(err) {
		n.lastErr = err
	}
	if to != from {
		n.since = n.hooks.now()
		if from == Down {
			n.revived = n.since
		}
		if to == Up {
			n.service, n.identity = n.service.up(), nil
			n.returned = n.since
		}
	}
	n.mu.Unlock()
	if to != from {
		n.hooks.changed(n, from)
	}
}

// served feeds the service with what a request's exchange showed, and returns what that says
// about the node's health.
func (n *node) served(v verdict) verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.service, v = n.service.request(v)
	return v
}

// returnedAt returns when the node last became up; zero if it was never suspect or down.
func (n *node) returnedAt() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.returned
}

func (n *node) String() string { return fmt.Sprintf("%s (%s)", n.ID, n.Addr) }
