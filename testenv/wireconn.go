package testenv

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides what one connection over a Wire does under the faults of its address.

// wireConn is a connection over a Wire. Its lock is never held during I/O.
type wireConn struct {
	net.Conn
	wire *Wire
	link *link

	// marked is set once this connection differs from the one below it in any
	// way; until then, and without a fault, Read and Write look no further.
	marked atomic.Bool

	mu                          sync.Mutex // guards below
	readBy, writeBy             time.Time
	moved                       chan struct{} // closed and replaced when a deadline moves or the connection ends
	waiting                     int           // how many wait for moved
	arrived                     []byte        // read from below, not yet by the client: drips
	held                        []parcel      // written by the client, not yet below
	sending                     bool          // by deliver
	losesRequests, losesReplies bool          // from here on
	closed, broken              bool
}

// Read hands over what has arrived, under the faults that stand when it arrives.
func (c *wireConn) Read(p []byte) (int, error) {
	for {
		if c.link.faults.Load() != nil || c.marked.Load() {
			n, done, err := c.readMarked(p)
			if done {
				return n, err
			}
		}
		n, err := c.Conn.Read(p)
		if c.link.faults.Load() == nil && !c.marked.Load() {
			return n, err
		}
		if n, done, err := c.judge(p, n, err); done {
			return n, err
		}
	}
}

// readMarked does what a read does before it comes to the connection below:
// done is false when it is to be read.
func (c *wireConn) readMarked(p []byte) (n int, done bool, err error) {
	dripped := false
	for {
		changed := c.link.signal()
		f := c.link.faults.Load()
		c.mu.Lock()
		var until time.Time
		switch {
		case c.broken || c.closed || passed(c.readBy):
			err = c.endLocked(c.readBy)
			c.mu.Unlock()
			return 0, true, c.wrap("read", err)
		case c.losesReplies:
		case len(c.arrived) == 0 || len(p) == 0:
			c.mu.Unlock()
			return 0, len(p) == 0, nil
		case f == nil || f.drip <= 0 || dripped:
			if dripped {
				p = p[:1]
			}
			n = copy(p, c.arrived)
			c.arrived = c.arrived[n:]
			c.mu.Unlock()
			return n, true, nil
		default:
			until = time.Now().Add(f.drip)
		}
		moved := c.moved
		c.waiting++
		by := c.readBy
		c.mu.Unlock()
		wait(until, by, changed, moved)
		dripped = passed(until)
		c.mu.Lock()
		c.waiting--
		c.mu.Unlock()
	}
}

// judge decides what becomes of a read from below that met a fault.
func (c *wireConn) judge(p []byte, n int, err error) (int, bool, error) {
	f := c.link.faults.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	timeout := err != nil && isTimeout(err)
	switch {
	case c.broken || c.closed:
		return 0, true, c.wrap("read", c.endLocked(c.readBy))
	case timeout && !passed(c.readBy) && n == 0:
		// Woken for a deadline that has been moved since.
		return 0, false, nil
	case timeout && n == 0:
		return 0, true, err
	case c.losesReplies || f != nil && f.lost&Replies != 0 || n > 0 && c.link.takeDrop():
		// The end of the stream gets lost like any other part of it.
		c.losesReplies = true
		c.marked.Store(true)
		return 0, false, nil
	case n > 0 && f != nil && f.drip > 0:
		c.arrived = append(c.arrived, p[:n]...)
		c.marked.Store(true)
		return 0, false, nil
	}
	return n, true, err
}

// takeDrop uses up one DropReply.
func (l *link) takeDrop() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.faults.Load(); f == nil || f.dropReplies == 0 {
		return false
	}
	l.changeLocked(func(f *faults) { f.dropReplies-- })
	return true
}

// Close closes the connection, or has deliver do so if something is held back.
func (c *wireConn) Close() error {
	c.mu.Lock()
	if c.closed || c.broken {
		c.mu.Unlock()
		return c.wrap("close", net.ErrClosed)
	}
	c.closed = true
	c.marked.Store(true)
	c.wakeLocked()
	if len(c.held) > 0 && !c.losesRequests || c.sending {
		// Wakes a read; what is held keeps the connection below open.
		c.Conn.SetReadDeadline(time.Unix(1, 0))
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	c.forget()
	return c.Conn.Close()
}

// breakOff ends the connection as a reset does, for both sides.
func (c *wireConn) breakOff() {
	c.mu.Lock()
	c.broken = true
	c.held = nil
	c.marked.Store(true)
	c.wakeLocked()
	c.mu.Unlock()
	c.forget()
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Conn.Close()
}

func (c *wireConn) forget() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	delete(c.link.conns, c)
}

// NetConn returns the connection below, as tls.Conn does.
func (c *wireConn) NetConn() net.Conn { return c.Conn }

// SetDeadline implements net.Conn.
func (c *wireConn) SetDeadline(t time.Time) error {
	return c.setDeadline(true, true, t)
}

// SetReadDeadline implements net.Conn.
func (c *wireConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(true, false, t)
}

// SetWriteDeadline implements net.Conn.
func (c *wireConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(false, true, t)
}

func (c *wireConn) setDeadline(read, write bool, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.broken {
		return c.wrap("set", net.ErrClosed)
	}
	if read {
		c.readBy = t
	}
	if write {
		c.writeBy = t
	}
	c.wakeLocked()
	switch {
	case read && write && !c.sending:
		return c.Conn.SetDeadline(t)
	case read:
		return c.Conn.SetReadDeadline(t)
	case !c.sending:
		return c.Conn.SetWriteDeadline(t)
	}
	return nil
}

// wakeLocked has those who wait look again.
func (c *wireConn) wakeLocked() {
	if c.waiting > 0 {
		close(c.moved)
		c.moved = make(chan struct{})
	}
}

// endLocked says why nothing more is read or written.
func (c *wireConn) endLocked(by time.Time) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.broken:
		return syscall.ECONNRESET
	}
	return os.ErrDeadlineExceeded
}

// wrap makes an error look as the net package's do.
func (c *wireConn) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// wait returns when the earlier of two times has come (zero is never) or a
// channel is closed.
func wait(until, deadline time.Time, changed, moved <-chan struct{}) {
	if until.IsZero() || !deadline.IsZero() && deadline.Before(until) {
		until = deadline
	}
	var come <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		come = timer.C
	}
	select {
	case <-come:
	case <-changed:
	case <-moved:
	}
}
