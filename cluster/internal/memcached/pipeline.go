package memcached

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"sync"
	"time"
)

// This file decides how the small writes of a node share one connection: they are
// pipelined. The write that finds the pipeline idle goes at once and alone; those that
// arrive while it is under way go together next, as one packet, and are answered in
// the order in which they were sent. So a lone caller waits for nobody, and many
// callers cost the node and this process one exchange instead of one each. A write waits
// for the exchange under way and then for its own, so for two Timeouts at most. The client
// above (gomemcache) knows nothing of it: what it dials is a connection in name only.

// MaxShared is the largest value that is sent over the shared connection. Larger
// ones go over connections of their own: nobody should wait behind them.
const MaxShared = 16 << 10

// pipeline is the shared connection of one node. There is no goroutine behind it: of
// those that wait, the first of each batch speaks for all.
type pipeline struct {
	dialer  *dialer
	address *address

	mu      sync.Mutex // guards below
	busy    bool       // somebody speaks to the node
	waiting []*pipelined

	// What is below belongs to whoever speaks.
	nc     *nodeConn // nil: none yet, or the last one broke
	opened uint64    // nc was at most the opened-th connection to its node
	reader *bufio.Reader
	going  []*pipelined
	out    []byte
}

// connect returns a connection for a link. It is dialled when it is first needed.
func (p *pipeline) connect(_ context.Context, l *link, _, _ string) (net.Conn, error) {
	return &pipelined{pipeline: p, link: l, turn: make(chan struct{}, 1)}, nil
}

// pipelined is a connection in name. It carries one command at a time, which is whole
// when its answer is asked for: every answer is one line.
type pipelined struct {
	net.Conn // nil; its other methods are not called
	pipeline *pipeline
	link     *link

	out    []byte        // the command
	opened uint64        // of the connection that answered
	line   []byte        // the answer
	answer []byte        // what has not been read of it
	err    error         // why there is none
	done   bool          // answer or err is there
	turn   chan struct{} // done, or it is this one's turn to speak; has room for one
}

func (c *pipelined) SetDeadline(time.Time) error { return nil }

// Close does nothing: a write that ends in an error has had its part of the pipeline closed.
func (c *pipelined) Close() error { return nil }

func (c *pipelined) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	return len(b), nil
}

func (c *pipelined) Read(b []byte) (int, error) {
	if len(c.out) > 0 {
		c.done, c.err = false, nil
		c.pipeline.exchange(c)
		c.out = c.out[:0]
	}
	if c.err != nil {
		return 0, c.err
	}
	if len(c.answer) == 0 {
		return 0, errOutOfStep // the client expects more than a line
	}
	n := copy(b, c.answer)
	c.answer = c.answer[n:]
	return n, nil
}

// exchange returns when c has its answer, or an error in its place.
func (p *pipeline) exchange(c *pipelined) {
	p.mu.Lock()
	p.waiting = append(p.waiting, c)
	speak := !p.busy
	p.busy = true
	p.mu.Unlock()
	if !speak {
		<-c.turn
		if c.done {
			return
		}
	}
	p.speak(c)
}

// speak sends all that wait, the first of which is c, gives each its answer, and passes
// the turn on to the first of those that have arrived meanwhile.
func (p *pipeline) speak(c *pipelined) {
	p.take()
	limit := p.dialer.limit()
	answered, err := 0, p.dial(limit)
	if err == nil {
		p.refuseStale(c)
		answered, err = p.send(limit)
	}
	for i, w := range p.going {
		if i == answered {
			w.err = err
		} else if i > answered {
			w.err = echo{err}
		}
		w.end(c)
	}
	clear(p.going)
	p.pass(c, err)
}

// maxPacket is the most bytes of commands that are sent before the first answer is read,
// the first command aside.
const maxPacket = 2 << 20

// take has those that wait go, as many as fit into a packet.
func (p *pipeline) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, size := 0, 0
	for n < len(p.waiting) {
		if size += len(p.waiting[n].out); n > 0 && size > maxPacket {
			break
		}
		n++
	}
	p.going = append(p.going[:0], p.waiting[:n]...)
	p.waiting = slices.Delete(p.waiting, 0, n)
}

// refuseStale answers the commands whose tokens are older than the connection.
func (p *pipeline) refuseStale(speaker *pipelined) {
	p.going = slices.DeleteFunc(p.going, func(w *pipelined) bool {
		stale := w.link.refuses(p.opened)
		if stale {
			w.answered([]byte(conflict))
			w.end(speaker)
		}
		return stale
	})
}

