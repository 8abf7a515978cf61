package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/pace"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/cluster/internal/turns"
)

// Errors to test for with errors.Is. What is returned wraps one of them and says
// which node and why; it never holds a session's id, key or values.
var (
	// ErrNotFound: there is no such session, and that is known: it was never
	// saved, has ended, was destroyed, or every copy is lost.
	ErrNotFound = errors.New("cluster: no such session")
	// ErrUnavailable: too few nodes could be reached to know, or to save. Try again
	// later; never treat it as "no session".
	ErrUnavailable = errors.New("cluster: not enough memcached nodes reachable")
	// ErrDestroyed: the session was deleted, or reached its deadline, between the load and
	// this save. It stays gone.
	ErrDestroyed = errors.New("cluster: session was destroyed")
	// ErrConflict: other saves of this session kept winning: eight times in a row against a Save,
	// which may be stored or not; 32 times against an Update, of which nothing is stored. Load again
	// and retry.
	ErrConflict = errors.New("cluster: too many concurrent saves of one session")
	// ErrLockLost: another one holds the lock that this context had: its lease was over. Nothing was
	// stored.
	ErrLockLost = errors.New("cluster: the lock on this session was lost")
	// ErrTooLarge: the session is larger than MaxRecordBytes, or than the item size limit
	// of every node that could take it. What was stored before stays.
	ErrTooLarge = record.ErrTooLarge
	// ErrVersion: a newer version of this package wrote the record. It is left as it is.
	ErrVersion = record.ErrVersion
	// ErrSealed: a copy is not sealed with any of the SealKeys. It is neither served
	// nor replaced: the key may be one that this process has not got yet.
	ErrSealed = record.ErrSealed
	// ErrClosed: the Cluster was closed.
	ErrClosed  = errors.New("cluster: closed")
	errNotMade = errors.New("cluster: not a working Cluster: make it with cluster.New")
	// ErrEmptyKey: a Record without a key cannot be saved.
	ErrEmptyKey = errors.New("cluster: empty session id")
)

// Cluster keeps sessions on memcached nodes. It is safe for concurrent use. An app
// has one, made at its start and closed at its end.
type Cluster struct {
	cfg        Config
	lists      atomic.Pointer[lists]
	listMu     sync.Mutex // guards the next six
	base       *list      // as configured, discovered or set, whatever drains
	past       []pastList // lists before it that are still in force
	wasSet     bool       // base is not the list of New any more
	joins      bool       // see lists
	retired    []*node    // that are on no list any more
	count      int        // nodes so far
	newNode    func(n Node, found []netip.Addr) *node
	seal       *record.Sealer // nil: records are plain
	writer     uint64         // names this process in timestamps
	saves      turns.Queue[record.Key, *save]
	updates    turns.Queue[record.Key, struct{}]
	changes    changes     // of these updates
	locks      lockWatches // of others, that this process has seen
	local      *localLayer // nil: there are no local copies
	readWide   wideReads
	name       string // of this process, in markers
	markerKey  string // under which the markers lie
	beats      marker.Beats[beatOf]
	kicked     chan struct{}
	toldChange time.Time // when the log last told of a change of the list; of the goroutine that polls
	made       time.Time
	pollsBegun atomic.Uint64 // how many polls have begun, and the number of the last that has ended
	pollsEnded atomic.Uint64
	pollBegan  atomic.Int64  // the last poll that has ended: in ns since made, counted from 1
	pollMu     sync.Mutex    // guards below
	polled     chan struct{} // closed when the next poll has ended
	hints      hints
	healer     healer
	healing    atomic.Int64 // passes and replays under way
	latency    pace.Latency
	known      known
	ending     context.Context // ends with the Cluster
	end        context.CancelFunc
	timestamps timestamps
	ownerKeys  ownerKeys
	owners     owners
	ownerTurns turns.Queue[record.Key, *ownerWrite]
	handles    handles
	askings    sync.Pool // of *asking, with nobody at the other end
	unknown    *pace.Limiter
	stats      counters
	clock      *memcached.Clock
	log        logs
	// longest is the longest time a session was seen to have left, in ms, at most
	// mostLifetime: how long a deletion must be remembered when nothing is known of
	// the session.
	longest atomic.Int64

	closing chan struct{} // closed by Close; ends the probers
	mu      sync.Mutex    // guards below
	closed  bool
	running sync.WaitGroup // every operation and prober; Add only while mu is held and closed is false, or within an operation
}

