package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// This file decides which kind of nodes a test gets, and that they end with it.

// NodesVariable is the environment variable with the nodes that run elsewhere, in the form of
// MEMCACHED_NODES. If it is set, Start uses these nodes.
const NodesVariable = "HOLDFAST_TEST_NODES"

// TB is what this package needs of a testing.TB; every *testing.T, *testing.B
// and *testing.F is one, and [Program] is one for programs that are no tests.
// Fatalf and Skipf must not return.
type TB interface {
	Helper()
	Name() string
	Cleanup(func())
	Logf(format string, args ...any)
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Env is a set of memcached nodes that belongs to one test.
// Its methods may be called by several goroutines at once.
type Env struct {
	tb   TB
	opts options

	kind    kind
	bin     string   // path of the memcached binary, for kindProcess
	foreign []*Node  // nodes that run elsewhere, for kindForeign
	dial    DialFunc // how this kind of node is reached

	addMu sync.Mutex // held while a node is added, so that ids follow each other
	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// DialFunc opens a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

type kind int

const (
	kindProcess kind = iota
	kindEmbedded
	kindMemory
	kindForeign
)

// Start starts n empty memcached nodes, named n1 to nN, on free loopback ports
// and returns when all of them accept connections. They end with the test.
//
// A failure ends the test through tb.Fatalf. If this machine cannot do what the test needs (no
// memcached binary for [Real], fewer nodes in HOLDFAST_TEST_NODES than n), the test is skipped.
func Start(tb TB, n int, opts ...Option) *Env {
	tb.Helper()
	e := &Env{tb: tb, opts: defaultOptions()}
	for _, o := range opts {
		o(&e.opts)
	}
	tb.Cleanup(e.close)
	if err := e.choose(os.Getenv(NodesVariable)); err != nil {
		tb.Fatalf("testenv: %v", err)
		return e
	}
	if reason := e.unable(n); reason != "" {
		tb.Skipf("testenv: %s", reason)
		return e
	}
	if n < 0 {
		tb.Fatalf("testenv: Start asked for %d nodes", n)
		return e
	}

	for _, err := range e.begin(n) {
		if err != nil {
			tb.Fatalf("testenv: %v", err)
			return e
		}
	}
	return e
}

// begin starts the first n nodes. Its caller reports the errors without holding a lock, because a
// Program that ends also ends its nodes.
func (e *Env) begin(n int) []error {
	e.addMu.Lock()
	defer e.addMu.Unlock()
	nodes := make([]*Node, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() { nodes[i], errs[i] = e.newNode(i) })
	}
	wg.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, node := range nodes {
		if node != nil {
			e.nodes = append(e.nodes, node)
		}
	}
	return errs
}

// choose decides the kind of the nodes by the options, the environment and the installed programs.
func (e *Env) choose(foreign string) error {
	var dialer net.Dialer
	e.dial = dialer.DialContext
	switch {
	case e.opts.want == wantMemory:
		e.kind = kindMemory
		e.dial = e.dialMemory
		return nil
	case e.opts.want == wantEmbedded:
		e.kind = kindEmbedded
		return nil
	case strings.TrimSpace(foreign) != "":
		e.kind = kindForeign
		var err error
		e.foreign, err = parseForeign(e, foreign)
		return err
	}
	e.kind = kindEmbedded
	if canPauseProcesses {
		if path, err := exec.LookPath("memcached"); err == nil {
			e.kind, e.bin = kindProcess, path
		}
	}
	return nil
}

// unable returns the reason why this machine cannot give the test n such nodes; "" if it can.
func (e *Env) unable(n int) string {
	switch {
	case e.opts.want == wantReal && e.kind == kindEmbedded:
		return "this test needs memcached processes, and there is no memcached on the PATH"
	case e.kind == kindForeign && e.opts.shaped:
		return "MemoryMB and Args cannot be applied to the nodes of " + NodesVariable
	case e.kind == kindForeign && n > len(e.foreign):
		return fmt.Sprintf("this test needs %d nodes, %s names %d", n, NodesVariable, len(e.foreign))
	case e.kind != kindForeign && len(e.opts.args) > 0 && e.kind != kindProcess:
		return "Args needs memcached processes, and these nodes are none"
	}
	return ""
}

// newNode returns node i (0 is n1), started and ready.
func (e *Env) newNode(i int) (*Node, error) {
	if e.kind == kindForeign {
		return e.foreign[i], nil
	}
	n := &Node{id: fmt.Sprintf("n%d", i+1), env: e}
	err := n.begin(i)
	if err != nil {
		err = fmt.Errorf("%s: %w", n.id, err)
	}
	return n, err
}

// Add starts another node with the next id and returns it when it accepts connections.
func (e *Env) Add() *Node {
	e.tb.Helper()
	n, reason, err := e.add()
	if reason != "" {
		e.tb.Skipf("testenv: %s", reason)
	}
	if err != nil {
		e.tb.Fatalf("testenv: %v", err)
	}
	return n
}

func (e *Env) add() (n *Node, unable string, err error) {
	e.addMu.Lock()
	defer e.addMu.Unlock()
	i := e.Len()
	if reason := e.unable(i + 1); reason != "" {
		return nil, reason, nil
	}
	n, err = e.newNode(i)
	if n != nil {
		e.mu.Lock()
		e.nodes = append(e.nodes, n)
		e.mu.Unlock()
	}
	return n, "", err
}

// Len returns the number of nodes, dead ones included.
func (e *Env) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.nodes)
}

