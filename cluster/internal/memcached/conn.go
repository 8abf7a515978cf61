package memcached

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// This file decides what a connection to a server is: dialled, encrypted and logged in, within
// one limit.

// dialer opens connections to one server.
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

// limit is when a command that begins now has taken a Timeout.
func (d *dialer) limit() time.Duration { return d.clock.Now() + d.timeout }

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
		// its send buffer then must not reach the server later.
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
// "Authentication"). Its expiry is in the past: a server that wants no login takes the
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
