package memcached

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// This file decides how large writes go: each has a connection to itself while it is under way.

// largeWrites are the connections of large writes.
type largeWrites struct {
	dialer *dialer
	dial   func(w *write, limit time.Duration) (*lineConn, error)
	tell   teller
	most   int // idle ones to be kept

	mu   sync.Mutex  // guards below
	idle []*lineConn // the last used is the next to be used
}

// exchange has one write with the server.
func (l *largeWrites) exchange(w *write) error {
	began := l.tell.begin()
	err := l.have(w)
	if !errors.Is(err, errStale) {
		l.tell.end(began, true, 1, err)
	}
	return err
}

func (l *largeWrites) have(w *write) error {
	limit := l.dialer.limit()
	c := l.take()
	if c == nil {
		var err error
		if c, err = l.dial(w, limit); err != nil {
			return err
		}
	}
	if c.refuses(w) {
		l.give(c)
		return errStale
	}
	if err := c.send(w, limit); err != nil {
		c.Close()
		return err
	}
	l.give(c)
	return w.result()
}

var crlf = []byte("\r\n")

// send sends one write, without a copy of it, and reads its answer.
func (c *lineConn) send(w *write, limit time.Duration) error {
	_ = c.until(limit) // where it fails, so does the write
	for _, part := range [][]byte{append(w.line, "\r\n"...), w.value, crlf} {
		if _, err := c.Write(part); err != nil {
			return err
		}
	}
	err := c.answer(w)
	if err == nil && c.spoiled() {
		err = errOutOfStep
	}
	return err
}

// take returns a connection that is not in use, or nil.
func (l *largeWrites) take() *lineConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := len(l.idle); n > 0; n-- {
		c := l.idle[n-1]
		l.idle = slices.Delete(l.idle, n-1, n)
		if !isAstray(c.nodeConn) {
			return c
		}
		c.Close()
	}
	return nil
}

func (l *largeWrites) give(c *lineConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) == l.most {
		c.Close()
		return
	}
	l.idle = append(l.idle, c)
}

// drop closes the connections that are not in use.
func (l *largeWrites) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.idle {
		c.Close()
	}
	l.idle = slices.Delete(l.idle, 0, len(l.idle))
}
