package memcached

import (
	"bytes"
	"math"
	"net"
	"slices"
	"strconv"
	"time"
)

// This file decides which answers to a get are passed on to gomemcache. It extends its deadline
// with every item that it reads, and allocates what the server announces: a server that drips,
// lies about lengths or never ends must cost no more than one that hangs.

// maxItemHeader is how much larger than MaxValueBytes an answer may be before
// its server is taken for broken: values of other writers with a higher limit.
const maxItemHeader = 1 << 20

// guardedConn gives each command one limit, and refuses an answer that
// announces more bytes or values than there can be before anyone allocates them.
// The client above it (gomemcache) extends its deadline with every item it
// reads and allocates what the server announces.
type guardedConn struct {
	*nodeConn
	dialer   *dialer
	reader   *reader
	first    time.Duration // limit of the first command, the one that had to dial; then 0
	maxValue int

	sending bool // a command is being written; no byte of its answer has come
	values  int  // that the answer may still bring: one for each key asked for
	ended   bool // the answer's last line has come
	line    []byte
	size    int // of the current value
	skip    int // bytes of it, with its line end, still to come

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
		c.sending, c.ended, c.values = true, false, 0
		c.reader.opened = c.dialer.opened.Load()
		limit := c.first
		if c.first = 0; limit == 0 {
			limit = c.dialer.limit()
		}
		if err := c.until(limit); err != nil {
			return 0, err
		}
	}
	c.values += bytes.Count(b, []byte(" "))
	return c.Conn.Write(b)
}

func (c *guardedConn) Read(b []byte) (int, error) {
	c.sending = false
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
// client above allocates what is announced, and a server may announce what it does not send. One that has
// sent larger values is believed up to twice their size.
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
			if c.skip -= n; c.skip == 0 {
				c.reader.sent = max(c.reader.sent, c.size)
			}
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
		if c.wanted = len("\n") + size + len("\r\n"); isValue && size > max(mostAnnounced, 2*c.reader.sent) && 1+len(rest)+len(c.held) < c.wanted {
			c.passed -= 1 + len(rest) // its line is followed once more then, from its end
			return nil
		}
		b, c.line = rest, c.line[:0]
		if !isValue {
			c.ended = true // END, or a one-line answer
			continue
		}
		c.values--
		c.size, c.skip = size, size+len("\r\n")
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