// New checks the configuration and returns a Cluster. It needs no live node: nodes
// are taken for up until a request finds otherwise. It logs one line that says which nodes
// there are, how many copies, and whether records are sealed and connections encrypted.
// The error says which field is wrong and what it wants.
func New(cfg Config) (*Cluster, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	found := make([][]netip.Addr, len(cfg.Nodes))
	if cfg.DialContext == nil { // else the app knows where its addresses lead
		if found, err = cfg.lookup(); err != nil {
			return nil, err
		}
		if err := checkPlaces(cfg.Nodes, found); err != nil {
			return nil, err
		}
	}
	c := &Cluster{
		cfg: cfg, made: time.Now(), writer: record.Saves(cfg.Rand()),
		closing: make(chan struct{}), clock: memcached.NewClock(cfg.Timeout), log: newLogs(cfg.Logger),
	}
	if c.seal, err = record.NewSealer(cfg.SealKeys, cfg.AllowUnsealed, cfg.KeyPrefix, rand.Reader); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c.ownerKeys, c.owners.keep, c.handles = newOwnerKeys(&cfg), max(cfg.OwnerCheck, cfg.Local.Fresh, cfg.Local.Outage), newHandles()
	c.name, c.polled = nameOf(c.writer), make(chan struct{})
	c.markerKey, c.kicked = cfg.KeyPrefix+marker.Name, make(chan struct{}, 1)
	c.saves.Together = goTogether
	c.ownerTurns.Together = func(_, _ *ownerWrite) bool { return true }
	c.local = newLocalLayer(c)
	c.timestamps.always = cfg.Local.Outage > 0 || cfg.Local.WriteBehind
	c.unknown = pace.NewLimiter(cfg.UnknownPerSecond, cfg.Timeout)
	c.longest.Store(cfg.Lifetime.Milliseconds())
	hooks := nodeHooks{
		now: cfg.Now, clock: c.clock, log: c.log, changed: c.nodeChanged, moved: c.nameChanged, running: &c.running,
	}
	withSecrets := cfg // only nodes and this function have them
	c.newNode = func(n Node, found []netip.Addr) *node {
		c.count++
		return newNode(c.count-1, n, &withSecrets, found, hooks)
	}
	var nodes []*node
	for i, n := range cfg.Nodes {
		nodes = append(nodes, c.newNode(n, found[i]))
	}
	c.beginLists(nodes)
	if err := c.checkServers(context.Background(), nodes, found); err != nil {
		return nil, err
	}
	// Whoever prints a struct that has a Cluster must not print these: package fmt
	// calls no Format of an unexported field.
	c.cfg.Password, c.cfg.SealKeys = "", nil
	c.logStart()
	c.ending, c.end = context.WithCancel(context.Background())
	if !cfg.unwatched {
		c.running.Go(c.watch)
	}
	if cfg.Discover != nil {
		c.running.Go(c.follow)
	}
	if c.timestamps.always {
		c.running.Go(c.local.writeLoop)
	}
	if cfg.Local.Outage > 0 {
		c.running.Go(c.local.returnLoop)
	}
	return c, nil
}

// logStart writes what an operator compares with what was meant: settings that fail without
// a word, such as an unset variable, show here. Nothing of it is a secret.
func (c *Cluster) logStart() {
	c.log.info(nil, "cluster: started", "nodes", fmt.Sprint(c.nodes()), "copies", c.cfg.Replicas, "sealed", c.seal != nil, "tls", c.cfg.TLS != nil)
	if c.cfg.Replicas == 1 {
		c.log.warn(nil, "cluster: each session has one copy only and is lost with its node", "nodes", len(c.nodes()), "copies", c.cfg.Replicas)
	}
	if c.cfg.AllowUnsealed {
		c.log.warn(nil, "cluster: records without a seal are believed, and whoever can write to a node can forge one: remove AllowUnsealed (MEMCACHED_ALLOW_UNSEALED) when the longest session from before the seal keys has ended")
	}
}

// Close ends all probers, waits for operations under way (at most a few Timeouts), writes what only
// the local copies have, and closes all connections. Later calls fail with ErrClosed. The error is
// ErrUnavailable where there are changes that no node has taken within a few seconds; it says to how
// many sessions.
func (c *Cluster) Close() error {
	if c == nil || c.lists.Load() == nil {
		return nil
	}
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
		c.end()
	}
	c.mu.Unlock()
	c.running.Wait()
	var err error
	if c.local != nil {
		err = c.local.writeRest()
	}
	c.handOverHints()
	c.clock.Stop()
	for _, n := range append(c.retired, c.nodes()...) {
		n.server.Close()
	}
	c.log.Close()
	return err
}

// begin admits an operation, which must end with c.running.Done().
func (c *Cluster) begin() error {
	if c == nil || c.lists.Load() == nil {
		return errNotMade
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.running.Add(1)
	return nil
}

// Format shows the number of nodes only, whatever the verb.
func (c *Cluster) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "cluster.Cluster(%d nodes)", len(c.Nodes()))
}

// nameOf writes a random number as a name.
func nameOf(n uint64) string { return strconv.FormatUint(n, 36) }

func (c *Cluster) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}
