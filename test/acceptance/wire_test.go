package acceptance

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
)

// This file decides how a story gets between an app and a node: it counts the
// connections, or cuts them.

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// tap counts what the clusters that dial through it do.
type tap struct {
	mu    sync.Mutex     // guards below
	conns map[string]int // open connections, by address
	verbs map[string]int // commands, by their first word
}

func (tp *tap) open(addr string) int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.conns[addr]
}

// writes is the number of commands that store something.
func (tp *tap) writes() (n int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, verb := range []string{"set", "add", "cas", "replace", "append", "touch"} {
		n += tp.verbs[verb]
	}
	return n
}

// commands is the number of all commands but those of a prober.
func (tp *tap) commands() (n int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for verb, times := range tp.verbs {
		if verb != "version" {
			n += times
		}
	}
	return n
}

func (tp *tap) opened(addr string, n int) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.conns == nil {
		tp.conns, tp.verbs = map[string]int{}, map[string]int{}
	}
	tp.conns[addr] += n
}

// sent counts a command. The client sends each with one Write, its value with it, as
// long as that is short.
func (tp *tap) sent(b []byte) {
	if bytes.Contains(b, []byte("holdfast.")) || bytes.HasPrefix(b, []byte("lru_crawler")) || bytes.HasPrefix(b, []byte("stats")) {
		return // about nodes, and not about sessions
	}
	verb, _, _ := bytes.Cut(b, []byte(" "))
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.verbs[strings.TrimSpace(string(verb))]++
}

func (tp *tap) over(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		tp.opened(addr, 1)
		return &tappedConn{Conn: nc, tap: tp, closed: sync.OnceFunc(func() { tp.opened(addr, -1) })}, nil
	}
}

type tappedConn struct {
	net.Conn
	tap    *tap
	closed func()
}

func (c *tappedConn) Write(b []byte) (int, error) {
	c.tap.sent(b)
	return c.Conn.Write(b)
}

func (c *tappedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// partition cuts one app off from addresses: what it sends vanishes, no connection
// comes about, and nobody is told.
type partition struct {
	mu  sync.Mutex // guards below
	cut map[string]bool
}

func (p *partition) set(addr string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut == nil {
		p.cut = map[string]bool{}
	}
	p.cut[addr] = cut
}

func (p *partition) isCut(addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut[addr]
}

func (p *partition) over(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if p.isCut(addr) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &cutConn{Conn: nc, isCut: func() bool { return p.isCut(addr) }}, nil
	}
}

type cutConn struct {
	net.Conn
	isCut func() bool
	lost  bool // something that was sent has vanished: the connection can not go on
}

func (c *cutConn) Write(b []byte) (int, error) {
	c.lost = c.lost || c.isCut()
	if c.lost {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