// Node returns the node at position i, counted from 0: Node(0) is n1.
func (e *Env) Node(i int) *Node {
	e.tb.Helper()
	all := e.All()
	if i < 0 || i >= len(all) {
		e.tb.Fatalf("testenv: there is no Node(%d), only Node(0) to Node(%d)", i, len(all)-1)
		return &Node{env: e, backend: none{}, state: Down}
	}
	return all[i]
}

// ByID returns the node named id, such as "n2".
func (e *Env) ByID(id string) *Node {
	e.tb.Helper()
	for _, n := range e.All() {
		if n.id == id {
			return n
		}
	}
	e.tb.Fatalf("testenv: there is no node %q, only %s", id, e.Nodes())
	return &Node{id: id, env: e, backend: none{}, state: Down}
}

// All returns the nodes in the order of their ids, dead ones included.
func (e *Env) All() []*Node {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*Node(nil), e.nodes...)
}

// Nodes returns all nodes as the environment variable MEMCACHED_NODES wants
// them: "n1:127.0.0.1:20001,n2:127.0.0.1:20002".
func (e *Env) Nodes() string {
	var parts []string
	for _, n := range e.All() {
		parts = append(parts, n.id+":"+n.addr)
	}
	return strings.Join(parts, ",")
}

// DialContext opens a connection to the node at addr, for any kind of node. Clients need it only
// for [InMemory] nodes; a [Wire] over it works with all kinds.
func (e *Env) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return e.dial(ctx, network, addr)
}

// close ends every node and waits for the goroutines of the nodes.
func (e *Env) close() {
	e.addMu.Lock()
	defer e.addMu.Unlock()
	var wg sync.WaitGroup
	for _, n := range e.All() {
		wg.Go(n.end)
	}
	wg.Wait()
}

// parseForeign reads the nodes of HOLDFAST_TEST_NODES; an entry without an id
// gets the id of its place in the list.
func parseForeign(e *Env, s string) ([]*Node, error) {
	var nodes []*Node
	for i, entry := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		id, addr := fmt.Sprintf("n%d", i+1), entry
		if first, rest, ok := strings.Cut(entry, ":"); ok && strings.Contains(rest, ":") && !strings.HasPrefix(entry, "[") {
			id, addr = first, rest
		}
		_, port, err := net.SplitHostPort(addr)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
			return nil, fmt.Errorf("%s: %q is not of the form id:host:port", NodesVariable, entry)
		}
		nodes = append(nodes, &Node{id: id, addr: addr, env: e, backend: foreign{}})
	}
	return nodes, nil
}
