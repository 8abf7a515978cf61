package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how a story takes place in virtual time, where a lifetime of a
// year passes at once and every wait is exact: nodes, connections and servers live
// in the memory of a testing/synctest bubble.

// eachVirtual tells the story once for each driver, in a bubble.
func eachVirtual(t *testing.T, drivers []driver, story func(t *testing.T, w *world)) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, d, 3, testenv.InMemory())
				inner := &inner{listeners: map[string]*listener{}}
				w.listen, w.dial = inner.listen, inner.dial
				story(t, w)
			})
		})
	}
}

// inner is a network of one bubble.
type inner struct {
	mu        sync.Mutex // guards below
	listeners map[string]*listener
}

func (n *inner) listen() net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{addr: fmt.Sprintf("app%d.test:80", len(n.listeners)+1), conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[l.addr] = l
	return l
}

func (n *inner) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, errors.New("nobody listens there")
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type listener struct {
	addr   string
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr  { return l }
func (l *listener) Network() string { return "tcp" }
func (l *listener) String() string  { return l.addr }

// A request that meets a hung node waits for it once, for one Timeout. Once the node
// is known to be sick nobody waits for it.
func TestHungNodeCostsARequestOneTimeoutAtMost(t *testing.T) {
	const wait = 150 * time.Millisecond
	const users = 8
	eachVirtual(t, all, func(t *testing.T, w *world) {
		a := w.start(options{virtual: true, config: func(c *cluster.Config) { c.Timeout = wait }})
		// At least half of the users have the node among their two.
		node := w.env.Node(1)
		for i := 0; len(w.crowd) < users; i++ {
			u := w.newUser()
			u.logIn(a, fmt.Sprint("user", i))
			if home := w.preferred(u.id(a)); i%2 == 1 || home[0] == node || home[1] == node {
				w.crowd = append(w.crowd, u)
			}
		}
		isDown := func() bool { return a.cluster.Nodes()[1].State == cluster.StateDown }
		// Each user comes once, then again, while others come at other moments.
		var slowest, slowestLater time.Duration
		waited := 0
		visit := func(u *user, i int, path string) {
			down, begin := isDown(), time.Now()
			r := u.ask(a, path, "key", "a", "value", fmt.Sprint(i))
			took := time.Since(begin)
			if !r.ok() {
				t.Errorf("%s of user %d: %v", path, i, r)
			}
			slowest = max(slowest, took)
			if down {
				slowestLater = max(slowestLater, took)
			}
			if took > 0 {
				waited++
			}
		}
		for round := range 4 {
			node.Pause()
			for i, u := range w.crowd {
				visit(u, i, []string{"/set", "/whoami", "/set"}[i%3])
				time.Sleep(wait / 3)
			}
			time.Sleep(2 * wait) // virtual: until a probe has failed, too
			if !isDown() {
				t.Fatalf("round %d: the node that hangs is not known to be down", round)
			}
			for i, u := range w.crowd {
				visit(u, i, "/set")
				visit(u, i, "/whoami")
			}
			begin := time.Now()
			for i, u := range w.crowd { // by now all sessions have both copies elsewhere
				visit(u, i, "/set")
				visit(u, i, "/whoami")
			}
			if took := time.Since(begin); took > 0 {
				t.Errorf("round %d: requests to sessions with two copies waited %v for the node", round, took)
			}
			node.Resume()
			time.Sleep(5 * time.Second) // virtual: until the node is back
			if isDown() {
				t.Fatalf("round %d: the node is not known to be back", round)
			}
		}
		if slowest > wait {
			t.Errorf("a request took %v, with a Timeout of %v", slowest, wait)
		}
		if slowestLater > wait/4 { // where a copy is missing, the silent node is asked whether it is back
			t.Errorf("with the node known to be down a request took %v longer than normal", slowestLater)
		}
		if waited == 0 {
			t.Error("no request met the hung node: the story shows nothing")
		}
	})
}

// The same, for requests that come at once and for the save of a request whose load
// went well.
func TestHungNodeUnderParallelRequests(t *testing.T) {
	const wait = 150 * time.Millisecond
	const users = 16
	eachVirtual(t, all, func(t *testing.T, w *world) {
		a := w.start(options{virtual: true, config: func(c *cluster.Config) { c.Timeout = wait }})
		for i := range users {
			u := w.newUser()
			u.logIn(a, fmt.Sprint("user", i))
			w.crowd = append(w.crowd, u)
		}
		g := a.newGate("loaded")
		var running sync.WaitGroup
		var mu sync.Mutex // guards slowest
		var slowest time.Duration
		visit := func(u *user, form ...string) {
			running.Go(func() {
				begin := time.Now()
				r := u.ask(a, "/set", append(form, "key", "a", "value", "1")...)
				if !r.ok() {
					t.Errorf("a request failed: %v", r)
				}
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, time.Since(begin))
			})
		}
		for _, u := range w.crowd[:users/2] {
			visit(u, "gate", "loaded")
		}
		synctest.Wait()
		w.env.Node(1).Pause()
		close(g.release)
		for _, u := range w.crowd[users/2:] {
			visit(u)
			visit(u) // twice at once, of one session
		}
		running.Wait()
		// Two saves of one session may have to give way to each other for some
		// milliseconds, hung node or not.
		if slowest < wait || slowest > wait*4/3 {
			t.Errorf("the slowest request took %v, want one Timeout, %v, and no second", slowest, wait)
		}
		w.env.Node(1).Resume()
	})
}
