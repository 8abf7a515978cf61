package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/test/baseline"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what the process of an instance does: it serves the app by HTTP,
// and takes orders from the harness on its standard input.

// servesAnApp is the variable that makes this program an instance of the app.
const servesAnApp = "HOLDFAST_CHAOS_INSTANCE"

// healPerSecond is low, so that a node with some hundred sessions fills for a while, in which
// it can fail again, or its healer die.
const healPerSecond = 600

// transitionFor is Config.TransitionFor, unless a flag says otherwise: instances learn of a list within
// seconds.
const transitionFor = 10 * time.Second

var (
	quiet   = slog.New(slog.NewTextHandler(io.Discard, nil))
	authKey = sha256.Sum256([]byte("signs the cookies of all instances"))
)

// serveIfTold does not return where this process is an instance. It ends with the harness.
func serveIfTold() {
	if os.Getenv(servesAnApp) == "" {
		return
	}
	orders := rpc.NewServer()
	if err := orders.Register(&Orders{stall: newStall(), logged: lines{to: os.Stderr}}); err != nil {
		log.Fatal(err)
	}
	orders.ServeCodec(jsonrpc.NewServerCodec(pipes{os.Stdin, os.Stdout, os.Stdin}))
	os.Exit(0)
}

// App is what an instance is to serve.
type App struct {
	Kind    kind
	Prefix  string // of all keys
	Timeout time.Duration
	Older   bool // it is the version of the app before: see kept.go
	Nodes   []cluster.Node
	// Transition is Config.TransitionFor.
	Transition time.Duration
	Local      cluster.Local
}

// Way leads to a node; Lost says what gets lost on it.
type Way struct {
	Addr string
	Lost testenv.Direction
}

// Detour leads to a node, where everything arrives later.
type Detour struct {
	Addr string
	By   time.Duration
}

// Spent is what an instance did, and what was done to it.
type Spent struct {
	Commands uint64 // sent to nodes
	Merged   uint64 // conflicts
	Stalled  time.Duration
	Logged   int // by the HTTP server: a panic of a page, above all
	Doubted  int // how often a node was taken for down
	// Of local copies, by this process: sessions with what the nodes may lack, what was shown without a
	// node, and clients that had seen more than there was.
	Unwritten     int
	Local, Behind uint64
}

// Copy is what a node holds of a session.
type Copy struct {
	Held    bool
	Version int64 // the same for equal copies
	Unknown bool  // the node did not answer
}

func (s Spent) plus(o Spent) Spent {
	return Spent{
		s.Commands + o.Commands, s.Merged + o.Merged, max(s.Stalled, o.Stalled), s.Logged + o.Logged, s.Doubted + o.Doubted,
		s.Unwritten + o.Unwritten, s.Local + o.Local, s.Behind + o.Behind,
	}
}

// Orders are what the harness may ask for, by the rules of net/rpc.
type Orders struct {
	app     App
	stall   *stall
	retired atomic.Uint64 // commands to nodes, by deployments that have ended
	merged  atomic.Uint64 // by clusters that were closed
	doubted atomic.Int64  // nodes that were taken for down
	logged  lines

	mu  sync.Mutex // guards below
	now *deployment
}

// deployment is an instance between two deployments of a node list.
type deployment struct {
	handler http.Handler
	wire    *testenv.Wire
	cluster *cluster.Cluster // nil for a baseline
	plain   *baseline.Store  // nil for the others
	running sync.WaitGroup
}

// Serve starts the server and returns its address.
func (o *Orders) Serve(app App, url *string) error {
	o.app = app
	register(app.Older)
	if err := o.Deploy(app.Nodes, nil); err != nil {
		return err
	}
	return o.listen(url)
}

// listen starts the server for what is deployed. It logs no client that goes away.
func (o *Orders) listen(url *string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: o, ErrorLog: log.New(&o.logged, "instance: ", log.LstdFlags), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	*url = "http://" + l.Addr().String()
	return nil
}

// ServeHTTP serves a request with what is deployed when it arrives.
func (o *Orders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	d := o.now
	d.running.Add(1)
	o.mu.Unlock()
	defer d.running.Done()
	d.handler.ServeHTTP(w, r)
}

