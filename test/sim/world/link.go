package world

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// This file decides what happens to messages between one client and one node.

// Fate is what becomes of a message in one direction.
type Fate int

const (
	// Pass delivers it.
	Pass Fate = iota
	// Lose drops it, and all that follow it on its connection.
	Lose
)

// Faults are what a link does to messages. The zero value is good weather.
type Faults struct {
	Up, Down Fate          // requests to the node, replies from it
	Late     time.Duration // requests arrive up to this much later, also when the client has gone
	Slow     time.Duration // every message takes up to this much longer
	Drip     time.Duration // replies come byte by byte, each after this time
	Refuse   bool          // connections are refused, those that stand break
	// Share is how many of a hundred messages it hits. If zero, all of them.
	Share int
}

func (f Faults) String() string {
	var parts []string
	add := func(there bool, text string) {
		if there {
			parts = append(parts, text)
		}
	}
	add(f.Up == Lose, "requests lost")
	add(f.Down == Lose, "replies lost")
	add(f.Late > 0, fmt.Sprintf("requests up to %v late", f.Late))
	add(f.Slow > 0, fmt.Sprintf("up to %v slower", f.Slow))
	add(f.Drip > 0, fmt.Sprintf("%v a byte", f.Drip))
	add(f.Refuse, "refused")
	add(f.Share > 0, fmt.Sprintf("%d of 100", f.Share))
	return strings.Join(parts, ", ")
}

// Link is the way between one client and one node.
type Link struct {
	world  *World
	node   *Node
	client string
	faults Faults
}

// Link returns the way between a client and a node.
func (w *World) Link(client string, n *Node) *Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.links[pair{client, n}]
	if l == nil {
		l = &Link{world: w, node: n, client: client}
		w.links[pair{client, n}] = l
	}
	return l
}

// Suffer sets what happens to all messages of the link from now on.
func (l *Link) Suffer(f Faults) {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	l.faults = f
}

// now is what the link does to this message.
func (l *Link) now(b []byte) Faults {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	if l.world.severe[l.client] {
		return Faults{Up: Lose, Down: Lose}
	}
	f := l.faults
	if f == (Faults{}) {
		f = l.node.weather
	}
	if f.Share > 0 && l.dice(b, 1)%100 >= uint64(f.Share) {
		return Faults{}
	}
	return f
}

func (l *Link) dice(b []byte, salt uint64) uint64 {
	return hash(l.world.seed+salt, l.client, l.node.Addr, b, time.Now())
}

// latency is how long the message travels in good weather.
func (l *Link) latency(b []byte) time.Duration {
	return 50*time.Microsecond + time.Duration(l.dice(b, 2)%uint64(200*time.Microsecond))
}

// apart keeps what ends on several links at once, such as the patience of a client, from
// ending at the same instant: who is first then would be up to the scheduler.
func (l *Link) apart() { time.Sleep(1 + time.Duration(l.dice(nil, 4)%uint64(time.Microsecond))) }

// upTo draws a duration for the message.
func (l *Link) upTo(b []byte, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(l.dice(b, 3) % uint64(most))
}

// conn is the client's end of a connection.
type conn struct {
	net.Conn // to the server, without loss or delay
	link     *Link

	mu       sync.Mutex // guards below
	deadline time.Time
	lost     bool // a request was lost: nothing after it can arrive
	pending  int  // requests that are still under way after their Write returned
	closed   bool
	tail     chan struct{} // closed when the last of them has arrived

	// What is below belongs to whoever reads.
	got     []byte    // of a reply, what has not been read
	arrives time.Time // when it is in the socket's buffer
}

