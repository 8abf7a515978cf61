package cluster

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// Node is one memcached server.
type Node struct {
	// ID names the node apart from its address: it decides which sessions live
	// there. A replacement under another address keeps the ID. Letters, digits,
	// '.', '_' and '-', or what an address may have, at most 250 bytes. If empty, Addr is
	// used.
	ID string
	// Addr is host:port, [v6]:port or the path of a unix socket. A host name is looked up at
	// every dial, and its addresses are tried one shortly after the other, all within the
	// Timeout. Connections go to one of them while it works, so a name must lead to one server.
	// While the resolver fails, or says that there is no such name, the last addresses are used.
	Addr string
	// Standby puts the node behind all regular nodes of every rank: it stores
	// sessions only while regular nodes are down, or where there are fewer of these than Replicas.
	Standby bool
}

// Config says which nodes there are and how they are used. The zero value of a
// field means its default.
//
// It shows no secret when it is printed, logged or put into JSON, by itself, in slices and
// maps, behind pointers and in exported fields. In an unexported field of a struct of yours
// package fmt calls no method, and prints Password and SealKeys; so it does for %p. Keep the
// Cluster that New returns, which shows none anywhere, and not its Config.
type Config struct {
	// Nodes are the memcached servers. There must be at least one regular node.
	Nodes []Node

	// Replicas is the number of nodes that hold each session.
	// If zero, 2 is used, or 1 where there is only one node.
	Replicas int

	// MinCopies is the number of nodes that must hold a save for it to succeed.
	// If zero, 1 is used.
	MinCopies int

	// Timeout bounds one exchange with one node: dial, send, and receive. It is
	// also what a request pays, once, when a node hangs. Time in which this process does not
	// run, because it is stopped or short of CPU, does not count; an exchange is extended for
	// it by up to 32 Timeouts. If zero, 150 ms is used.
	Timeout time.Duration

	// KeyPrefix begins every memcached key, so that several apps can share nodes. Give each
	// its own: with the same one, a session id of one app opens its session in the other.
	// At most 100 bytes, no spaces or control characters.
	KeyPrefix string

	// MaxConns is the most commands on their way to one node at once, and so the most
	// connections to it. Loads share connections, and so do saves of up to 16 KiB, of which
	// eight times as many may be on their way: two connections to each node are enough for
	// them. Larger saves have one each, and as many are kept open when idle. A request that
	// finds no room waits, at most Timeout, and turns to another node (NodeStatus.Busy).
	// Multiply MaxConns by the number of app instances and compare with memcached's -c. If
	// zero, 128 is used.
	MaxConns int

	// MaxRecordBytes is the most that one encoded session may take; a larger one
	// is refused with ErrTooLarge before it is sent. Raise memcached's -I with it.
	// If zero, 1,047,552 (1 MiB less 1 KiB for memcached's own header) is used.
	MaxRecordBytes int

	// UnknownPerSecond bounds how many session ids a second this process looks for
	// beyond their targets when nothing is found there, so that invented ids cannot
	// multiply the load of the nodes. A second's worth may come at once; beyond that a
	// Load waits for its turn, at most Timeout, and then fails with ErrUnavailable.
	// If zero, 2,000 is used. If negative, there is no bound.
	UnknownPerSecond int

	// Lifetime is how long a session lives whose Record.Deadline is zero.
	// If zero, 24 h is used.
	Lifetime time.Duration

	// RefreshSlack spares writes where every request moves the deadline, as with an
	// idle timeout. A save stores its deadline later by the slack, and a later save that
	// changes nothing and asks for no more than that is done without a write. So a
	// session never ends early, and at most the slack late; with an idle timeout of
	// 20 minutes and a slack of one minute, a user who clicks every two seconds costs
	// one write a minute instead of thirty. If zero, every save writes.
	RefreshSlack time.Duration

	// Username and Password log in to nodes that run with an auth file
	// (memcached -Y). Both or none must be set.
	Username, Password string

	// TLS, if not nil, encrypts every connection. An empty ServerName is replaced
	// by the host of the node's address.
	TLS *tls.Config
	// tlsFiles are what ConfigFromEnv made TLS of; nil where the app made it.
	tlsFiles *memcached.TLSFiles

	// SealKeys, if any, seal every record with AES-256-GCM, so that nobody on the
	// network or on a memcached box can read or forge a session. Each has 32 random
	// bytes. The first seals, all open. To rotate: append the new key on every
	// instance, then move it to the front on every instance, then remove the old
	// one when the longest session has ended.
	SealKeys [][]byte

	// AllowUnsealed also reads records that are not sealed, where no sealed copy of the
	// session is found: for the time between the first SealKeys and the end of the last
	// session from before. A forged record is as good as a real one meanwhile, and is sealed by
	// its first save. A session that came without a seal therefore ends at the latest when
	// it would have ended then, or a Lifetime after its last change if that is later; never
	// more than 31 days, or a Lifetime if that is longer, after it was sealed. No later save
	// moves that. Stats.Unsealed counts such copies.
	AllowUnsealed bool

	// DialContext opens connections, below TLS and login, to the address as it is in Nodes. It
	// must return when its context ends: requests wait for it. The context has no Deadline: it
	// ends when this process has run for a Timeout. If nil, host names are looked up, and a
	// net.Dialer is used.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// Resolver looks host names up where DialContext is nil. If nil, net.DefaultResolver is used.
	Resolver *net.Resolver

	// AllowUnresolved lets New accept a host name that does not exist at the
	// moment: where names vanish together with their node (Docker, Kubernetes), an
	// app must be able to start while one is gone.
	AllowUnresolved bool

	// Logger receives what an operator should know: how the Cluster was started, nodes that
	// go down and come back or refuse, damaged records. Never ids, keys or values. Of each
	// kind and node at most one line a second is written; "omitted" in it counts the others
	// that it stands for. If nil, slog.Default() is used.
	Logger *slog.Logger

	// OnNodeState, if not nil, is called after a node's State has changed, by the
	// goroutine that found out, under no lock; it must not block.
	OnNodeState func(NodeStatus)

	// Now is the wall clock, for tests. If nil, time.Now is used.
	Now func() time.Time

	// Rand is the source of jitter and of the process's name in stamps, for tests
	// that must repeat. It must be safe for concurrent use. If nil, package
	// math/rand/v2 is used.
	Rand func() uint64
}

