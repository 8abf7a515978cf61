package main

import (
	"context"
	"crypto/sha256"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what an instance of the app is, how it is deployed anew, and what
// it is to kill it.

// kind is a way to keep sessions.
type kind string

const (
	onSCS     kind = "holdfast, scs"
	onGorilla kind = "holdfast, gorilla"
	oneCopy   kind = "one hashed copy"
	blind     kind = "blind backup"
)

// promising reports whether it is this library that keeps the sessions.
func (k kind) promising() bool { return k == onSCS || k == onGorilla }

var (
	quiet   = slog.New(slog.NewTextHandler(io.Discard, nil))
	authKey = sha256.Sum256([]byte("signs the cookies of all instances"))
)

// deployment is an instance between two deployments of a node list.
type deployment struct {
	handler http.Handler
	wire    *testenv.Wire
	cluster *cluster.Cluster // nil for a baseline
	plain   *baseline        // nil for the others
	running sync.WaitGroup
	killed  atomic.Bool
}

// instance is one server of the app, on a port of its own while it lives.
type instance struct {
	kind     kind
	prefix   string
	timeout  time.Duration
	commands atomic.Uint64 // to nodes, by baselines
	retired  atomic.Uint64 // to nodes, by clusters that were closed
	merged   atomic.Uint64 // by clusters that were closed

	mu     sync.Mutex // guards below
	now    *deployment
	url    string // "" while it is dead
	server *http.Server
}

// deploy gives the instance a list of nodes, as a rolling deployment does: requests
// under way end with the old one.
func (in *instance) deploy(nodes []cluster.Node) error {
	d := &deployment{wire: testenv.NewWire(nil)}
	switch in.kind {
	case oneCopy, blind:
		copies := 1
		if in.kind == blind {
			copies = 2
		}
		d.plain = newBaseline(copies, nodes, in.prefix, in.timeout, d.wire.DialContext, &in.commands)
		d.handler = scsApp(d.plain, nil)
	default:
		c, err := cluster.New(cluster.Config{
			Nodes: append([]cluster.Node(nil), nodes...), KeyPrefix: in.prefix, Timeout: in.timeout,
			DialContext: d.wire.DialContext, Logger: quiet,
		})
		if err != nil {
			return err
		}
		d.cluster = c
		if in.kind == onSCS {
			d.handler = scsApp(scsstore.New(c), serializer.Codec{})
			break
		}
		store, err := gorillastore.New(c, authKey[:])
		if err != nil {
			return err
		}
		d.handler = gorillaApp(store)
	}
	in.mu.Lock()
	old := in.now
	in.now = d
	in.mu.Unlock()
	if old != nil {
		in.retire(old)
	}
	return nil
}

// retire waits for the requests of a deployment and closes what it had.
func (in *instance) retire(d *deployment) {
	d.running.Wait()
	if d.cluster != nil {
		in.retired.Add(commandsOf(d.cluster))
		in.merged.Add(d.cluster.Stats().Merges)
		_ = d.cluster.Close()
	} else {
		d.plain.close()
	}
	_ = d.wire.Close()
}

// serve starts the instance's server.
func (in *instance) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: in, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.server, in.url = srv, "http://"+l.Addr().String()
	return nil
}

// ServeHTTP serves a request with what is deployed when it arrives.
func (in *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	d := in.now
	d.running.Add(1)
	in.mu.Unlock()
	defer d.running.Done()
	d.handler.ServeHTTP(w, r)
	if d.killed.Load() {
		panic(http.ErrAbortHandler) // the dead show no error pages
	}
}

// kill ends the instance as a SIGKILL would, as far as anybody outside can tell: what
// it has not yet sent to a node is never sent, and all its connections are cut.
func (in *instance) kill() {
	in.mu.Lock()
	srv, d := in.server, in.now
	in.url = ""
	in.mu.Unlock()
	d.killed.Store(true)
	_ = d.wire.Close()
	_ = srv.Close()
}

// start brings a killed instance back, with a memory of nothing.
func (in *instance) start(nodes []cluster.Node) error {
	if err := in.deploy(nodes); err != nil {
		return err
	}
	return in.serve()
}

// address returns where the instance is reached, "" while it is dead.
func (in *instance) address() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.url
}

func (in *instance) wire() *testenv.Wire {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.now.wire
}

func (in *instance) current() *cluster.Cluster {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.now.cluster
}

// spent counts the commands sent to nodes and the conflicts merged since the start.
func (in *instance) spent() (commands, merged uint64) {
	commands, merged = in.commands.Load()+in.retired.Load(), in.merged.Load()
	if c := in.current(); c != nil {
		commands += commandsOf(c)
		merged += c.Stats().Merges
	}
	return commands, merged
}

func commandsOf(c *cluster.Cluster) uint64 {
	sum := uint64(0)
	for _, n := range c.Nodes() {
		sum += n.Commands
	}
	return sum
}

// ready reports whether the instance takes all nodes for up.
func (in *instance) ready() bool {
	c := in.current()
	if c == nil {
		return true
	}
	for _, n := range c.Nodes() {
		if n.State != cluster.Up {
			return false
		}
	}
	return c.Ping(context.Background()) == nil
}
