package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// This file decides what a connection to a node is: dialled, encrypted, logged
// in, and guarded against a server that drips, lies about lengths or never ends.

// dialer opens connections to one node.
type dialer struct {
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
	tls            *tls.Config // nil: plain
	username       string      // empty: no login
	password       string
	timeout        time.Duration
	maxRecordBytes int
	opened         atomic.Uint64 // connections so far
}

// errNoTLS means that a handshake was not answered. A memcached without TLS waits for
// the end of a line in it.
var errNoTLS = errors.New("TLS handshake: no answer within the timeout: does the node speak TLS?")

// errLogin means that the node refused the username and password.
var errLogin = errors.New("login refused: check Username and Password against the node's auth file")

// connect opens a guarded connection for a line, or for none. The context carries the deadline
// of the whole of it.
func (d *dialer) connect(ctx context.Context, l *link, network, address string) (*guardedConn, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(d.timeout)
	}
	nc, err := d.open(ctx, network, address, deadline)
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: nc, dialer: d, user: l, opened: d.opened.Load(), first: deadline, maxValue: d.maxRecordBytes + maxItemHeader}, nil
}

// open returns a connection on which commands can be sent. The error is unreachable.
func (d *dialer) open(ctx context.Context, network, address string, deadline time.Time) (net.Conn, error) {
	nc, err := d.dialled(ctx, network, address)
	if err != nil {
		return nil, unreachable{d.orLate(err, deadline)}
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		// A connection is closed early only after a timeout. What still waits in
		// its send buffer then must not reach the node later.
		_ = tcp.SetLinger(0)
	}
	if nc, err = d.prepare(ctx, nc, deadline, address); err != nil {
		return nil, unreachable{d.orLate(err, deadline)}
	}
	d.opened.Add(1)
	return nc, nil
}

// dialled calls the app's DialContext. One that panics must not take the process with it,
// nor leave those that share the connection waiting for ever.
func (d *dialer) dialled(ctx context.Context, network, address string) (nc net.Conn, err error) {
	defer func() {
		if recover() != nil {
			nc, err = nil, errors.New("DialContext panicked")
		}
	}()
	if nc, err = d.dial(ctx, network, address); err == nil && nc == nil {
		err = errors.New("DialContext returned no connection")
	}
	return nc, err
}

// lateError is a timeout that was noticed so late that it says more about this process,
// which was held up itself, than about the node: the answer may have been there.
type lateError struct{ error }

func (e lateError) Unwrap() error { return e.error }

func isLate(err error) bool {
	return err != nil && errors.As(err, new(lateError))
}

// orLate returns err, as a lateError where it is a timeout that was noticed late.
func (d *dialer) orLate(err error, deadline time.Time) error {
	if err != nil && isTimeout(err) && time.Since(deadline) > d.timeout/repeatWithin {
		return lateError{err}
	}
	return err
}