// Format shows the nodes only, whatever the verb: the configuration holds secrets.
func (cfg Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "cluster.Config(%v)", cfg.Nodes) }

// LogValue is what package slog shows.
func (cfg Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(cfg)) }

// MarshalJSON refuses: a configuration is no document.
func (cfg Config) MarshalJSON() ([]byte, error) {
	return nil, errors.New("cluster: a Config holds secrets and is not written as JSON")
}

// Defaults of Config.
const (
	DefaultReplicas         = 2
	DefaultMinCopies        = 1
	DefaultTimeout          = 150 * time.Millisecond
	DefaultMaxConns         = 128
	DefaultMaxRecordBytes   = 1<<20 - 1<<10
	DefaultLifetime         = 24 * time.Hour
	DefaultUnknownPerSecond = 2000
)

const (
	maxPrefix = 100
	maxNodeID = 250
)

// withDefaults returns the configuration with every field filled in, or an error
// that says which field is wrong and what it wants.
func (cfg Config) withDefaults() (Config, error) {
	cfg.Nodes = slices.Clone(cfg.Nodes)
	for i := range cfg.Nodes {
		cfg.Nodes[i].ID = cmp.Or(cfg.Nodes[i].ID, cfg.Nodes[i].Addr)
	}
	if err := checkNodes(cfg.Nodes); err != nil {
		return cfg, err
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = min(DefaultReplicas, len(cfg.Nodes))
	}
	if cfg.Replicas < 1 || cfg.Replicas > len(cfg.Nodes) {
		return cfg, fmt.Errorf("cluster: Replicas is %d, but there are %d nodes: use 1 to %d, or list more nodes", cfg.Replicas, len(cfg.Nodes), len(cfg.Nodes))
	}
	if cfg.MinCopies == 0 {
		cfg.MinCopies = DefaultMinCopies
	}
	if cfg.MinCopies < 1 || cfg.MinCopies > cfg.Replicas {
		return cfg, fmt.Errorf("cluster: MinCopies is %d, but each session has %d copies (Replicas): use 1 to %d", cfg.MinCopies, cfg.Replicas, cfg.Replicas)
	}
	if err := checkPrefix(cfg.KeyPrefix); err != nil {
		return cfg, err
	}
	if err := checkLogin(cfg.Username, cfg.Password); err != nil {
		return cfg, fmt.Errorf("cluster: Username and Password %w", err)
	}
	if cfg.UnknownPerSecond == 0 {
		cfg.UnknownPerSecond = DefaultUnknownPerSecond
	}
	for _, f := range []struct {
		name  string
		value *int
		zero  int
	}{{"MaxConns", &cfg.MaxConns, DefaultMaxConns}, {"MaxRecordBytes", &cfg.MaxRecordBytes, DefaultMaxRecordBytes}} {
		if *f.value < 0 {
			return cfg, fmt.Errorf("cluster: %s is %d: use a positive number, or 0 for %d", f.name, *f.value, f.zero)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{{"Timeout", &cfg.Timeout, DefaultTimeout}, {"Lifetime", &cfg.Lifetime, DefaultLifetime}} {
		if *f.value < 0 {
			return cfg, fmt.Errorf("cluster: %s is %v: use a positive duration, or 0 for %v", f.name, *f.value, f.zero)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	if cfg.RefreshSlack < 0 {
		return cfg, fmt.Errorf("cluster: RefreshSlack is %v: use a positive duration, or 0 for none", cfg.RefreshSlack)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64
	}
	return cfg, nil
}

// jitter is a random number from 0 to 1.
func (cfg *Config) jitter() float64 { return float64(cfg.Rand()>>11) / (1 << 53) }
