package testenv

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides how a connection in memory behaves: like TCP on the loopback,
// with a buffer in each direction, deadlines, and bytes that outlive their sender.

// pipeBuffer is how much one direction holds before its writer has to wait, about
// what Linux keeps for a connection whose reader is stopped.
const pipeBuffer = 4 << 20

// memAddr is the address of a connection without a socket.
type memAddr string

func (memAddr) Network() string  { return "tcp" }
func (a memAddr) String() string { return string(a) }

// pipe is one end of a connection in memory.
type pipe struct {
	in, out       *lane
	local, remote memAddr
	closed        atomic.Bool // both lanes are about to be: who wakes from one must not find the other open
}

// newPipe returns the two ends of a connection. net.Pipe would not do: it has no buffer, so
// that a client which gives up takes back what a paused server has not read.
func newPipe(a, b memAddr) (net.Conn, net.Conn) {
	ab, ba := newLane(), newLane()
	return &pipe{in: ba, out: ab, local: a, remote: b}, &pipe{in: ab, out: ba, local: b, remote: a}
}

func (p *pipe) LocalAddr() net.Addr  { return p.local }
func (p *pipe) RemoteAddr() net.Addr { return p.remote }

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.in.read(b)
	return n, p.wrap("read", err)
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.closed.Load() {
		return 0, p.wrap("write", net.ErrClosed)
	}
	n, err := p.out.write(b)
	return n, p.wrap("write", err)
}

// wrap makes an error look as the net package's do; io.EOF stays bare there too.
func (p *pipe) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: p.local, Addr: p.remote, Err: err}
}

func (p *pipe) Close() error {
	p.closed.Store(true)
	unread := p.in.closeRead()
	p.out.closeWrite(unread)
	return nil
}

// CloseWrite ends what the peer reads and leaves the other direction open, as
// that of a TCP connection does.
func (p *pipe) CloseWrite() error {
	p.out.closeWrite(false)
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error {
	p.in.readBy.set(p.in, t)
	p.out.writeBy.set(p.out, t)
	return nil
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.in.readBy.set(p.in, t)
	return nil
}

func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.out.writeBy.set(p.out, t)
	return nil
}

// lane is one direction of a pipe.
type lane struct {
	changed sync.Cond // its lock guards below
	mu      sync.Mutex
	buf     bytes.Buffer
	// writerGone: end of file after what is buffered. readerGone: nobody will
	// read it. told: the writer has sent one thing into the void since, which TCP
	// lets pass before it learns that the peer is gone.
	writerGone, readerGone, told bool
	reset                        bool // the writer went and left bytes unread: its peer gets a reset, not an end
	readBy, writeBy              deadline
}

func newLane() *lane {
	l := &lane{}
	l.changed.L = &l.mu
	return l
}

func (l *lane) read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.readerGone:
			return 0, net.ErrClosed
		case l.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case l.buf.Len() > 0:
			n, _ := l.buf.Read(b)
			l.changed.Broadcast()
			return n, nil
		case l.writerGone && l.reset:
			return 0, syscall.ECONNRESET
		case l.writerGone:
			return 0, io.EOF
		}
		l.changed.Wait()
	}
}

func (l *lane) write(b []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.writerGone:
			return n, net.ErrClosed
		case l.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case l.readerGone && l.told:
			return n, syscall.EPIPE
		case l.readerGone:
			l.told = true
			return n + len(b), nil
		case len(b) == 0:
			return n, nil
		case l.buf.Len() < pipeBuffer:
			some := min(len(b), pipeBuffer-l.buf.Len())
			l.buf.Write(b[:some])
			n, b = n+some, b[some:]
			l.changed.Broadcast()
			continue
		}
		l.changed.Wait()
	}
}

func (l *lane) closeWrite(reset bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writerGone = true
	l.reset = l.reset || reset
	l.writeBy.stop()
	l.changed.Broadcast()
}

// closeRead reports whether there are bytes left that nobody will read.
func (l *lane) closeRead() (unread bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unread = l.buf.Len() > 0
	l.readerGone = true
	l.readBy.stop()
	l.changed.Broadcast()
	return unread
}

// deadline is the time until which one direction may be waited for; the lane's
// lock guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set moves the deadline and has whoever waits look at it again, now and then.
func (d *deadline) set(l *lane, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.stop()
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		if d.timer == nil {
			d.timer = time.AfterFunc(wait, l.wake)
		} else {
			d.timer.Reset(wait)
		}
	}
	l.changed.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
}
