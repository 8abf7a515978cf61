package memcached

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// This file decides how one address of a server's name is spoken to, whichever of them is in
// use.

// Direct is a connection to one address, with the TLS and the login of its server.
type Direct struct {
	server *Server
	conn   *lineConn
}

// Direct connects to one address of the server's name, as the server's own connections do. It
// ends when ctx does.
func (s *Server) Direct(ctx context.Context, addr netip.Addr) (*Direct, error) {
	_, port, err := net.SplitHostPort(s.addr.addr)
	if err != nil {
		return nil, err
	}
	nc, err := s.connect(ctx, "tcp", net.JoinHostPort(addr.String(), port))
	if err != nil {
		return nil, err
	}
	below := &patientConn{Conn: nc, clock: s.clock}
	c := &nodeConn{Conn: below, below: below}
	if err := errors.Join(c.until(s.dialer.limit()), s.dialer.prepare(c, s.addr.addr)); err != nil {
		c.Close()
		return nil, err
	}
	return &Direct{s, s.dialer.lines(c)}, nil
}

// Close closes the connection.
func (d *Direct) Close() { d.conn.Close() }

// Leave stores something under a key, for some seconds.
func (d *Direct) Leave(ctx context.Context, key string) error {
	answer, err := d.ask(ctx, fmt.Sprintf("set %s 0 10 1\r\n1\r\n", key))
	if err == nil && answer != "STORED\r\n" {
		err = errAnswer
	}
	return err
}

// Find returns those of the keys under which something is stored.
func (d *Direct) Find(ctx context.Context, keys []string) (found []string, err error) {
	line, err := d.ask(ctx, "get "+strings.Join(keys, " ")+"\r\n")
	for range 2 * len(keys) { // a line for each key, and one for its value
		if err != nil || !strings.HasPrefix(line, "VALUE ") && !strings.HasPrefix(line, "1\r\n") {
			break
		}
		if _, rest, isValue := strings.Cut(line, "VALUE "); isValue {
			key, _, _ := strings.Cut(rest, " ")
			found = append(found, key)
		}
		var b []byte
		b, err = d.conn.readLine()
		line = string(b)
	}
	if err == nil && line != "END\r\n" {
		err = errAnswer
	}
	return found, err
}

// ask sends a command and returns the first line of its answer. It ends when ctx does.
func (d *Direct) ask(ctx context.Context, command string) (string, error) {
	stop := context.AfterFunc(ctx, func() { d.conn.Close() })
	defer stop()
	return d.conn.ask(command, d.server.dialer.limit())
}
