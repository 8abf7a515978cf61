package testenv

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// This file decides how the embedded server becomes a node: on a loopback socket
// or in memory.

// embedded is a node inside this process. Each start gives it a new Server,
// which is to this node what a process is to a real one.
type embedded struct {
	addr string         // "" when it has no socket
	hold net.PacketConn // nil when it has no socket
	cfg  ServerConfig

	mu       sync.Mutex // guards below: Dial comes from other goroutines than the Node's changes
	current  *Server    // nil before the first start; closed while the node is down
	previous []*Server  // ended by stop, perhaps with goroutines that have yet to notice
}

func newEmbedded(addr string, hold net.PacketConn, cfg ServerConfig) *embedded {
	return &embedded{addr: addr, hold: hold, cfg: cfg}
}

func (e *embedded) start() error {
	s := NewServer(e.cfg)
	if old := e.server(); old != nil {
		s.hook.Store(old.hook.Load())
		s.SetCrawler(old.settings())
	}
	if e.addr != "" {
		// An address that was in use a moment ago may take a moment to be free.
		l, err := net.Listen("tcp", e.addr)
		// An address that was in use a moment ago may take a moment to be free.
		for deadline := time.Now().Add(patience / 10); err != nil && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
			l, err = net.Listen("tcp", e.addr)
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return errPortTaken
		} else if err != nil {
			return err
		}
		if s.watch(l) {
			go s.accept(l)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current != nil {
		e.previous = append(e.previous, e.current)
	}
	e.current = s
	return nil
}

func (e *embedded) stop() error {
	if s := e.server(); s != nil {
		// Without waiting: a command in flight may be the one that killed the
		// node, from OnCommand. It can no longer touch anything.
		s.end()
	}
	return nil
}

func (e *embedded) pause() error {
	e.server().Pause()
	return nil
}

func (e *embedded) resume() error {
	e.server().Resume()
	return nil
}

func (e *embedded) close() {
	e.stop()
	e.mu.Lock()
	all := append(e.previous, e.current)
	e.previous = nil
	e.mu.Unlock()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for _, s := range all {
			if s != nil {
				s.Close()
			}
		}
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		// An OnCommand that never returns must not keep the test from telling why it failed.
	}
	if e.hold != nil {
		e.hold.Close()
	}
}

func (e *embedded) alive() bool {
	s := e.server()
	return s != nil && !s.ended()
}

func (e *embedded) pid() int { return 0 }

func (e *embedded) server() *Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current
}

// dialMemory reaches the nodes that have no sockets.
func (e *Env) dialMemory(ctx context.Context, network, addr string) (net.Conn, error) {
	for _, n := range e.All() {
		if n.addr == addr {
			return n.backend.server().dial(ctx, network, addr)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(addr), Err: os.ErrNotExist}
}
