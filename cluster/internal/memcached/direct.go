package memcached

import (
	"bufio"
	"bytes"
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
	nc     *nodeConn
	in     *bufio.Reader
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
	d := &Direct{server: s, nc: &nodeConn{Conn: below, below: below}}
	if err := errors.Join(d.nc.until(s.dialer.limit()), s.dialer.prepare(d.nc, s.addr.addr)); err != nil {
		d.Close()
		return nil, err
	}
	d.in = bufio.NewReaderSize(d.nc, maxAnswerLine)
	return d, nil
}

// Close closes the connection.
func (d *Direct) Close() { d.nc.Close() }

// Leave stores something under a key, for some seconds.
func (d *Direct) Leave(ctx context.Context, key string) error {
	answer, err := d.ask(ctx, fmt.Sprintf("set %s 0 10 1\r\n1\r\n", key), isLine)
	if err == nil && answer != "STORED\r\n" {
		err = errAnswer
	}
	return err
}

// Find returns those of the keys under which something is stored.
func (d *Direct) Find(ctx context.Context, keys []string) (found []string, err error) {
	answer, err := d.ask(ctx, "get "+strings.Join(keys, " ")+"\r\n", isList)
	for _, k := range keys {
		if strings.Contains(answer, "VALUE "+k+" ") {
			found = append(found, k)
		}
	}
	return found, err
}

func isLine(string) bool        { return true }
func isList(answer string) bool { return strings.HasSuffix(answer, "END\r\n") }

// mostDirect bounds an answer: a line for each key.
const mostDirect = 64 << 10

// ask sends a command and returns its answer, which ends with the line for which whole is true.
func (d *Direct) ask(ctx context.Context, command string, whole func(string) bool) (string, error) {
	if err := d.nc.until(d.server.dialer.limit()); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { d.nc.Close() })
	defer stop()
	if _, err := d.nc.Write([]byte(command)); err != nil {
		return "", err
	}
	var answer bytes.Buffer
	for answer.Len() < mostDirect {
		line, err := d.in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		answer.Write(line)
		if text := answer.String(); whole(text) || strings.Contains(text, "ERROR") {
			return text, nil
		}
	}
	return "", errOversized
}
