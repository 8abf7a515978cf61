package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/journal"
	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides what a node is to this process: its server, and what is thought of it.

type node struct {
	Node
	index  int
	server *memcached.Server
	hooks  nodeHooks
	gaveUp atomic.Uint64 // how often a call did without it for what it said
	// changes is how often it may have been emptied without a broken connection, and wholeIn the
	// epoch, counted from 1, in which it is whole (whole.go); 0: it is not.
	changes, wholeIn atomic.Uint64
	retired          atomic.Bool              // it is on no list in force any more
	pass             atomic.Pointer[progress] // of the pass that this process makes for it; nil: none

	mu       sync.Mutex // guards below
	health   health
	service  service
	since    time.Time // of the present state
	lastErr  error
	probing  bool
	whole    wholeness
	draining marker.Drain
}

// nodeHooks are what a node needs of its cluster.
type nodeHooks struct {
	now     func() time.Time
	clock   *memcached.Clock          // of the time in which this process runs
	changed func(n *node, from State) // after a change of state, under no lock
	moved   func(context.Context, *node, memcached.Move)
	running *sync.WaitGroup
	log     logs
}

// newNode returns a node. Known are the addresses of its host name.
func newNode(index int, n Node, cfg *Config, known []netip.Addr, hooks nodeHooks) *node {
	nd := &node{Node: n, index: index, hooks: hooks, since: hooks.now()}
	nd.server = memcached.New(nd.config(cfg, known))
	return nd
}

// config says how the node's server is spoken to.
func (n *node) config(cfg *Config, known []netip.Addr) memcached.Config {
	c := memcached.Config{
		Addr: n.Addr, Dial: cfg.DialContext, Known: known,
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return memcached.Lookup(ctx, cfg.resolver(), host)
		},
		Moved:    func(ctx context.Context, m memcached.Move) { n.hooks.moved(ctx, n, m) },
		Username: cfg.Username, Password: cfg.Password,
		Timeout: cfg.Timeout, MaxConns: cfg.MaxConns, MaxValueBytes: cfg.MaxRecordBytes,
		ProbeKey: cfg.KeyPrefix + "holdfast.probe", // a session's key has no dot
		Clock:    n.hooks.clock, Running: n.hooks.running, Log: nodeLog{n.hooks.log, n},
		Usable:    n.isUp,
		Exchanged: n.exchangeTeller(cfg.Trace),
		Observe:   func(v memcached.Verdict, err error) { n.note(health.afterRequest, n.served(v), err) },
	}
	if cfg.TLS != nil {
		c.TLS = func() *tls.Config {
			conf := cfg.TLS.Clone()
			cfg.tlsFiles.Renew(conf, nodeLog{n.hooks.log, nil})
			return conf
		}
	}
	return c
}

// resolver is what turns host names into addresses.
func (cfg *Config) resolver() *net.Resolver {
	if cfg.Resolver != nil {
		return cfg.Resolver
	}
	return net.DefaultResolver
}

// logs writes the log lines of a Cluster.
type logs struct{ *journal.Journal }

// newLogs returns what writes to the logger. Of two lines about a node's state the later one is true.
func newLogs(to *slog.Logger) logs {
	return logs{journal.New(to,
		[2]string{"cluster: node is down", "cluster: node is up again"},
		[2]string{"cluster: node is whole", "cluster: node is not whole"})}
}

// warn writes a line that somebody should act on, about a node or, where n is nil, about
// the cluster. Its kind is the message: what differs from line to line belongs into args.
func (l logs) warn(n *node, message string, args ...any) { l.write(slog.LevelWarn, n, message, args) }

// info writes a line that is good to know.
func (l logs) info(n *node, message string, args ...any) { l.write(slog.LevelInfo, n, message, args) }

func (l logs) write(level slog.Level, n *node, message string, args []any) {
	id := ""
	if n != nil {
		id, args = n.ID, append([]any{"node", n.ID, "addr", n.Addr}, args...)
	}
	l.Write(level, id, message, args)
}

// nodeLog is the journal's page about a node or, where that is nil, about the cluster.
type nodeLog struct {
	logs logs
	node *node
}

func (l nodeLog) Info(message string, args ...any) { l.logs.info(l.node, message, args...) }
func (l nodeLog) Warn(message string, args ...any) { l.logs.warn(l.node, message, args...) }

// state is what the process thinks of the node, and whether a node that is down says
// so without a wait.
func (n *node) state() (s State, prompt bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health.state, n.health.failsFast
}

func (n *node) isUp() bool {
	s, _ := n.state()
	return s == StateUp
}

// standing is the node as a decision sees it now.
func (n *node) standing() standing {
	whole := n.isWhole()
	n.mu.Lock()
	defer n.mu.Unlock()
	return standing{
		state: n.health.state, failsFast: n.health.failsFast,
		mayLack: !whole && n.whole.marker != nil,
	}
}

// note feeds the health with what an exchange showed.
func (n *node) note(next func(health, memcached.Verdict) health, v memcached.Verdict, err error) {
	n.mu.Lock()
	from := n.health.state
	n.health = next(n.health, v)
	to := n.health.state
	if err != nil && !memcached.IsConflict(err) {
		n.lastErr = err
	}
	if to != from {
		n.since = n.hooks.now()
		n.changes.Add(1)
		if to == StateUp {
			n.service = n.service.afterUp()
		}
	}
	n.mu.Unlock()
	if to != from {
		n.hooks.changed(n, from)
	}
}

// served feeds the service with what a request's exchange showed, and returns what that says
// about the node's health.
func (n *node) served(v memcached.Verdict) memcached.Verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.service, v = n.service.afterRequest(v)
	return v
}

func (n *node) String() string { return fmt.Sprintf("%s (%s)", n.ID, n.Addr) }
