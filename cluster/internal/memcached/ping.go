package memcached

import "strings"

// This file decides how a server is asked whether it is well: over a connection of its own, so
// that no request waits for the answer.

// Ping asks the server for its version and, where it must serve, for a key as well.
func (s *Server) Ping(mustServe bool) (Verdict, error) {
	return judge(s.ping(mustServe))
}

func (s *Server) ping(mustServe bool) error {
	s.clock.begin()
	defer s.clock.end()
	limit := s.dialer.limit()
	c, err := s.dialer.openLine(s.addr, limit)
	if err != nil {
		return err
	}
	defer c.Close()
	line, err := c.ask("version\r\n", limit)
	if err == nil && !strings.HasPrefix(line, "VERSION ") {
		err = oddLine{"version", line}
	}
	if err == nil && mustServe {
		line, err = c.ask("gets "+s.probe+"\r\n", s.dialer.limit())
		if err == nil && line != "END\r\n" {
			err = oddLine{"gets", line}
		}
	}
	return err
}
