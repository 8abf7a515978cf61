package memcached

import (
	"bufio"
	"context"
	"errors"
	"time"
)

// This file decides how commands go over a connection whose answers are lines: in the order in
// which they were given to it. What does not fit that order ends the connection.

// lineConn is a connection of writes or of probes.
type lineConn struct {
	*nodeConn
	in *bufio.Reader
	// opened says that it was at most the opened-th connection to its server, see Copy.
	opened uint64
}

// openLine opens a connection.
func (d *dialer) openLine(addr *address, limit time.Duration) (*lineConn, error) {
	nc, err := d.open(addr.network, addr.addr, limit)
	if err != nil {
		return nil, err
	}
	return d.lines(nc), nil
}

// openAlone opens a connection for one question. It is closed with ctx, or by end.
func (s *Server) openAlone(ctx context.Context, limit time.Duration) (c *lineConn, end func(), err error) {
	c, err = s.dialer.openLine(s.addr, limit)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() { stop(); c.Close() }, nil
}

func (d *dialer) lines(nc *nodeConn) *lineConn {
	return &lineConn{nc, bufio.NewReaderSize(nc, maxAnswerLine), d.opened.Load()}
}

// readLine reads one line, which is good until the next one is read.
func (c *lineConn) readLine() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errOversized
	}
	return line, err
}

// ask sends a command and reads the first line of its answer.
func (c *lineConn) ask(command string, limit time.Duration) (line string, err error) {
	if err := c.until(limit); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(command)); err != nil {
		return "", err
	}
	b, err := c.readLine()
	return string(b), err
}

// refuses reports whether w must not be sent here, since the connection is newer than its token.
func (c *lineConn) refuses(w *write) bool { return c.opened > w.goodOn() }

// answer reads the answer to w.
func (c *lineConn) answer(w *write) error {
	line, err := c.readLine()
	if err == nil {
		w.answer, w.opened = append(w.answer[:0], line...), c.opened
	}
	return err
}

// spoiled reports whether more has come than was asked for: of which answer is it the rest?
func (c *lineConn) spoiled() bool { return c.in.Buffered() > 0 }
