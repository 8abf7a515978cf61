package cluster

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/placement"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file holds the stage for the stories: nodes in memory that note every command,
// clusters over them, and short words for what a request does.

// long has the stories that go by chance try ten times as many seeds, and hostile nodes stand in
// every place: make long.
var long = flag.Bool("long", false, "more seeds of what goes by chance, and hostile nodes in every place: half an hour")

// world is a set of nodes in memory in virtual time.
type world struct {
	*testing.T
	env  *testenv.Env
	logs *syncBuffer // what all clusters logged

	far    atomic.Bool // nodes are a latency away
	mu     sync.Mutex  // guards below
	sent   []sentCommand
	before func(c sentCommand) // called before a command is applied; may be nil
}

// sentCommand is what a node was asked.
type sentCommand struct {
	node int // its index
	verb string
	key  string
}

// story runs a test in virtual time on n nodes.
func story(t *testing.T, n int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, logs: &syncBuffer{}}
		w.env = testenv.Start(t, n, testenv.InMemory())
		for i, node := range w.env.All() {
			node.OnCommand(func(verb, key string) {
				if verb == "version" || verb == "lru_crawler" || verb == "stats" || strings.HasSuffix(key, marker.Name) {
					return // of probes, markers and healers
				}
				w.mu.Lock()
				c := sentCommand{i, verb, key}
				w.sent = append(w.sent, c)
				before := w.before
				w.mu.Unlock()
				if before != nil {
					before(c)
				}
			})
		}
		test(w)
	})
}

