package memcached

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// This file decides what a connection to a node is: dialled, encrypted, logged
// in, and guarded against a server that drips, lies about lengths or never ends.

// dialer opens connections to one node.
type dialer struct {
	dial          func(ctx context.Context, network, address string) (net.Conn, error)
	tls           func() *tls.Config // of one connection; nil: plain
	username      string             // empty: no login
	password      secret
	timeout       time.Duration
	clock         *Clock
	maxValueBytes int
	opened        atomic.Uint64 // connections so far
}

// errLogin means that the node refused the username and password.
var errLogin = errors.New("login refused: check Username and Password against the node's auth file")

// limit is when a command that begins now has taken a Timeout.
func (d *dialer) limit() time.Duration { return d.clock.Now() + d.timeout }

// connect opens a guarded connection for a link, or for none.
func (d *dialer) connect(l *link, network, address string) (*guardedConn, error) {
	limit := d.limit()
	nc, err := d.open(network, address, limit)
	if err != nil {
		return nil, err
	}
	return &guardedConn{nodeConn: nc, dialer: d, user: l, opened: d.opened.Load(), first: limit, maxValue: d.maxValueBytes + maxItemHeader}, nil
}

// nodeConn is a connection on which commands can be sent, each until a limit.
type nodeConn struct {
	net.Conn // as commands see it: decrypted
	below    *patientConn
}

func (c *nodeConn) until(limit time.Duration) error { return c.below.until(limit) }

// open returns a connection, or an error that is unreachable, when the clock reaches the
// limit at the latest.
func (d *dialer) open(network, address string, limit time.Duration) (*nodeConn, error) {
	ctx, cancel := d.clock.context(limit)
	defer cancel()
	nc, err := d.dialled(ctx, network, address)
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*dialError)) {
		err = os.ErrDeadlineExceeded // whatever was made of the end of the context
	}
	if err != nil {
		return nil, unreachable{err}
	}
	if tcp, ok := socket(nc).(*net.TCPConn); ok {
		// A connection is closed early only after a timeout. What still waits in
		// its send buffer then must not reach the node later.
		_ = tcp.SetLinger(0)
	}
	c := &nodeConn{below: &patientConn{Conn: nc, clock: d.clock}}
	c.Conn = c.below
	if err = c.until(limit); err == nil {
		err = d.prepare(c, address)
	}
	if err != nil {
		nc.Close()
		return nil, unreachable{err}
	}
	d.opened.Add(1)
	return c, nil
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

// prepare encrypts the connection and logs in.
func (d *dialer) prepare(c *nodeConn, address string) error {
	if d.tls != nil {
		if err := d.encrypt(c, address); err != nil {
			return err
		}
	}
	c.Conn = &greetedConn{Conn: c.Conn}
	if d.username == "" {
		return nil
	}
	return login(c, d.username, d.password())
}

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

// maxItemHeader is how much larger than MaxValueBytes an answer may be before
// its node is taken for broken: values of other writers with a higher limit.
const maxItemHeader = 1 << 20

var errOversized = errors.New("answer announces more than was asked for, or than MaxValueBytes allows")

// guardedConn gives each command one limit, and refuses an answer that
// announces more bytes or values than there can be before anyone allocates them.
// The client above it (gomemcache) extends its deadline with every item it
// reads and allocates what the server announces.
type guardedConn struct {
	*nodeConn
	dialer   *dialer
	user     *link         // nil: a probe
	opened   uint64        // it was at most the opened-th connection to its node
	first    time.Duration // limit of the first command, the one that had to dial; then 0
	maxValue int

	sending bool // a command is being written; no byte of its answer has come
	unsent  bool // the command is swallowed, see link
	getting bool // the command asks for values
	values  int  // that the answer may still bring: one for each key asked for
	ended   bool // the answer's last line has come
	line    []byte
	skip    int // bytes of the current value, with its line end, still to come

	held   []byte // read ahead: from the end of a line whose value has not come
	wanted int    // bytes of it, before they are passed on
	passed int    // bytes of those inspected last that may be passed on
}

// SetDeadline does nothing: Write starts the clock.
func (c *guardedConn) SetDeadline(time.Time) error { return nil }

func (c *guardedConn) Write(b []byte) (int, error) {
	if !c.sending {
		if len(c.held) > 0 || isAstray(c.nodeConn) {
			return 0, net.ErrClosed
		}
		c.sending, c.ended = true, false
		c.getting, c.values = bytes.HasPrefix(b, []byte("gets ")), 0
		switch {
		case c.user == nil:
		case c.getting:
			c.user.opened = c.dialer.opened.Load()
		default:
			c.unsent = c.user.refuses(c.opened)
		}
		limit := c.first
		if c.first = 0; limit == 0 {
			limit = c.dialer.limit()
		}
		if err := c.until(limit); err != nil {
			return 0, err
		}
	}
	if c.unsent {
		return len(b), nil
	}
	if c.getting {
		c.values += bytes.Count(b, []byte(" "))
	}
	return c.Conn.Write(b)
}

func (c *guardedConn) Read(b []byte) (int, error) {
	c.sending = false
	if c.unsent {
		return copy(b, conflict), nil
	}
	for {
		n, err := c.next(b)
		if bad := c.inspect(b[:n]); bad != nil {
			return 0, bad
		}
		if c.passed == n {
			return n, err
		}
		c.held = append(bytes.Clone(b[c.passed:n]), c.held...)
		if c.passed > 0 {
			return c.passed, nil
		}
		if err := c.hold(); err != nil {
			return 0, err
		}
	}
}

// next reads what was read ahead, or what comes.
func (c *guardedConn) next(b []byte) (int, error) {
	if len(c.held) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.held)
	if c.held = c.held[n:]; len(c.held) == 0 {
		c.held = nil
	}
	return n, nil
}

// hold reads until what is wanted has come, into room that grows with it.
func (c *guardedConn) hold() error {
	for len(c.held) < c.wanted {
		c.held = slices.Grow(c.held, min(max(len(c.held), 4<<10), c.wanted-len(c.held)))
		n, err := c.Conn.Read(c.held[len(c.held):min(cap(c.held), c.wanted)])
		if c.held = c.held[:len(c.held)+n]; err != nil {
			return err
		}
	}
	return nil
}

// mostAnnounced is the largest value whose announcement is passed on before the value has come: the
// client above allocates what is announced, and a node may announce what it does not send.
const mostAnnounced = 64 << 10

// inspect follows the answer line by line and value by value, and sets how many bytes may be
// passed on before what is wanted has come.
func (c *guardedConn) inspect(b []byte) error {
	c.passed = len(b)
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
		size, isValue := announced(c.line)
		if isValue && (size > c.maxValue || c.values == 0) {
			return errOversized
		}
		if c.wanted = len("\n") + size + len("\r\n"); isValue && size > mostAnnounced && 1+len(rest)+len(c.held) < c.wanted {
			c.passed -= 1 + len(rest) // its line is followed once more then, from its end
			return nil
		}
		b, c.line = rest, c.line[:0]
		if !isValue {
			c.ended = true // END, or a one-line answer
			continue
		}
		c.values--
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
