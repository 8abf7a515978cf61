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
// is thought of it. Only node.go, exchange.go and verdict.go know gomemcache.

// item is what a node holds under a key: bytes and the CAS token that a write has
// to present to replace them. A nil item is a miss.
type item struct {
	value   []byte
	cas     uint64
	retired bool // about to expire: it must not be counted on
}

// retiredFlag is the memcached flag of a copy that was given a short life because it
// lies outside the targets.
const retiredFlag = 1

func itemOf(it *memcache.Item) item {
	return item{value: it.Value, cas: it.CasID, retired: it.Flags&retiredFlag != 0}
}

type node struct {
	Node
	index  int
	client *memcache.Client // of reads and of large writes
	writer *memcache.Client // of small writes, which share the pipeline
	dialer *dialer
	lines  pipeline
	slots  chan struct{} // one per exchange that may be on its way
	batch  batcher
	get    command // of the batch under way: there is one at a time
	hooks  nodeHooks

	commands, errors, timeouts, reconnects atomic.Uint64

	mu       sync.Mutex // guards below
	health   health
	since    time.Time // of the present state
	revived  time.Time // when it last came up after it had been down
	returned time.Time // the same, also after it had but been suspect
	lastErr  error
	probing  bool
}

// nodeHooks are what a node needs of its cluster.
type nodeHooks struct {
	now     func() time.Time
	changed func(n *node, from State) // after a change of state, under no lock
	running *sync.WaitGroup
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
	nd := &node{Node: n, index: index, slots: make(chan struct{}, cfg.MaxConns), hooks: hooks, since: hooks.now()}
	dial := cfg.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nd.dialer = &dialer{
		dial: dial, tls: cfg.TLS, username: cfg.Username, password: cfg.Password,
		timeout: cfg.Timeout, maxRecordBytes: cfg.MaxRecordBytes,
	}
	addr := addressOf(n.Addr)
	nd.lines.dialer, nd.lines.address = nd.dialer, addr
	client := func(dial func(context.Context, string, string) (net.Conn, error)) *memcache.Client {
		c := memcache.NewFromSelector(addr)
		c.Timeout, c.MaxIdleConns, c.DialContext = cfg.Timeout, cfg.MaxConns, dial
		return c
	}
	nd.client, nd.writer = client(nd.dialer.connect), client(nd.lines.connect)
	nd.batch.fetch, nd.batch.running = nd.fetch, hooks.running
	nd.batch.loop = nd.batch.send
	nd.batch.patience = cfg.Timeout
	return nd
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

// lately is how long a node counts as just come back.
const lately = time.Hour

// backLately reports whether the node was down not long ago.
func (n *node) backLately() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.revived.IsZero() && n.hooks.now().Sub(n.revived) < lately
}

// note feeds the health with what an exchange showed.
func (n *node) note(next func(health, verdict) health, v verdict, err error) {
	n.mu.Lock()
	from := n.health.state
	n.health = next(n.health, v)
	to := n.health.state
	if v != answered {
		n.lastErr = err
	}
	if to != from {
		n.since = n.hooks.now()
		if from == Down {
			n.revived = n.since
		}
		if to == Up {
			n.returned = n.since
		}
	}
	n.mu.Unlock()
	if to != from {
		n.hooks.changed(n, from)
	}
}

// returnedAt returns when the node last became up; zero if it was never suspect or down.
func (n *node) returnedAt() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.returned
}

func (n *node) String() string { return fmt.Sprintf("%s (%s)", n.ID, n.Addr) }
