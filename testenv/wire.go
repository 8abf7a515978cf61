package testenv

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides which faults lie between one client and each node.

// Direction says which way bytes get lost.
type Direction int

const (
	// Requests are what the client sends to the node.
	Requests Direction = 1 << iota
	// Replies are what the node sends to the client.
	Replies
	// Both are requests and replies, as with a cut cable.
	Both = Requests | Replies
)

// Wire stands between one client and its nodes and makes the faults of a network.
// The client dials through its DialContext:
//
//	wire := testenv.NewWire(nil)
//	defer wire.Close()
//	c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: wire.DialContext})
//	wire.Blackhole(env.Node(0).Addr(), testenv.Both)
//
// A fault is set for an address, as the client dials it, at any time. It holds for open connections
// too. Several faults at one address add up; Heal ends them. Without a fault the wire changes
// nothing.
//
// A connection that has lost bytes in one direction delivers nothing more in that direction, also
// after Heal, because TCP never leaves out a piece of a stream. New connections work.
//
// Several goroutines may call the methods at once. None of them waits for the network. In a
// testing/synctest bubble, create and close the wire inside the bubble.
type Wire struct {
	dial DialFunc

	delivering sync.WaitGroup

	mu     sync.Mutex // guards below
	links  map[string]*link
	closed bool
}

// NewWire returns a wire without faults over dial; nil dials the network as
// [net.Dialer] does. [Env.DialContext] reaches any kind of node.
func NewWire(dial DialFunc) *Wire {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &Wire{dial: dial, links: map[string]*link{}}
}

// faults are the faults at one address. A value is replaced, never changed.
type faults struct {
	refuse      bool
	delay       time.Duration
	late        bool
	lateFor     time.Duration // 0 until released
	lost        Direction
	dropReplies int
	drip        time.Duration
}

// link is the way to one address.
type link struct {
	faults atomic.Pointer[faults] // nil without a fault, so that a connection without faults reads one word

	mu       sync.Mutex // guards below, and replacing faults
	changed  chan struct{}
	releases int // requests that were held before the latest release are due
	conns    map[*wireConn]struct{}
}

func (w *Wire) link(addr string) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.links[addr]
	if l == nil {
		l = &link{changed: make(chan struct{}), conns: map[*wireConn]struct{}{}}
		w.links[addr] = l
	}
	return l
}

// change replaces the faults at addr and wakes the goroutines that wait under the old ones.
func (w *Wire) change(addr string, set func(*faults)) {
	l := w.link(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changeLocked(set)
}

func (l *link) changeLocked(set func(*faults)) {
	var f faults
	if old := l.faults.Load(); old != nil {
		f = *old
	}
	set(&f)
	if f == (faults{}) {
		l.faults.Store(nil)
	} else {
		l.faults.Store(&f)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// signal returns a channel that is closed when the faults change.
func (l *link) signal() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Delay has every connection attempt and every request arrive d later, so that
// a round trip takes d longer. A request arrives also when its client has given
// up in the meantime. 0 ends it.
func (w *Wire) Delay(addr string, d time.Duration) {
	w.change(addr, func(f *faults) { f.delay = d })
}

// Blackhole silently loses all bytes in that direction: neither side learns of it. A connection
// attempt needs both directions: it hangs until its context or the fault ends.
func (w *Wire) Blackhole(addr string, lost Direction) {
	w.change(addr, func(f *faults) { f.lost |= lost & Both })
}

// DropReply loses the next reply from addr, on whichever connection it comes:
// the command is applied, and its client never hears of it. Each call loses one more.
func (w *Wire) DropReply(addr string) {
	w.change(addr, func(f *faults) { f.dropReplies++ })
}

// DeliverLate holds back what is sent to addr for d, or until Release or Heal if
// d is 0. The client believes it sent, waits in vain for the reply and gives up; the
// node applies it later all the same, in the order in which it was sent.
func (w *Wire) DeliverLate(addr string, d time.Duration) {
	w.change(addr, func(f *faults) { f.late, f.lateFor = true, d })
}

// Release delivers what DeliverLate and Delay have held back so far. What is
// sent after it is held back anew.
func (w *Wire) Release(addr string) {
	w.release(addr, func(*faults) {})
}

// Refuse has connection attempts refused, as by a machine on which the node does
// not run. Open connections go on; see Reset.
func (w *Wire) Refuse(addr string) {
	w.change(addr, func(f *faults) { f.refuse = true })
}

// SlowDrip hands over replies byte by byte, one per interval.
func (w *Wire) SlowDrip(addr string, interval time.Duration) {
	w.change(addr, func(f *faults) { f.drip = interval })
}

// Reset breaks the open connections to addr now. What was held back on them is
// lost. New connections are not affected.
func (w *Wire) Reset(addr string) {
	for _, c := range w.link(addr).open() {
		c.breakOff()
	}
}

// Heal ends all faults at addr and delivers what was held back. It does not
// mend connections that have lost something.
func (w *Wire) Heal(addr string) {
	w.release(addr, func(f *faults) { *f = faults{} })
}

// HealAll heals every address.
func (w *Wire) HealAll() {
	w.mu.Lock()
	addrs := slices.Sorted(maps.Keys(w.links))
	w.mu.Unlock()
	for _, addr := range addrs {
		w.Heal(addr)
	}
}

func (w *Wire) release(addr string, set func(*faults)) {
	l := w.link(addr)
	l.mu.Lock()
	l.releases++
	l.changeLocked(set)
	l.mu.Unlock()
	for _, c := range l.open() {
		if c.holds() {
			go c.deliver()
		}
	}
}

// open returns the connections to the address that are not closed, or that are
// and still have something to deliver.
func (l *link) open() []*wireConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.conns))
}

// Close breaks all connections, drops what was held back and waits for the
// goroutines of the wire. Connection attempts fail from then on.
func (w *Wire) Close() error {
	w.mu.Lock()
	w.closed = true
	links := slices.Collect(maps.Values(w.links))
	w.mu.Unlock()
	for _, l := range links {
		for _, c := range l.open() {
			c.breakOff()
		}
	}
	w.delivering.Wait()
	return nil
}

// DialContext opens a connection over the wire, as [net.Dialer.DialContext] does without one.
func (w *Wire) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	l := w.link(addr)
	if err := l.attempt(ctx); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(addr), Err: err}
	}
	conn, err := w.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: conn, wire: w, link: l, moved: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(addr), Err: net.ErrClosed}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
	return c, nil
}

// attempt lets a connection attempt through the faults, or says what became of it.
func (l *link) attempt(ctx context.Context) error {
	delayed := false
	for {
		changed := l.signal()
		f := l.faults.Load()
		var timer <-chan time.Time
		switch {
		case f == nil:
			return nil
		case f.refuse:
			return syscall.ECONNREFUSED
		case f.lost != 0:
		case f.delay > 0 && !delayed:
			timer = time.After(f.delay)
		default:
			return nil
		}
		select {
		case <-timer:
			delayed = true
		case <-changed:
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				return os.ErrDeadlineExceeded // a net.Error that says Timeout
			}
			return ctx.Err()
		}
	}
}
