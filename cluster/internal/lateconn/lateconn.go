// Package lateconn gives a test the connection of a process that notices deadlines before anything
// else, as after a stop: the poller of Go reports a deadline first, whatever answer is there.
package lateconn

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Late says how many of the next reads and writes, on all connections of a process, report their
// deadline once it has passed, whatever is there.
type Late struct{ Reads, Writes atomic.Int32 }

// Conn returns the connection as such a process sees it.
func (l *Late) Conn(nc net.Conn) net.Conn { return &conn{Conn: nc, late: l} }

type conn struct {
	net.Conn
	late *Late

	mu       sync.Mutex // guards below
	deadline time.Time
}

func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

// pass lets the deadline pass.
func (c *conn) pass() error {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	time.Sleep(time.Until(deadline))
	return os.ErrDeadlineExceeded
}

func (c *conn) Read(b []byte) (int, error) {
	if c.late.Reads.Add(-1) >= 0 {
		return 0, c.pass()
	}
	return c.Conn.Read(b)
}

func (c *conn) Write(b []byte) (int, error) {
	if c.late.Writes.Add(-1) >= 0 {
		return 0, c.pass()
	}
	return c.Conn.Write(b)
}