func (d *dialer) prepare(ctx context.Context, nc net.Conn, deadline time.Time, address string) (net.Conn, error) {
	if d.tls != nil {
		conf := d.tls.Clone()
		if conf.ServerName == "" && !conf.InsecureSkipVerify {
			conf.ServerName, _, _ = net.SplitHostPort(address)
		}
		secure := tls.Client(nc, conf)
		if err := secure.HandshakeContext(ctx); err != nil {
			nc.Close()
			var alien tls.RecordHeaderError
			if errors.As(err, &alien) {
				return nil, fmt.Errorf("TLS handshake: the node does not speak TLS: %w", err)
			}
			if isTimeout(err) {
				return nil, errNoTLS
			}
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		nc = abrupt{secure}
	}
	nc = &greetedConn{Conn: nc}
	if d.username == "" {
		return nc, nil
	}
	_ = nc.SetDeadline(deadline)
	if err := login(nc, d.username, d.password); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// abrupt closes a TLS connection without a goodbye: a node that has stopped reading would
// keep it waiting, for five seconds of its own (tls.Conn.Close).
type abrupt struct{ *tls.Conn }

func (c abrupt) Close() error { return c.NetConn().Close() }

// login sends memcached's ASCII login: the first command of a connection is a
// set whose value is "username password" (memcached, doc/protocol.txt,
// "Authentication"). Its expiry is in the past: a node that wants no login takes the
// command for what it looks like, and must not keep the password.
func login(nc net.Conn, username, password string) error {
	msg := fmt.Appendf(nil, "set auth 0 -1 %d\r\n%s %s\r\n", len(username)+1+len(password), username, password)
	if _, err := nc.Write(msg); err != nil {
		return err
	}
	var line [64]byte
	n := 0
	for n < len(line) && bytes.IndexByte(line[:n], '\n') < 0 {
		m, err := nc.Read(line[n:])
		if err != nil {
			return err
		}
		n += m
	}
	if !bytes.HasPrefix(line[:n], []byte("STORED\r\n")) {
		return errLogin
	}
	return nil
}

// maxItemHeader is how much larger than MaxRecordBytes an answer may be before
// its node is taken for broken: values of other writers with a higher limit.
const maxItemHeader = 1 << 20

var errOversized = errors.New("answer announces more than was asked for, or than MaxRecordBytes allows")

// guardedConn gives each command one deadline, and refuses an answer that
// announces more bytes or values than there can be before anyone allocates them.
// The client above it (gomemcache) extends its deadline with every item it
// reads and allocates what the server announces.
type guardedConn struct {
	net.Conn
	dialer   *dialer
	user     *link     // nil: a probe
	opened   uint64    // it was at most the opened-th connection to its node
	first    time.Time // deadline of the first command: the one that had to dial
	deadline time.Time // of the command under way
	maxValue int

	sending bool // a command is being written; no byte of its answer has come
	unsent  bool // the command is swallowed, see link
	getting bool // the command asks for values
	values  int  // that the answer may still bring: one for each key asked for
	ended   bool // the answer's last line has come
	line    []byte
	skip    int // bytes of the current value, with its line end, still to come
}

// SetDeadline does nothing: Write starts the clock.
func (c *guardedConn) SetDeadline(time.Time) error { return nil }

func (c *guardedConn) Write(b []byte) (int, error) {
	if !c.sending {
		c.sending, c.ended = true, false
		c.getting, c.values = bytes.HasPrefix(b, []byte("gets ")), 0
		switch {
		case c.user == nil:
		case c.getting:
			c.user.opened = c.dialer.opened.Load()
		default:
			c.unsent = c.user.refuses(c.opened)
		}
		c.deadline = c.first
		if c.first = (time.Time{}); c.deadline.IsZero() {
			c.deadline = time.Now().Add(c.dialer.timeout)
		}
		if err := c.Conn.SetDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	if c.unsent {
		return len(b), nil
	}
	if c.getting {
		c.values += bytes.Count(b, []byte(" "))
	}
	n, err := c.Conn.Write(b)
	return n, c.dialer.orLate(err, c.deadline)
}

func (c *guardedConn) Read(b []byte) (int, error) {
	c.sending = false
	if c.unsent {
		return copy(b, conflict), nil
	}
	n, err := c.Conn.Read(b)
	if bad := c.inspect(b[:n]); bad != nil {
		return 0, bad
	}
	return n, c.dialer.orLate(err, c.deadline)
}

// inspect follows the answer line by line and value by value.
func (c *guardedConn) inspect(b []byte) error {
	for len(b) > 0 {
		if c.ended {
			return errOutOfStep
		}
		if c.skip > 0 {
			n := min(c.skip, len(b))
			c.skip -= n
			b = b[n:]
			continue
		}
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if len(c.line)+len(line) > maxAnswerLine {
			return errOversized
		}
		c.line = append(c.line, line...)
		if !whole {
			return nil
		}
		b = rest
		size, isValue := announced(c.line)
		c.line = c.line[:0]
		if !isValue {
			c.ended = true // END, or a one-line answer
			continue
		}
		if c.values--; size > c.maxValue || c.values < 0 {
			return errOversized
		}
		c.skip = size + len("\r\n")
	}
	return nil
}

// maxAnswerLine bounds one line of an answer: a VALUE line has a key of at most
// 250 bytes and three numbers.
const maxAnswerLine = 2048

// announced returns the number of bytes that a line "VALUE key flags bytes [cas]"
// announces.
func announced(line []byte) (int, bool) {
	rest, isValue := bytes.CutPrefix(line, []byte("VALUE "))
	if !isValue {
		return 0, false
	}
	_, rest, _ = bytes.Cut(rest, []byte(" ")) // key
	_, rest, _ = bytes.Cut(rest, []byte(" ")) // flags
	size, _, _ := bytes.Cut(bytes.TrimRight(rest, "\r"), []byte(" "))
	n, err := strconv.ParseUint(string(size), 10, 31)
	if err != nil {
		return math.MaxInt32, true
	}
	return int(n), true
}