func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// Write sends a request. It returns at once where the request is held up: the
// client's machine has taken it.
func (c *conn) Write(b []byte) (int, error) {
	if c.link.wake(b) && c.overdue() {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	f := c.link.now(b)
	wait := c.link.latency(b) + c.link.upTo(b, f.Slow)
	late := time.Duration(0)
	if f.Late > 0 {
		late = f.Late/8 + c.link.upTo(b, f.Late)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	if f.Refuse {
		c.mu.Unlock()
		c.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	if f.Up == Lose || c.lost {
		c.lost = true
		c.mu.Unlock()
		return len(b), nil
	}
	prior := c.tail
	c.mu.Unlock()
	if prior == nil && late == 0 {
		time.Sleep(wait)
		if c.link.node.running() == nil {
			return c.Conn.Write(b)
		}
		wait = 0
	}
	c.sendLater(append([]byte(nil), b...), wait+late, prior)
	return len(b), nil
}

// sendLater delivers a request from a goroutine of its own, after what is under way.
func (c *conn) sendLater(b []byte, wait time.Duration, prior chan struct{}) {
	arrived := make(chan struct{})
	c.mu.Lock()
	c.tail = arrived
	c.pending++
	c.mu.Unlock()
	c.link.world.late.Go(func() {
		time.Sleep(wait)
		if prior != nil {
			<-prior
		}
		for resumed := c.link.node.running(); resumed != nil; resumed = c.link.node.running() {
			<-resumed
			time.Sleep(c.link.latency(b))
		}
		_, _ = c.Conn.Write(b)
		c.mu.Lock()
		c.pending--
		end := c.closed && c.pending == 0
		c.mu.Unlock()
		close(arrived)
		if end {
			c.Conn.Close()
		}
	})
}

// running returns nil while the node is not paused, else what Resume will close.
func (n *Node) running() chan struct{} {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return n.resumed
}

// Read receives a reply. What has come too late, or is not asked for in time, stays in the
// socket's buffer, and is there when somebody reads again with a later deadline.
func (c *conn) Read(b []byte) (int, error) {
	for len(c.got) == 0 {
		n, err := c.Conn.Read(b)
		if n == 0 {
			return 0, c.late(err)
		}
		f := c.link.now(b[:n])
		if f.Refuse {
			c.Conn.Close()
			return 0, io.ErrClosedPipe
		}
		if f.Down != Lose { // what is lost is waited for until the deadline
			c.got = append(c.got[:0], b[:n]...)
			c.arrives = time.Now().Add(c.link.latency(b[:n]) + c.link.upTo(b[:n], f.Slow) + time.Duration(n)*f.Drip)
		}
	}
	if deadline := c.until(); !deadline.IsZero() && !c.arrives.Before(deadline) {
		time.Sleep(time.Until(deadline))
		return 0, c.late(errLate)
	}
	time.Sleep(time.Until(c.arrives))
	if c.link.wake(c.got) && c.overdue() && c.link.dice(c.got, 6)%2 == 0 {
		return 0, errLate // the clock was looked at before the socket
	}
	n := copy(b, c.got)
	c.got = c.got[n:]
	return n, nil
}

var errLate = &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}

// late returns the error of a read when the client learns of it.
func (c *conn) late(err error) error {
	c.link.apart()
	c.link.wake(nil)
	return err
}

func (c *conn) until() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadline
}

// overdue reports whether the deadline has passed.
func (c *conn) overdue() bool {
	deadline := c.until()
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

// Close gives the connection up. What is under way arrives all the same.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.pending == 0 {
		return c.Conn.Close()
	}
	return nil
}

// Held is what one node holds under a stored key, asked past all faults.
func (n *Node) Held(storedKey string) (value string, held bool) {
	reply := n.say("get " + storedKey + "\r\n")
	var key string
	var flags, size int
	if _, err := fmt.Sscanf(reply, "VALUE %s %d %d\r\n", &key, &flags, &size); err != nil {
		return "", false
	}
	head := len(fmt.Sprintf("VALUE %s %d %d\r\n", key, flags, size))
	return reply[head : head+size], true
}

// Evict makes the node forget a stored key.
func (n *Node) Evict(storedKey string) { n.say("delete " + storedKey + "\r\n") }

// say sends one command past all faults and returns the reply, "" from a dead node.
func (n *Node) say(command string) string {
	n.world.mu.Lock()
	server := n.server
	n.world.mu.Unlock()
	nc, err := server.Dial(context.Background())
	if err != nil {
		return ""
	}
	defer nc.Close()
	if _, err := nc.Write([]byte(command + "quit\r\n")); err != nil {
		return ""
	}
	reply, _ := io.ReadAll(nc)
	return string(reply)
}
