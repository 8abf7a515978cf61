package memcached

import (
	"bufio"
	"fmt"
	"net"
	"strings"
)

// This file decides how a server is asked whether it is well: over a connection of its own, so
// that no request waits for the answer.

// Ping asks the server for its version and, where it must serve, for a key as well.
func (s *Server) Ping(mustServe bool) (Verdict, error) {
	return judge(s.ping(mustServe))
}

func (s *Server) ping(mustServe bool) error {
	s.clock.begin()
	defer s.clock.end()
	nc, err := s.dialer.connect(nil, s.addr.network, s.addr.addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	r := bufio.NewReaderSize(nc, maxAnswerLine)
	err = expect(nc, r, "version", "", "VERSION ")
	if err == nil && mustServe {
		err = expect(nc, r, "gets", " "+s.probe, "END\r\n")
	}
	return err
}

// expect sends a command and reads one line. The error is that of the client's where another
// line comes.
func expect(nc net.Conn, r *bufio.Reader, verb, args, want string) error {
	if _, err := nc.Write([]byte(verb + args + "\r\n")); err != nil {
		return err
	}
	line, err := r.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, want) {
		err = fmt.Errorf("memcache: unexpected response line from %q: %q", verb, line)
	}
	return err
}
