package memcached

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// This file decides how a list of keys is read: over one connection, as fast as it comes and within
// its bounds, and how long a server is asked whose crawler is busy.

// keyReader reads lists over one connection.
type keyReader struct {
	ctx     context.Context
	conn    *lineConn
	clock   *Clock
	timeout time.Duration
	until   time.Duration // on the clock
	bounds  KeyBounds
	bytes   int64 // that have come
	buf     []byte
	keyParser
}

// How often and after which waits a server is asked whose crawler is busy: for some 16 s in all,
// which is longer than another list takes, or most crawls of the server's own.
const (
	busyTries     = 20
	firstBusyWait = 100 * time.Millisecond
	mostBusyWait  = time.Second
)

// read reads one list.
func (r *keyReader) read(what string) error {
	wait := firstBusyWait
	for range busyTries {
		err := r.readOnce(what)
		if !errors.Is(err, errKeysBusy) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		wait = min(2*wait, mostBusyWait)
	}
	return keysError{errKeysBusy}
}

// readOnce asks once. The command is alone on its way, as memcached demands.
func (r *keyReader) readOnce(what string) error {
	if r.conn.spoiled() {
		return keysError{errKeysSenseless}
	}
	if err := r.conn.until(r.clock.Now() + r.timeout); err != nil {
		return err
	}
	if _, err := r.conn.Write([]byte("lru_crawler metadump " + what + "\r\n")); err != nil {
		return err
	}
	r.begin()
	have := 0
	for {
		n, err := r.more(r.buf[have:])
		have += n
		rest, done, bad := r.parse(r.buf[:have])
		switch {
		case bad != nil:
			return bad
		case errors.Is(err, ErrTooManyKeys): // also if the end has come with it
			return err
		case done && len(rest) == 0:
			return nil
		case done:
			return keysError{errKeysSenseless}
		case err != nil:
			return err
		}
		have = copy(r.buf, rest)
	}
}

// more reads what comes next, within the bounds.
func (r *keyReader) more(b []byte) (int, error) {
	now := r.clock.Now()
	if now >= r.until {
		return 0, keysError{errKeysSlow}
	}
	if err := r.conn.until(min(now+r.bounds.Silence, r.until)); err != nil {
		return 0, err
	}
	n, err := r.conn.in.Read(b)
	r.bytes += int64(n)
	switch {
	case r.bytes > r.bounds.Bytes:
		err = keysError{fmt.Errorf("%w: more than %d bytes: raise the bound, or give the node fewer keys", ErrTooManyKeys, r.bounds.Bytes)}
	case err == nil:
	case isTimeout(err) && r.clock.Now() >= r.until:
		err = keysError{errKeysSlow}
	case isTimeout(err):
		err = keysError{errKeysSilent}
	case isBroken(err):
		err = keysError{errKeysCut}
	}
	return n, err
}
