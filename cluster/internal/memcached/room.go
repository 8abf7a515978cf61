package memcached

import (
	"fmt"
	"time"
)

// This file decides how many commands may be on their way to a server, and what becomes of a
// request that finds no room: it waits for a Timeout, turns to another server, and is counted.

// smallPerConn is how many more small writes than other commands may be on their way to a
// server: they share one connection, and wait for each other rather than for the server.
const smallPerConn = 8

// room has a place for each command that may be on its way.
type room chan struct{}

func (r room) leave() { <-r }

// enter takes a place. A request that had to wait for one must not wait for a sick server a
// second time.
func (s *Server) enter(r room) error {
	select {
	case r <- struct{}{}:
		return nil
	default:
	}
	began, at := time.Now(), s.clock.Now()
	ctx, cancel := s.clock.context(at + s.timeout)
	defer cancel()
	select {
	case r <- struct{}{}:
	case <-ctx.Done():
		return s.turnAway(errFull, time.Since(began), s.clock.Now()-at)
	}
	if !s.usable() {
		r.leave()
		return errNotUsable
	}
	return nil
}

// turnAway counts and logs a request that finds no room after it has waited for so long, of
// which this process ran for awake. It returns the reason for whoever made the request.
func (s *Server) turnAway(err error, waited, awake time.Duration) error {
	s.busy.Add(1)
	err = reasonFor(err, waited, awake)
	s.log.Warn("cluster: requests are turned away for want of room", "reason", err)
	return err
}

// reasonFor adds what an operator would look for in vain at the server.
func reasonFor(err error, waited, awake time.Duration) error {
	if waited > 2*awake {
		return fmt.Errorf("%w (this process is short of CPU: it ran for %d %% of the wait)", err, 100*max(awake, 0)/waited)
	}
	return err
}