// cluster returns a cluster over all nodes, closed with the test. Fields of cfg that
// are not set are those of a default configuration.
func (w *world) cluster(cfg Config) *Cluster {
	w.Helper()
	if cfg.Nodes == nil {
		nodes, err := ParseNodes(w.env.Nodes())
		if err != nil {
			w.Fatal(err)
		}
		cfg.Nodes = nodes
	}
	if cfg.DialContext == nil {
		cfg.DialContext = w.dial
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	c, err := New(cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	w.whole(c)
	return c
}

// whole waits until all nodes are whole, as far as they are up.
func (w *world) whole(c *Cluster) {
	w.Helper()
	if c.cfg.unwatched {
		return
	}
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	for _, n := range c.nodes() {
		if err := c.check(n); err != nil {
			return // as the story wants it
		}
	}
	if err := c.WaitWhole(ctx); err != nil {
		return // as the story wants it
	}
	for _, n := range c.nodes() {
		for !n.isWhole() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// dial connects to a node, which may be far away.
func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := w.env.DialContext(ctx, network, addr)
	return farConn{nc, &w.far}, err
}

// farConn is a way to a node that takes its time for every packet.
type farConn struct {
	net.Conn
	far *atomic.Bool
}

func (c farConn) Write(b []byte) (int, error) {
	if c.far.Load() {
		time.Sleep(latency)
	}
	return c.Conn.Write(b)
}

// onCommand has f called before each command is applied.
func (w *world) onCommand(f func(c sentCommand)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = f
}

// forget clears what was noted.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = nil
}

// count returns how many commands of these verbs came; of all, when none are named.
func (w *world) count(verbs ...string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.sent {
		for _, v := range verbs {
			if c.verb == v {
				n++
			}
		}
	}
	if len(verbs) == 0 {
		return len(w.sent)
	}
	return n
}

// preference returns the nodes in the order of the key's preference list.
func (w *world) preference(id string) []*testenv.Node {
	nodes, err := ParseNodes(w.env.Nodes())
	if err != nil {
		w.Fatal(err)
	}
	var ns []*testenv.Node
	for _, i := range placement.New(placed(nodes)).Preference(record.KeyOf(id), len(nodes), nil) {
		ns = append(ns, w.env.Node(i))
	}
	return ns
}

// on returns what a node holds of a session; nil for nothing that can be read.
func (w *world) on(n *testenv.Node, id string) *record.Record {
	w.Helper()
	b, ok := n.Get(record.KeyOf(id).Name(""))
	if !ok {
		return nil
	}
	s, err := record.Decode(b, record.KeyOf(id), nil, readAt)
	if err != nil {
		w.Fatalf("%s holds bytes that cannot be read: %v", n.ID(), err)
	}
	return s
}

// keys returns the keys of the sessions that a node holds: not that of its marker.
func (w *world) keys(n *testenv.Node) []string {
	w.Helper()
	return slices.DeleteFunc(n.Keys(), func(key string) bool { return strings.HasSuffix(key, marker.Name) })
}

// put places a record on a node, as a leftover from before.
func (w *world) put(n *testenv.Node, id string, s *record.Record) {
	b, err := s.Encode(record.KeyOf(id), nil)
	if err != nil {
		w.Fatal(err)
	}
	n.Set(record.KeyOf(id).Name(""), b)
}

// holds fails unless the node has a live copy with these attributes, "a=1 b=2".
func (w *world) holds(n *testenv.Node, id, attrs string) {
	w.Helper()
	s := w.on(n, id)
	if s == nil || s.IsTombstone() {
		w.Errorf("%s holds %s, want %q", n.ID(), show(s), attrs)
		return
	}
	w.same(s.Values(), attrs)
}

func (w *world) same(got map[string][]byte, attrs string) {
	w.Helper()
	want := attrsOf(attrs)
	ok := len(got) == len(want)
	for name, v := range want {
		g, has := got[name]
		ok = ok && has && bytes.Equal(g, v)
	}
	if !ok {
		w.Errorf("got %q, want %q", got, attrs)
	}
}

// attrsOf reads "a=1 b=2".
func attrsOf(s string) map[string][]byte {
	m := map[string][]byte{}
	for _, f := range strings.Fields(s) {
		name, v, _ := strings.Cut(f, "=")
		m[name] = []byte(v)
	}
	return m
}

// create saves a session that does not exist yet.
func (w *world) create(c *Cluster, id, attrs string) *Record {
	w.Helper()
	r := NewRecord(id)
	r.Attrs = attrsOf(attrs)
	r.Deadline = c.cfg.Now().Add(time.Hour)
	w.save(c, r)
	return r
}

func (w *world) save(c *Cluster, r *Record) {
	w.Helper()
	if err := c.Save(context.Background(), r); err != nil {
		w.Fatalf("save: %v", err)
	}
}

// load returns the session, which must be there.
func (w *world) load(c *Cluster, id string) *Record {
	w.Helper()
	r, err := c.Load(context.Background(), id)
	if err != nil {
		w.Fatalf("load: %v", err)
	}
	return r
}

// sees fails unless a load returns these attributes.
func (w *world) sees(c *Cluster, id, attrs string) *Record {
	w.Helper()
	r := w.load(c, id)
	w.same(r.Attrs, attrs)
	return r
}

// change loads, sets one attribute, and saves.
func (w *world) change(c *Cluster, id, name, v string) {
	w.Helper()
	r := w.load(c, id)
	r.Attrs[name] = []byte(v)
	w.save(c, r)
}

func (w *world) delete(c *Cluster, id string) {
	w.Helper()
	if err := c.Delete(context.Background(), id); err != nil {
		w.Fatalf("delete: %v", err)
	}
}

func (w *world) missing(c *Cluster, id string, want error) {
	w.Helper()
	r, err := c.Load(context.Background(), id)
	if !isErr(err, want) {
		w.Errorf("load: %v, %v, want %v", r, err, want)
	}
}

// stateOf is what a cluster thinks of a node.
func stateOf(c *Cluster, n *testenv.Node) State {
	for _, s := range c.Nodes() {
		if s.ID == n.ID() {
			return s.State
		}
	}
	return -1
}

// until waits, in virtual time, until the cluster thinks so of the node.
func (w *world) until(c *Cluster, n *testenv.Node, want State) {
	w.Helper()
	for range 10_000 {
		if stateOf(c, n) == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.Fatalf("%s is %v after ten seconds, want %v", n.ID(), stateOf(c, n), want)
}

// syncBuffer collects what several goroutines write.
type syncBuffer struct {
	mu  sync.Mutex // guards below
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// goroutinesIn counts the goroutines that stand in this package's code, tests apart.
func goroutinesIn(function string) int {
	buf := make([]byte, 4<<20)
	n := 0
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, function) {
			n++
		}
	}
	return n
}

// planted is what no error and no log may show.
const planted = "SECRETBYTES"

// getOne reads one key from the node, as a read does.
func (n *node) getOne(key string) (*memcached.Copy, error) {
	r := &memcached.Request{Key: key, Latch: memcached.NewLatch(1)}
	n.server.Get(r)
	<-r.Latch.Done()
	return r.Copy, r.Err
}

// goBy has the cluster go by these nodes.
func (c *Cluster) goBy(nodes []*node) {
	synctest.Wait()
	var entries []Node
	for _, n := range nodes {
		entries = append(entries, n.Node)
	}
	c.base = newList(nodes, entries, c.cfg.Replicas, time.Time{})
	c.lists.Store(&lists{now: c.base, base: c.base, all: nodes})
}
