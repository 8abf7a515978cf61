package memcached

import (
	"math"
	"net"
	"slices"
	"strings"
	"time"
)

// This file decides how small writes share one connection: they are pipelined. Those that go
// together are sent as one packet and answered in the order in which they were sent. A write waits
// for the exchange under way and then for its own, so for two Timeouts at most.

// pipeline is the shared connection of one server. There is no goroutine behind it: of those that
// wait, the first leads.
type pipeline struct {
	dialer  *dialer
	address *address
	tell    teller
	queue   coalescer[*write]

	// What is below belongs to the leader.
	conn  *lineConn // nil: none yet, or the last one broke
	going []*write
	out   []byte
}

// exchange has one write with the server, beside others.
func (p *pipeline) exchange(w *write) error {
	w.done, w.err = false, nil // it may be the second time
	if !p.queue.join(w) {
		<-w.turn
		if w.done {
			return w.result()
		}
	}
	p.queue.gather()
	p.going = p.queue.take(p.going[:0], packet)
	p.lead(w)
	return w.result()
}

// maxPacket is the most bytes of commands that are sent before the first answer is read,
// the first command aside.
const maxPacket = 2 << 20

// packet is how many of those that wait fit into one packet.
func packet(waiting []*write) (n int) {
	size := 0
	for n < len(waiting) {
		if size += waiting[n].size(); n > 0 && size > maxPacket {
			break
		}
		n++
	}
	return n
}

// lead has the exchange of those that go, and hands the lead on.
func (p *pipeline) lead(leader *write) {
	limit, began := p.dialer.limit(), p.tell.begin()
	answered, err := 0, p.dial(limit)
	if err == nil {
		p.going = slices.DeleteFunc(p.going, func(w *write) bool {
			stale := p.conn.refuses(w)
			if stale {
				w.err = errStale
				w.end(leader)
			}
			return stale
		})
		answered, err = p.send(limit)
	}
	sent, failure := len(p.going), p.failure(err)
	for i, w := range p.going {
		if i == answered {
			w.err = err
		} else if i > answered {
			w.err = sharedFailure{err}
		}
		w.end(leader)
	}
	clear(p.going)
	if sent > 0 {
		p.tell.end(began, true, sent, failure)
	}
	p.handOn(err)
}

// failure is what is told of an exchange that ended so: the first failure among its answers.
func (p *pipeline) failure(err error) error {
	if err != nil || p.tell == nil {
		return err
	}
	for _, w := range p.going {
		if err := w.result(); isFailure(err) {
			return err
		}
	}
	return nil
}

// handOn gives the lead to the first of those that have arrived meanwhile.
func (p *pipeline) handOn(err error) {
	if err != nil && !isBroken(err) {
		// Those that wait fail too: each has another server to turn to, and none may wait for a
		// sick one a second time. A broken connection is no sign of illness.
		for _, w := range p.queue.take(nil, everyone) {
			w.err = sharedFailure{unreachable{err}}
			w.end(nil)
		}
	}
	if next, ok := p.queue.handOn(); ok {
		next.turn <- struct{}{}
	}
}

// sharedFailure is the failure of an exchange that another write reports: a server that fails
// once has not failed once for each who shared the exchange.
type sharedFailure struct{ error }

func (f sharedFailure) Unwrap() error { return f.error }

// end tells w that its answer is there, unless it is the one that leads.
func (w *write) end(leader *write) {
	w.done = true
	if w != leader {
		w.turn <- struct{}{}
	}
}

// send writes the commands of all that go and reads their answers. It returns how many
// have got theirs, and why the others have not.
func (p *pipeline) send(limit time.Duration) (answered int, err error) {
	if len(p.going) == 0 {
		return 0, nil
	}
	_ = p.conn.until(limit) // where it fails, so does the write
	p.out = p.out[:0]
	for _, w := range p.going {
		p.out = w.appendTo(p.out)
	}
	if len(p.going) == 1 {
		_, err = p.conn.Write(p.out)
	} else {
		// A server may want its first answers to be read before it reads on.
		sent := make(chan error, 1)
		go func(nc net.Conn) {
			_, err := nc.Write(p.out)
			sent <- err
		}(p.conn)
		defer func() {
			if late := <-sent; late != nil && err == nil { // answered before it was sent: to whom?
				p.closeConn()
				answered, err = 0, late
			}
		}()
	}
	for err == nil && answered < len(p.going) {
		if err = p.conn.answer(p.going[answered]); err == nil {
			answered++
		}
	}
	if err == nil && p.conn.spoiled() {
		answered, err = 0, errOutOfStep // which of the answers is one too many?
	}
	if err != nil {
		p.closeConn()
	}
	return answered, err
}

// dial sees to it that there is a connection.
func (p *pipeline) dial(limit time.Duration) (err error) {
	if p.conn != nil && isAstray(p.conn.nodeConn) {
		p.closeConn()
	}
	if p.conn == nil {
		p.conn, err = p.dialer.openLine(p.address, limit)
	}
	return err
}

func (p *pipeline) closeConn() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

// open dials the connection where there is none, and nobody is about to.
func (p *pipeline) open(limit time.Duration) {
	if !p.queue.lead() {
		return
	}
	var err error
	if p.conn == nil {
		err = p.dial(limit)
	}
	p.handOn(err)
}

// drop closes the connection unless it is in use.
func (p *pipeline) drop() {
	if p.queue.lead() {
		p.closeConn()
		p.handOn(nil)
	}
}

// answers asks the server for a word over the shared connection. It returns which of the
// server's connections that is, or the highest number if there was no answer.
func (p *pipeline) answers() uint64 {
	w := &write{verb: "version", line: []byte("version"), turn: make(chan struct{}, 1)}
	_ = p.exchange(w)
	if w.err != nil || !strings.HasPrefix(string(w.answer), "VERSION ") {
		return math.MaxUint64
	}
	return w.opened
}
