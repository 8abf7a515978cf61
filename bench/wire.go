package main

import (
	"context"
	"errors"
	"net"
	"os"
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
	c := &wireConn{Conn: nc, wire: w}
	if w.rtt > 0 {
		c.alarm, err = newAlarm()
	}
	return c, err
}

// wireConn delays each answer by the round trip. One answer is one Write, or
// several, followed by Reads: that is how all contenders speak.
type wireConn struct {
	net.Conn
	wire   *wire
	asked  bool
	alarm  *os.File // nil without a round trip
	closed atomic.Bool
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.asked = true
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.alarm != nil && c.asked {
		c.asked = false
		pause(c.alarm, c.wire.rtt)
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
		if c.alarm != nil {
			c.alarm.Close()
		}
	}
	return c.Conn.Close()
}
