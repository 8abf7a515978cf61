package main

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides what lies between a client and its servers: a count of open
// connections and, where a cell asks for it, a network round trip.

// wire makes the connections of one contender.
type wire struct {
	rtt  time.Duration
	open atomic.Int64
	peak atomic.Int64
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	open := w.open.Add(1)
	for {
		peak := w.peak.Load()
		if open <= peak || w.peak.CompareAndSwap(peak, open) {
			break
		}
	}
	return &wireConn{Conn: nc, wire: w}, nil
}

// wireConn delays each answer by the round trip. One answer is one Write, or
// several, followed by Reads: that is how all contenders speak.
type wireConn struct {
	net.Conn
	wire   *wire
	asked  bool
	closed atomic.Bool
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.asked = true
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.wire.rtt > 0 && c.asked {
		c.asked = false
		pause(c.wire.rtt)
	}
	return n, err
}

// SyscallConn lets clients look at the socket as they would without the wrapper:
// go-redis checks a pooled connection before it uses it.
func (c *wireConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *wireConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.wire.open.Add(-1)
	}
	return c.Conn.Close()
}

// pause sleeps in the kernel: the runtime rounds sleeps of an idle program up to
// a whole millisecond, which is twice the round trip that is to be imitated.
func pause(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	for syscall.Nanosleep(&ts, &ts) == syscall.EINTR {
	}
}
