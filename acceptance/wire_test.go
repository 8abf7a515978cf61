package acceptance

// This file decides how a story gets between an app and a node: it counts the
// connections, or cuts them.

import (
	"context"
	"net"
	"sync"
)

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dials counts the connections that are open, by address.
type dials struct {
	mu     sync.Mutex // guards below
	counts map[string]int
}

func (d *dials) open(addr string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[addr]
}

func (d *dials) add(addr string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts == nil {
		d.counts = map[string]int{}
	}
	d.counts[addr] += n
}

func (d *dials) over(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		d.add(addr, 1)
		return &countedConn{Conn: nc, closed: sync.OnceFunc(func() { d.add(addr, -1) })}, nil
	}
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
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
