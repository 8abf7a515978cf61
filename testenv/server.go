package testenv

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides which connections the embedded server serves, when it is paused, and how it
// ends.

// ServerConfig says how large the embedded server is. The zero value makes a server like a
// memcached without arguments.
type ServerConfig struct {
	// MemoryBytes is the memory for items, in bytes. An item counts its value, its key and 57
	// bytes. If zero, 64 MiB is used. When the memory is full, the item that was not used for
	// longest is evicted.
	MemoryBytes int64

	// MaxItemBytes is the size of the largest item, in bytes, counted in the same way. If zero,
	// 1 MiB is used.
	MaxItemBytes int

	// NoEviction answers an error when the memory is full, as memcached -M does.
	NoEviction bool

	// CASPerKey counts the CAS ids of every key separately, from 1. Memcached has one count for all
	// keys, which begins again when the process restarts: then a token from before the restart
	// sometimes fits a new item. With CASPerKey it fits often, so that a test can find it.
	CASPerKey bool

	// Crawler says how the server lists its keys. The zero value does so as memcached 1.6.18.
	Crawler Crawler
}

// Server answers memcached's text protocol inside the test process. One Server is
// one life of a memcached process: it starts empty, and after Close it stays closed.
//
// It knows get, gets, gat, gats, set, add, replace, append, prepend, cas, delete,
// incr, decr, touch, flush_all, mg, ms, md, me and mn with their more common flags, version,
// verbosity, stats (the general ones, and of items how many each class has), lru_crawler metadump,
// noreply and quit, and answers ERROR to everything else.
type Server struct {
	hook    atomic.Pointer[func(verb, key string)]
	done    chan struct{} // closed by end
	serving sync.WaitGroup
	maxItem int64

	mu        sync.Mutex // guards below; every command is applied under it
	store     *store
	crawler   Crawler
	resumed   chan struct{} // nil while running; closed by Resume
	closed    bool
	conns     map[net.Conn]struct{}
	listeners map[net.Listener]struct{}
}

// NewServer returns a server with an empty memory and without connections.
func NewServer(cfg ServerConfig) *Server {
	if cfg.MemoryBytes <= 0 {
		cfg.MemoryBytes = 64 << 20
	}
	if cfg.MaxItemBytes <= 0 {
		cfg.MaxItemBytes = 1 << 20
	}
	return &Server{
		maxItem:   int64(cfg.MaxItemBytes),
		done:      make(chan struct{}),
		store:     newStore(cfg, time.Now()),
		crawler:   cfg.Crawler,
		conns:     map[net.Conn]struct{}{},
		listeners: map[net.Listener]struct{}{},
	}
}

// OnCommand has the server call f before each command is applied: once for each key of the command,
// or once with key "" if it has none. The goroutine of the connection calls f, under no lock. f may
// block, and it may kill or pause the node: the command is then lost or late. f must be safe for
// concurrent use; nil ends the calls.
func (s *Server) OnCommand(f func(verb, key string)) {
	if f == nil {
		s.hook.Store(nil)
		return
	}
	s.hook.Store(&f)
}

// Serve accepts connections from l and serves them until l or the server is
// closed. Its error is never nil and is net.ErrClosed after Close.
func (s *Server) Serve(l net.Listener) error {
	if !s.watch(l) {
		return net.ErrClosed
	}
	return s.accept(l)
}

// watch has l closed when the server ends. It reports whether the server is
// open; if so, accept must follow.
func (s *Server) watch(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return false
	}
	s.listeners[l] = struct{}{}
	s.serving.Add(1)
	return true
}

func (s *Server) accept(l net.Listener) error {
	defer s.serving.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.listeners, l)
			if s.closed {
				return net.ErrClosed
			}
			return err
		}
		if s.admit(c) {
			go s.converse(c)
		}
	}
}

// ServeConn serves one connection of any kind, such as one end of a net.Pipe,
// and returns when the client quits, the connection ends or the server is closed.
func (s *Server) ServeConn(c net.Conn) {
	if s.admit(c) {
		s.converse(c)
	}
}

// Dial opens a connection to the server that needs no socket. After Close it is
// refused, as a connection to a process that is gone.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	return s.dial(ctx, "tcp", "memory")
}

func (s *Server) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: memAddr(addr), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(err)
	}
	client, server := newPipe(memAddr("client"), memAddr(addr))
	if !s.admit(server) {
		return nil, fail(syscall.ECONNREFUSED)
	}
	go s.converse(server)
	return client, nil
}

// admit takes c among the connections that the end of the server closes. It
// reports whether the server is open; if so, converse must follow.
func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	s.conns[c] = struct{}{}
	s.serving.Add(1)
	s.store.totalConns++
	return true
}

// converse answers the commands of one admitted connection until it ends.
func (s *Server) converse(c net.Conn) {
	defer s.serving.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	newConversation(s, c).run()
}

// Pause stops the server as SIGSTOP stops a process: when it returns nothing is applied or
// answered any more, connections are accepted, and what arrives waits.
func (s *Server) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed == nil {
		s.resumed = make(chan struct{})
	}
}

// Resume lets the server go on, beginning with what waits, also where its client has gone.
func (s *Server) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed != nil {
		close(s.resumed)
		s.resumed = nil
	}
}

// Close ends the server as SIGKILL ends a process and waits for its goroutines.
// It must not be called from OnCommand, which one of them may be in.
func (s *Server) Close() error {
	s.end()
	s.serving.Wait()
	return nil
}

// end refuses and closes all connections and forgets all items. When it returns
// nothing is applied any more, but goroutines may still be on their way out.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	s.store = nil
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Close()
	}
}

func (s *Server) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// apply runs one command on the store: after the hook, not while paused, and
// not at the same time as any other. It reports whether the server is still open.
func (s *Server) apply(verb string, keys []string, command func(*store)) bool {
	if hook := s.hook.Load(); hook != nil {
		if !s.whileRunning(func(*store) {}) {
			return false
		}
		for _, key := range keys {
			(*hook)(verb, key)
		}
		if len(keys) == 0 {
			(*hook)(verb, "")
		}
	}
	return s.whileRunning(command)
}

// whileRunning waits while the server is paused and then does something to the
// store, under the lock. It does nothing and returns false once the server has ended.
func (s *Server) whileRunning(do func(*store)) bool {
	for {
		s.mu.Lock()
		resumed := s.resumed
		if s.closed || resumed == nil {
			defer s.mu.Unlock()
			if s.closed {
				return false
			}
			do(s.store)
			return true
		}
		s.mu.Unlock()
		select {
		case <-resumed:
		case <-s.done:
		}
	}
}
