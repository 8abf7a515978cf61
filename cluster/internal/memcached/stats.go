package memcached

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// This file decides how a server is asked about itself (stats; memcached, doc/protocol.txt).

// Stats asks the server for its statistics, over a connection of its own, and returns those that
// are whole numbers. What is thought of the server does not change by it.
func (s *Server) Stats(ctx context.Context) (map[string]uint64, error) {
	s.clock.begin()
	defer s.clock.end()
	stats, err := s.stats(ctx)
	switch {
	case err == nil:
		return stats, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	_, err = judge(err)
	return nil, err
}

func (s *Server) stats(ctx context.Context) (map[string]uint64, error) {
	limit := s.dialer.limit()
	c, end, err := s.openAlone(ctx, limit)
	if err != nil {
		return nil, err
	}
	defer end()
	stats := map[string]uint64{}
	last, err := c.stats("stats", limit, func(name, value string) error {
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			stats[name] = n
		}
		return nil
	})
	if err == nil && last != "END\r\n" {
		err = oddLine{"stats", last}
	}
	if err != nil {
		return nil, err
	}
	return stats, nil
}

// mostStats bounds the lines of an answer: those that tell of classes are some 30 for each of at
// most 255.
const mostStats = 10_000

// stats asks for statistics, gives each to take, "STAT name value", and returns the first line that
// is none: END, unless the server refuses. An error of take ends it.
func (c *lineConn) stats(command string, limit time.Duration, take func(name, value string) error) (last string, err error) {
	line, err := c.ask(command+"\r\n", limit)
	for range mostStats {
		if err != nil {
			return "", err
		}
		stat, isStat := strings.CutPrefix(line, "STAT ")
		if !isStat {
			break
		}
		if name, value, ok := strings.Cut(strings.TrimRight(stat, "\r\n"), " "); ok {
			if err := take(name, value); err != nil {
				return "", err
			}
		}
		var b []byte
		b, err = c.readLine()
		line = string(b)
	}
	return line, err
}
