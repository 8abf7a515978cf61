// Package world is a network of memcached nodes in virtual time, and what can happen
// to it. It lives in one testing/synctest bubble. The nodes are testenv's embedded
// servers; every message between a client and a node takes a time that follows from
// the seed, the moment and the first line of the message alone. So no two events share an
// instant, and a run can be repeated although goroutines are scheduled at will.
//
// The faults of testenv.Wire are others: whoever tells a story switches them on for an address,
// and they hit all that goes there. Here each message draws its own fate and time, and what hits a
// client is not the network alone: its process may stand still, or its machine be starved.
package world

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what nodes there are and in which state they are.

// World is all nodes and links of one run.
type World struct {
	seed uint64
	late sync.WaitGroup // requests that are held up

	mu     sync.Mutex // guards below, and all of Node's and Link's fields
	nodes  []*Node
	links  map[pair]*Link
	severe map[string]bool // clients that were killed
	// still are clients that stand still, each with what GoOn will close.
	still   map[string]chan struct{}
	starved map[string]time.Duration // by how much a client's goroutines wake late, at most
}

type pair struct {
	client string
	node   *Node
}

// New returns a world without nodes.
func New(seed uint64) *World {
	return &World{seed: seed, links: map[pair]*Link{}, severe: map[string]bool{}, still: map[string]chan struct{}{}, starved: map[string]time.Duration{}}
}

// Node is one memcached node.
type Node struct {
	ID, Addr string
	world    *World
	server   *testenv.Server
	up       bool
	resumed  chan struct{} // nil while running; closed by Resume
	weather  Faults        // for every client
	bytes    int64
	crawler  testenv.Crawler
}

// Add starts another node. Several may have one ID: it decides nothing here. If bytes
// is 0 the node has more memory than it needs; otherwise it evicts beyond that.
func (w *World) Add(id string, bytes int64) *Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &Node{
		ID: id, Addr: fmt.Sprintf("192.0.2.%d:11211", len(w.nodes)+1), world: w, up: true, bytes: bytes,
	}
	n.server = n.serve()
	w.nodes = append(w.nodes, n)
	return n
}

// serve begins a life of the node. CAS ids count by key: a token from an earlier life often
// fits what the node holds now.
func (n *Node) serve() *testenv.Server {
	return testenv.NewServer(testenv.ServerConfig{MemoryBytes: n.bytes, CASPerKey: true, Crawler: n.crawler})
}

// SetCrawler changes how the node lists its keys, in this life and in those to come.
func (n *Node) SetCrawler(c testenv.Crawler) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	n.crawler = c
	n.server.SetCrawler(c)
}

// Nodes returns all nodes that were ever added.
func (w *World) Nodes() []*Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Node(nil), w.nodes...)
}

// Kill ends the node and its memory.
func (n *Node) Kill() {
	n.world.mu.Lock()
	n.up = false
	server, resumed := n.server, n.resumed
	n.resumed = nil
	n.world.mu.Unlock()
	server.Close()
	if resumed != nil {
		close(resumed)
	}
}

// Start gives a killed node a new and empty life.
func (n *Node) Start() {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if !n.up {
		n.up = true
		n.server = n.serve()
	}
}

// Up reports whether the node has not been killed.
func (n *Node) Up() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return n.up
}

// Pause stops the node as SIGSTOP does: what is sent to it waits, and is applied after
// Resume, also when the sender has long given up.
func (n *Node) Pause() {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if n.up && n.resumed == nil {
		n.resumed = make(chan struct{})
	}
}

// Resume lets a paused node go on.
func (n *Node) Resume() {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if n.resumed != nil {
		close(n.resumed)
		n.resumed = nil
	}
}

// Suffer sets what happens to all messages to and from the node.
func (n *Node) Suffer(f Faults) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	n.weather = f
}

// Close ends all nodes, and returns when nothing is under way any more.
func (w *World) Close() {
	for _, n := range w.Nodes() {
		n.Kill()
	}
	w.late.Wait()
}

// Sever kills a client: nothing more leaves it or reaches it.
func (w *World) Sever(client string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.severe[client] = true
}

// Severed reports whether the client was killed.
func (w *World) Severed(client string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.severe[client]
}

// Dialer is how a client of that name reaches the nodes, for cluster.Config.DialContext.
func (w *World) Dialer(client string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		fail := func(err error) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		w.mu.Lock()
		var n *Node
		for _, o := range w.nodes {
			if o.Addr == addr {
				n = o
			}
		}
		w.mu.Unlock()
		if n == nil {
			return fail(os.ErrNotExist)
		}
		l := w.Link(client, n)
		l.wake([]byte("dial"))
		f := l.now([]byte("dial"))
		wait := l.latency([]byte("dial"))
		if f.Up == Lose || f.Down == Lose {
			wait = time.Hour
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			l.apart()
			l.wake([]byte("dial"))
			return fail(os.ErrDeadlineExceeded)
		}
		w.mu.Lock()
		server, up := n.server, n.up
		w.mu.Unlock()
		if !up || f.Refuse {
			return fail(syscall.ECONNREFUSED)
		}
		under, err := server.Dial(ctx)
		if err != nil {
			return fail(syscall.ECONNREFUSED)
		}
		if l.wake([]byte("dialled")) && ctx.Err() != nil && l.dice([]byte("dialled"), 6)%2 == 0 {
			under.Close()
			return fail(os.ErrDeadlineExceeded) // the clock was looked at before the socket
		}
		return &conn{Conn: under, link: l}, nil
	}
}

// hash spreads the parts of an event over 64 bits.
func hash(seed uint64, client, addr string, b []byte, now time.Time) uint64 {
	h := seed*0x9e3779b97f4a7c15 + uint64(now.UnixNano())
	mix := func(b byte) { h = (h ^ uint64(b)) * 0x100000001b3 }
	for i := range len(client) {
		mix(client[i])
	}
	for i := range len(addr) {
		mix(addr[i])
	}
	for _, c := range b {
		if mix(c); c == '\n' {
			break // what follows holds the random name of a process
		}
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>29
}

// Dice is a source of randomness for one client, for cluster.Config.Rand: what it says
// follows from the seed and the moment.
func (w *World) Dice(client string) func() uint64 {
	return func() uint64 { return hash(w.seed, client, "dice", nil, time.Now()) }
}

// StoredKey is the key under which package cluster keeps a session on a node.
func StoredKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
