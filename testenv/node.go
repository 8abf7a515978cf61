package testenv

import (
	"errors"
	"fmt"
	"sync"
)

// This file decides what can be done to a node, in which state, and what it means.

// State is what a node is doing.
type State int

const (
	// Up means that the node answers.
	Up State = iota
	// Paused means that the node accepts connections and does nothing else.
	Paused
	// Down means that connections to the node are refused and its memory is gone.
	Down
)

// String returns "up", "paused" or "down".
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Paused:
		return "paused"
	case Down:
		return "down"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Node is one memcached node of an [Env]. Its methods may be called by several
// goroutines at once; they report failures through the Fatalf of the test.
type Node struct {
	id      string
	addr    string
	env     *Env
	backend backend

	mu    sync.Mutex // guards below; held while the node changes, so that changes take turns
	state State
	ended bool
}

// backend is one kind of node. The Node calls it under its lock, except server.
type backend interface {
	start() error // a new, empty memory; returns when connections are accepted
	stop() error  // at once, from any state; returns when connections are refused
	pause() error // returns when nothing is applied any more
	resume() error
	close()      // releases what outlives a stop; the last call
	alive() bool // false once it ended, also by itself
	pid() int    // 0 when it is not a process of its own
	server() *Server
}

var errForeign = errors.New("it runs elsewhere, see " + NodesVariable)

// ID returns the name of the node, such as "n1".
func (n *Node) ID() string { return n.id }

// Addr returns host:port, the same for the whole life of the node.
func (n *Node) Addr() string { return n.addr }

// Real reports whether the node is a memcached process, not the embedded server.
func (n *Node) Real() bool { return n.env.kind == kindProcess || n.env.kind == kindForeign }

// State returns what the node is doing now. A process that ended by itself is Down.
func (n *Node) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stateLocked()
}

func (n *Node) stateLocked() State {
	if !n.backend.alive() {
		return Down
	}
	return n.state
}

// PID returns the process id of a memcached process that runs or is paused, otherwise 0.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.backend.pid()
}

// Kill ends the node at once, as SIGKILL does, whether the node is up or paused. Its memory is
// lost. Kill returns when a connection attempt is refused. A node that is down stays down.
func (n *Node) Kill() {
	n.env.tb.Helper()
	n.change("kill", func() error {
		return n.stopLocked()
	})
}

// Restart kills the node if it is not down, and starts it with an empty memory at the same address.
// It returns when the node accepts connections.
func (n *Node) Restart() {
	n.env.tb.Helper()
	n.change("restart", func() error {
		if err := n.stopLocked(); err != nil {
			return err
		}
		if err := n.backend.start(); err != nil {
			return err
		}
		n.state = Up
		return nil
	})
}

func (n *Node) stopLocked() error {
	err := n.backend.stop()
	if err == nil {
		n.state = Down
	}
	return err
}

// Pause stops the node as SIGSTOP does: connections are still accepted and requests are taken, but
// not answered. Resume applies these requests, also if their clients have gone meanwhile. Pause
// returns when the node has stopped. A paused node stays paused; pausing a node that is down fails
// the test.
func (n *Node) Pause() {
	n.env.tb.Helper()
	n.change("pause", func() error {
		switch n.stateLocked() {
		case Down:
			return errors.New("it is down; Restart it first")
		case Paused:
			return nil
		}
		if err := n.backend.pause(); err != nil {
			return err
		}
		n.state = Paused
		return nil
	})
}

// Resume lets a paused node go on, as SIGCONT does. It does nothing to any other node.
func (n *Node) Resume() {
	n.env.tb.Helper()
	n.change("resume", func() error {
		if n.stateLocked() != Paused {
			return nil
		}
		if err := n.backend.resume(); err != nil {
			return err
		}
		n.state = Up
		return nil
	})
}

// OnCommand has the embedded server call f before each command; nil ends the calls. See
// [Server.OnCommand] for the arguments. A test on memcached processes is skipped: they cannot call
// f.
func (n *Node) OnCommand(f func(verb, key string)) {
	n.env.tb.Helper()
	if s := n.embedded("calls no OnCommand"); s != nil {
		s.OnCommand(f)
	}
}

// SetCrawler changes how the embedded server lists its keys, also after a Restart. A test on
// memcached processes is skipped.
func (n *Node) SetCrawler(c Crawler) {
	n.env.tb.Helper()
	if s := n.embedded("has no other crawler"); s != nil {
		s.SetCrawler(c)
	}
}

// embedded returns the embedded server. Where the node is none, the test is skipped: lacks says why.
func (n *Node) embedded(lacks string) *Server {
	n.env.tb.Helper()
	n.mu.Lock()
	s := n.backend.server()
	n.mu.Unlock()
	if s == nil {
		n.env.tb.Skipf("testenv: %s %s: it is not the embedded server; see Embedded and InMemory", n.id, lacks)
	}
	return s
}

// change makes one change to the node; changes take turns. It reports an error without holding a
// lock, because a Program that ends also ends its nodes.
func (n *Node) change(what string, do func() error) {
	n.env.tb.Helper()
	err := n.changed(do)
	if errors.Is(err, errForeign) {
		n.env.tb.Skipf("testenv: cannot %s %s: %v", what, n.id, err)
	} else if err != nil {
		n.env.tb.Fatalf("testenv: %s %s: %v", what, n.id, err)
	}
}

func (n *Node) changed(do func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return nil // a goroutine that the test has left behind
	}
	return do()
}

// end stops the node for good.
func (n *Node) end() {
	n.mu.Lock()
	ended := n.ended
	n.ended, n.state = true, Down
	n.mu.Unlock()
	// Not under the lock: close waits for commands, and one of them may be in an
	// OnCommand that is about to change this node.
	if !ended {
		n.backend.close()
	}
}

// none is the backend of a node that could not be started.
type none struct{}

func (none) start() error    { return nil }
func (none) stop() error     { return nil }
func (none) pause() error    { return nil }
func (none) resume() error   { return nil }
func (none) close()          {}
func (none) alive() bool     { return false }
func (none) pid() int        { return 0 }
func (none) server() *Server { return nil }

// foreign is the backend of a node that runs elsewhere: nothing is done to it.
type foreign struct{ none }

func (foreign) start() error  { return errForeign }
func (foreign) stop() error   { return errForeign }
func (foreign) pause() error  { return errForeign }
func (foreign) resume() error { return errForeign }
func (foreign) alive() bool   { return true }
