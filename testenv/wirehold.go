package testenv

import (
	"io"
	"time"
)

// This file decides what becomes of requests over a Wire: sent, held back or lost.

// parcel is one write that is held back.
type parcel struct {
	data     []byte
	due      time.Time // zero: when released
	releases int       // of the link when it was held; it is due when they are more
}

// Write sends, holds back or loses p.
func (c *wireConn) Write(p []byte) (int, error) {
	if c.link.faults.Load() == nil && !c.marked.Load() {
		n, err := c.Conn.Write(p)
		if err == nil || !c.marked.Load() {
			return n, err
		}
	}
	c.link.mu.Lock()
	f, releases := c.link.faults.Load(), c.link.releases
	c.link.mu.Unlock()
	if f == nil {
		f = &faults{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken || c.closed || passed(c.writeBy):
		return 0, c.wrap("write", c.endLocked(c.writeBy))
	case c.losesRequests || f.lost&Requests != 0:
		c.losesRequests = true
		c.marked.Store(true)
		return len(p), nil
	case f.late || f.delay > 0 || len(c.held) > 0 || c.sending:
		c.marked.Store(true)
		wait := f.delay
		if f.late {
			wait += f.lateFor
		}
		one := parcel{data: append([]byte(nil), p...), releases: releases}
		if !f.late || f.lateFor > 0 {
			one.due = time.Now().Add(wait)
		}
		c.held = append(c.held, one)
		if !one.due.IsZero() {
			time.AfterFunc(wait, c.deliver)
		}
		return len(p), nil
	}
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	if c.broken || c.closed {
		return n, c.wrap("write", c.endLocked(c.writeBy))
	}
	return n, err
}

func (c *wireConn) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held) > 0
}

// deliver sends what is due of what was held back, and closes the connection
// behind it if the client has closed it. One call does so at a time.
func (c *wireConn) deliver() {
	if !c.wire.enter() {
		return
	}
	defer c.wire.delivering.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending || len(c.held) == 0 {
		return
	}
	c.sending = true
	for len(c.held) > 0 && c.dueLocked(c.held[0]) {
		data := c.held[0].data
		c.held = c.held[1:]
		if f := c.link.faults.Load(); f != nil && f.lost&Requests != 0 {
			c.losesRequests = true
		}
		if c.losesRequests {
			continue
		}
		c.mu.Unlock()
		// The client's deadline was for the client.
		c.Conn.SetWriteDeadline(time.Now().Add(patience))
		c.Conn.Write(data)
		c.mu.Lock()
	}
	c.sending = false
	if len(c.held) > 0 || c.broken {
		return
	}
	c.Conn.SetWriteDeadline(c.writeBy)
	if c.closed {
		c.mu.Unlock()
		c.seeOff()
		c.mu.Lock()
	}
}

func (c *wireConn) dueLocked(p parcel) bool {
	if passed(p.due) {
		return true
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	return c.link.releases > p.releases
}

// seeOff ends a connection whose client has gone, after the node has read all of it.
func (c *wireConn) seeOff() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(patience))
		io.Copy(io.Discard, c.Conn)
	}
	c.forget()
	c.Conn.Close()
}

// enter announces a goroutine that Close waits for; false once it is closed.
func (w *Wire) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.delivering.Add(1)
	return true
}
