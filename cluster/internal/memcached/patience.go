package memcached

import (
	"net"
	"time"
)

// This file decides when a wait for a server has been long enough. What a server has answered
// is not its silence: the poller of Go reports a deadline that has passed although the
// answer lies in the buffer of the connection. So every wait ends with a last look, for
// which some time of the whole is kept back.

const (
	// lastLook is the time kept for the last look.
	lastLook = time.Millisecond
	// mostRenewals is how often one wait is extended at most. It bounds, in Timeouts, what a
	// server that hangs can cost a process that hardly runs.
	mostRenewals = 32
)

// patience is one wait for a server. It ends when the clock reaches the limit.
type patience struct {
	clock   *Clock
	limit   time.Duration // on the clock
	look    time.Duration // kept for the last look
	due     time.Time     // when to look, on the wall
	looked  bool          // the last look is under way
	renewed int
}

func (c *Clock) patience(limit time.Duration) patience {
	wall, now := c.both()
	left := max(limit-now, 0)
	look := min(lastLook, left/4)
	return patience{clock: c, limit: limit, look: look, due: c.base.Add(wall + left - look)}
}

// again is asked when due has passed and nothing has come. It returns when to look again,
// or false when the server has had its time. A last look that was itself late was none.
func (p *patience) again() (due time.Time, ok bool) {
	now := time.Now()
	late := now.Sub(p.due)
	p.clock.Noticed(p.due)
	wait, last, ok := lookAgain(p.limit-p.clock.Now(), p.look, late, p.looked)
	if p.renewed++; !ok || p.renewed > mostRenewals {
		return time.Time{}, false
	}
	if p.clock.standsStill() {
		wait = max(wait, p.clock.beat) // there is nothing to be seen before it goes on
	}
	p.looked, p.due = last, now.Add(wait)
	return p.due, true
}

// lookAgain decides how long to wait for the next look of a wait that has so much time
// left, and whether that is the last.
func lookAgain(left, look, late time.Duration, looked bool) (wait time.Duration, last, ok bool) {
	switch {
	case left > look:
		return left - look, false, true
	case left > 0:
		return left, true, true
	case !looked, late > lastLook:
		return max(look, lastLook/4), true, true
	}
	return 0, true, false
}

// patientConn is a connection on which a command may take until a limit on the clock.
type patientConn struct {
	net.Conn
	clock   *Clock
	in, out patience // of Read and of Write: there may be a goroutine for each
}

// until sets the limit. There must be no Read or Write under way.
func (c *patientConn) until(limit time.Duration) error {
	c.in = c.clock.patience(limit)
	c.out = c.in
	return c.Conn.SetDeadline(c.in.due)
}

func (c *patientConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err == nil || !isTimeout(err) {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		due, ok := c.in.again()
		if !ok {
			return 0, err
		}
		if err := c.Conn.SetReadDeadline(due); err != nil {
			return 0, err
		}
	}
}

func (c *patientConn) Write(b []byte) (int, error) {
	sent := 0
	for {
		n, err := c.Conn.Write(b[sent:])
		if sent += n; err == nil || !isTimeout(err) {
			return sent, err
		}
		due, ok := c.out.again()
		if !ok {
			return sent, err
		}
		if err := c.Conn.SetWriteDeadline(due); err != nil {
			return sent, err
		}
	}
}