// Deploy gives the instance a list of nodes, as a rolling deployment does: requests
// under way end with the old one.
func (o *Orders) Deploy(nodes []cluster.Node, _ *struct{}) error {
	d := &deployment{wire: testenv.NewWire(nil)}
	switch o.app.Kind {
	case oneCopy, blind:
		copies := 1
		if o.app.Kind == blind {
			copies = 2
		}
		d.plain = baseline.New(baseline.Config{
			Nodes: nodes, Prefix: o.app.Prefix, Timeout: o.app.Timeout, Copies: copies, DialContext: d.wire.DialContext,
		})
		d.handler = scsApp(d.plain, nil)
	default:
		c, err := cluster.New(cluster.Config{
			Nodes: nodes, KeyPrefix: o.app.Prefix, Timeout: o.app.Timeout,
			DialContext: d.wire.DialContext, Logger: quiet, OnNodeState: o.changed,
			HealPerSecond: healPerSecond, TransitionFor: cmp.Or(o.app.Transition, transitionFor), Local: o.app.Local,
			Trace: behindTrace,
		})
		if err != nil {
			return err
		}
		d.cluster = c
		if o.app.Kind == onSCS {
			d.handler = tellsBehind(scsApp(scsstore.New(c), serializer.Codec{}))
			break
		}
		store, err := gorillastore.New(c, authKey[:])
		if err != nil {
			return err
		}
		d.handler = tellsBehind(gorillaApp(store))
	}
	o.mu.Lock()
	old := o.now
	o.now = d
	o.mu.Unlock()
	if old != nil {
		o.retire(old)
	}
	return nil
}

// retire waits for the requests of a deployment and closes what it had.
func (o *Orders) retire(d *deployment) {
	d.running.Wait()
	if d.cluster != nil {
		o.retired.Add(commandsOf(d.cluster))
		o.merged.Add(d.cluster.Stats().Merges)
		_ = d.cluster.Close()
	} else {
		o.retired.Add(d.plain.Commands())
		d.plain.Close()
	}
	_ = d.wire.Close()
}

func (o *Orders) current() *deployment {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// Cut loses what goes that way, silently.
func (o *Orders) Cut(w Way, _ *struct{}) error {
	o.current().wire.Blackhole(w.Addr, w.Lost)
	return nil
}

// Delay has everything that is sent that way arrive later.
func (o *Orders) Delay(d Detour, _ *struct{}) error {
	o.current().wire.Delay(d.Addr, d.By)
	return nil
}

// Heal ends what Cut and Delay began.
func (o *Orders) Heal(addr string, _ *struct{}) error {
	o.current().wire.Heal(addr)
	return nil
}

// Spent counts the commands to nodes and the conflicts merged since the start.
func (o *Orders) Spent(_ struct{}, s *Spent) error {
	*s = Spent{
		Commands: o.retired.Load(), Merged: o.merged.Load(), Stalled: o.stall.longest(), Logged: o.logged.count(), Doubted: int(o.doubted.Load()),
	}
	switch d := o.current(); {
	case d.cluster != nil:
		s.Commands += commandsOf(d.cluster)
		now := d.cluster.Stats()
		s.Merged += now.Merges
		s.Unwritten, s.Local, s.Behind = now.Unwritten, now.LocalHits, now.Behind
	case d.plain != nil:
		s.Commands += d.plain.Commands()
	}
	return nil
}

// changed counts the nodes that are taken for down.
func (o *Orders) changed(n cluster.NodeStatus) {
	if n.State == cluster.StateDown {
		o.doubted.Add(1)
	}
}

// Stood tells the process that it was stopped on purpose: for so long it had not stalled before.
func (o *Orders) Stood(before time.Duration, _ *struct{}) error {
	time.Sleep(2 * tick) // the stall is being measured
	o.stall.most.Store(int64(before))
	return nil
}

func commandsOf(c *cluster.Cluster) uint64 {
	sum := uint64(0)
	for _, n := range c.Nodes() {
		sum += n.Commands
	}
	return sum
}

// Ready reports whether the instance takes all nodes for up.
func (o *Orders) Ready(_ struct{}, ready *bool) error {
	c := o.current().cluster
	if c == nil {
		*ready = true
		return nil
	}
	for _, n := range c.Nodes() {
		if n.State != cluster.StateUp {
			return nil
		}
	}
	*ready = c.Ping(context.Background()) == nil
	return nil
}

// Copies returns what the two home nodes of the session hold of it.
func (o *Orders) Copies(id string, copies *[2]Copy) error {
	places, err := o.current().cluster.Where(context.Background(), id)
	if err != nil {
		return err
	}
	for i := range copies {
		copies[i] = Copy{places[i].Held, places[i].Version, places[i].Err != nil}
	}
	return nil
}