// pass gives the turn to the first of those that have arrived meanwhile; nil is no speaker.
func (p *pipeline) pass(c *pipelined, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !isBroken(err) {
		// Those that wait fail too: each has another node to turn to, and none may wait
		// for a sick node a second time. A broken connection is no sign of illness.
		for _, w := range p.waiting {
			w.err = echo{unreachable{err}}
			w.end(c)
		}
		p.waiting = p.waiting[:0]
	}
	if p.busy = len(p.waiting) > 0; p.busy {
		p.waiting[0].turn <- struct{}{}
	}
}

// echo is the failure of an exchange that another write reports: a node that fails once
// has not failed once for each who shared the exchange.
type echo struct{ error }

func (e echo) Unwrap() error { return e.error }

// answered gives c its answer, in the memory of the last one.
func (c *pipelined) answered(line []byte) {
	c.line = append(c.line[:0], line...)
	c.answer = c.line
}

// end tells c that its answer is there, unless it is the one that speaks.
func (c *pipelined) end(speaker *pipelined) {
	c.done = true
	if c != speaker {
		c.turn <- struct{}{}
	}
}

// send writes the commands of all that go and reads their answers. It returns how many
// have got theirs, and why the others have not.
func (p *pipeline) send(limit time.Duration) (answered int, err error) {
	if len(p.going) == 0 {
		return 0, nil
	}
	_ = p.nc.until(limit) // where it fails, so does the write
	if len(p.going) == 1 {
		_, err = p.nc.Write(p.going[0].out)
	} else {
		p.out = p.out[:0]
		for _, c := range p.going {
			p.out = append(p.out, c.out...)
		}
		// A node may want its first answers to be read before it reads on.
		sent := make(chan error, 1)
		go func(nc net.Conn) {
			_, err := nc.Write(p.out)
			sent <- err
		}(p.nc)
		defer func() {
			if late := <-sent; late != nil && err == nil { // answered before it was sent: to whom?
				p.nc.Close()
				p.nc, answered, err = nil, 0, late
			}
		}()
	}
	for err == nil && answered < len(p.going) {
		var line []byte
		if line, err = p.reader.ReadSlice('\n'); err == nil {
			c := p.going[answered]
			c.opened = p.opened
			c.answered(line)
			answered++
		}
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		err = errOversized
	case err == nil && p.reader.Buffered() > 0:
		answered, err = 0, errOutOfStep // which of the answers is one too many?
	}
	if err != nil {
		p.nc.Close()
		p.nc = nil
	}
	return answered, err
}

// open dials the connection where there is none, and nobody is about to.
func (p *pipeline) open(limit time.Duration) {
	p.mu.Lock()
	needed := !p.busy && p.nc == nil
	p.busy = p.busy || needed
	p.mu.Unlock()
	if needed {
		p.pass(nil, p.dial(limit))
	}
}

// answers asks the node for a word over the shared connection. It returns which of the node's
// connections that is, or the highest number if there was no answer.
func (p *pipeline) answers() uint64 {
	c := &pipelined{pipeline: p, link: &link{opened: anyConnection}, turn: make(chan struct{}, 1), out: []byte("version\r\n")}
	p.exchange(c)
	if c.err != nil || !bytes.HasPrefix(c.answer, []byte("VERSION ")) {
		return math.MaxUint64
	}
	return c.opened
}

// dial sees to it that there is a connection.
func (p *pipeline) dial(limit time.Duration) error {
	if p.nc != nil && isAstray(p.nc) {
		p.nc.Close()
		p.nc = nil
	}
	if p.nc != nil {
		return nil
	}
	nc, err := p.dialer.open(p.address.network, p.address.addr, limit)
	if err != nil {
		return err
	}
	p.nc, p.opened = nc, p.dialer.opened.Load()
	if p.reader == nil {
		p.reader = bufio.NewReaderSize(nc, maxAnswerLine)
	}
	p.reader.Reset(nc)
	return nil
}

// drop closes the connection unless it is in use.
func (p *pipeline) drop() {
	p.mu.Lock()
	var idle *nodeConn
	if !p.busy {
		idle, p.nc = p.nc, nil
	}
	p.mu.Unlock()
	if idle != nil {
		idle.Close()
	}
}
