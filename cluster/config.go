package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file says what an app decides: which nodes there are, and how they are used.

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
	// Zone is what the node shares with others that are lost together with it: a rack, a
	// data centre, an availability zone. Nodes of one zone are lost together; the backup lies
	// in another zone. Letters, digits, '.', '_' and '-', at most 250 bytes. Empty: none.
	Zone string
	// Standby puts the node behind all regular nodes of every preference list: it stores
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
	// Multiply MaxConns by the number of app instances and compare with memcached's -c. At most
	// 1,048,576. If zero, 128 is used.
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

	// HealPerSecond bounds how many sessions a second this process restores on nodes that are
	// not whole: that were restarted empty, or missed writes. It restores fewer while users'
	// requests take longer than at other times. If zero, 10,000 is used. If negative, this
	// process heals no node; others may.
	HealPerSecond int

	// TransitionFor is for how long after a change of the list of nodes (SetNodes, Discover) another
	// instance may still have the former one. If zero, two minutes are used.
	TransitionFor time.Duration

	// Discover, if not nil, is asked for the list of nodes every DiscoverEvery (package discovery has
	// functions for it), and the list in use follows, as after SetNodes. What it answers counts with
	// prudence: a list when it came twice in a row, the absence of a node when three good answers in
	// a row were without it. An error and an empty list change nothing. Where Nodes is empty, New
	// asks once, and fails if there is no answer.
	Discover func(context.Context) ([]Node, error)

	// DiscoverEvery is the time between two questions. TransitionFor must be at least four times
	// that. If zero, 30 s are used.
	DiscoverEvery time.Duration

	// FormerNodes is the list of nodes before this one, for a program whose list is fixed when it
	// starts: during a rollout that changes more than one node, the new instances read and write by
	// both, as after SetNodes. Remove it with the next rollout.
	FormerNodes []Node

	// RefreshSlack spares writes where every request moves the deadline, as with an
	// idle timeout. A save stores its deadline later by the slack, and a later save that
	// changes nothing and asks for no more than that is done without a write. So a
	// session never ends early, and at most the slack late; with an idle timeout of
	// 20 minutes and a slack of one minute, a user who clicks every two seconds costs
	// one write a minute instead of thirty. If zero, every save writes.
	RefreshSlack time.Duration

	// OwnerCheck is for how long this process relies on what it has read of a session's owner
	// (Record.SetOwner): DestroyAll through another instance ends sessions here within that time. A
	// load that comes later reads the owner's record as well. If zero, 5 s are used. If negative, each
	// load of a session with an owner reads it. Where there are
	// local copies it takes as long as Local.Fresh, if that is longer.
	OwnerCheck time.Duration
	// Local, if set, has the process keep copies of sessions for users whom a load balancer sends to
	// the same instance again and again: they read without a node, and go on while all nodes are
	// gone. docs/sticky.md says when to use it.
	Local Local

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

	// Trace, if not nil, is told of each operation and of each exchange with a node, for metrics and
	// spans. The Cluster uses a copy that New makes of it.
	Trace *Trace

	unwatched  bool // for tests: the markers are not read
	isOneClock bool // Now is time.Now

	// Now is the wall clock, for tests. If nil, time.Now is used.
	Now func() time.Time

	// Rand is the source of jitter and of the process's name in timestamps, for tests
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
