package memcached

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
)

// This file decides whether it is a memcached that answers on a new connection, and says
// what it is when it is something else. The first bytes tell: whoever set a wrong port
// should read "an HTTP server", not "unexpected answer".

// others are servers that people take for a memcached, by how their first bytes begin.
var others = []struct{ begins, is string }{
	{"HTTP/", "an HTTP server"},
	{"<", "an HTTP server"},
	{"-ERR", "a Redis"},
	{"-NOAUTH", "a Redis"},
	{"-DENIED", "a Redis"},
	{"-LOADING", "a Redis"},
	{"-MISCONF", "a Redis"},
	{"-WRONGPASS", "a Redis"},
	{"SSH-", "an SSH server"},
	{"220", "a mail or FTP server"},
	{"+OK", "a POP3 server"},
	{"* OK", "an IMAP server"},
	{"AMQP", "an AMQP broker"},
	{"RFB ", "a VNC server"},
	{"\x15\x03", errSpeaksTLS},
	{"\x16\x03", errSpeaksTLS},
	{"\x81", errSpeaksBinary},
}

const (
	errSpeaksTLS    = "a server that speaks TLS: set TLS (MEMCACHED_TLS=true)"
	errSpeaksBinary = "a memcached that speaks its binary protocol only: start it without -B binary"
)

// foreign is the error of a server that is no memcached, or none that can be used. It shows
// nothing of what the server sent.
type foreign struct{ is string }

func (f foreign) Error() string { return "it is no memcached that this client can use: " + f.is }

// foreignOf says what begins an answer like this, or nil.
func foreignOf(first []byte) error {
	for _, o := range others {
		if bytes.HasPrefix(first, []byte(o.begins)) {
			return foreign{o.is}
		}
	}
	if len(first) > 4 && first[3] == 0 && first[4] == 10 { // packet number and protocol version
		return foreign{"a MySQL server"}
	}
	return nil
}

// errSilent is the end of a new connection on which not a byte came. It counts as broken.
type errSilent struct{ error }

func (e errSilent) Unwrap() error { return e.error }
func (e errSilent) Error() string {
	return "the connection was closed without an answer: does the node speak TLS (set MEMCACHED_TLS=true), only the binary protocol (start it without -B binary), is it being stopped, or is it a proxy whose server is down?"
}

// greetedConn reads the first answer of a connection before anybody else does.
type greetedConn struct {
	net.Conn
	first []byte // so far, while that does not tell
	known bool   // it is none of the others
}

func (c *greetedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.known {
		return n, err
	}
	c.first = append(c.first, b[:n]...)
	if len(c.first) == 0 {
		if isBroken(err) {
			err = errSilent{err}
		}
		return n, err
	}
	if is := foreignOf(c.first); is != nil {
		return 0, is
	}
	const enough = 12 // bytes to tell all of them by
	if c.known = len(c.first) >= enough || bytes.Contains(c.first, []byte("\n")); c.known {
		c.first = nil
	}
	return n, err
}

// mostGreetings is how often in a row a server is asked what it is. Once may be too few: the answer
// is lost where this machine, or the server's, is short of time. A proxy whose server is down never
// tells.
const mostGreetings = 3

// Identify asks a server that closes new connections without an answer what it is, and returns
// that in the place of err where it can be told. Whether it closes them is seen by err and by the
// last error before. First is true for the first of several errors in a row. Nothing is said to the
// server but greetings: no command, no password. There is one caller at a time.
func (s *Server) Identify(last, err error, first bool) error {
	silent := errors.As(last, new(errSilent)) || errors.As(err, new(errSilent))
	if s.greeted++; first || !silent {
		s.greeted = 1
	}
	if !silent && !errors.As(err, new(foreign)) {
		s.greeted = 0 // another server may follow
		s.identity.Store(nil)
	}
	known := s.identity.Load()
	switch {
	case s.dialer.tls != nil, !silent: // behind a handshake, silence is what was expected
		return err
	case known != nil && errors.As(err, new(errSilent)):
		return *known
	case known != nil || s.greeted > mostGreetings:
		return err
	}
	for _, greet := range []func(net.Conn) *foreign{greetInBinary, greetInTLS} {
		if is := s.greet(greet); is != nil {
			s.log.Warn("cluster: node cannot be used", "reason", *is) // before anybody sees it elsewhere
			s.identity.Store(is)
			return *is
		}
	}
	return err
}

// named returns what the server is known to be in the place of the error that made it be asked.
func (s *Server) named(v Verdict, err error) error {
	is := s.identity.Load()
	switch {
	case is == nil:
	case v == Answered || v == Declined:
		s.identity.Store(nil)
	case errors.As(err, new(errSilent)):
		return *is
	}
	return err
}

// greet says one greeting over a connection of its own.
func (s *Server) greet(greet func(net.Conn) *foreign) *foreign {
	s.clock.begin()
	defer s.clock.end()
	limit := s.dialer.limit()
	ctx, cancel := s.clock.context(limit)
	defer cancel()
	nc, err := s.dialer.dialled(ctx, s.addr.network, s.addr.addr)
	if err != nil {
		return nil
	}
	defer nc.Close()
	patient := &patientConn{Conn: nc, clock: s.clock}
	if patient.until(limit) != nil {
		return nil
	}
	return greet(patient)
}

// greetInBinary asks for the version in memcached's binary protocol (memcached,
// doc/protocol-binary.xml): a header of 24 bytes.
func greetInBinary(nc net.Conn) *foreign {
	var header [24]byte
	header[0], header[1] = 0x80, 0x0b
	if _, err := nc.Write(header[:]); err != nil {
		return nil
	}
	if _, err := nc.Read(header[:1]); err != nil || header[0] != 0x81 {
		return nil
	}
	return &foreign{errSpeaksBinary}
}

// greetInTLS begins a handshake, and looks at how the answer begins: a server that refuses the
// handshake, or whose version is too old for it, speaks TLS as well. A TLS server leaves a part of
// a plain command unread, and a reset can take its answer away; a greeting is read whole.
func greetInTLS(nc net.Conn) *foreign {
	err := tls.Client(&greetedConn{Conn: nc}, &tls.Config{InsecureSkipVerify: true}).Handshake()
	if is := (foreign{}); errors.As(err, &is) {
		return &is
	}
	return nil
}
