package memcached

import "errors"

// This file decides how one exchange is had with a server: how often the command is sent, and
// what is made of how it ended.

// repeatWithin is the part of a Timeout within which a broken connection is tried
// again: a restarted server breaks them at once, and a request must not pay two
// Timeouts to one that breaks them late.
const repeatWithin = 4

// exchange runs one command in its place, and tells what came of it: to the caller, to the
// counts, and to whoever observes the server. Again is true when the command was sent a second
// time because the first connection broke: its effect may then have happened twice.
func (s *Server) exchange(place room, command func() error) (again bool, err error) {
	s.clock.begin()
	defer s.clock.end()
	if err := s.enter(place); err != nil {
		return false, err
	}
	defer place.leave()
	began := s.clock.Now()
	s.commands.Add(1)
	err = command()
	if isBroken(err) && s.clock.Now()-began < s.timeout/repeatWithin {
		// A server that restarted breaks every connection to its former self once.
		// That is no sign of illness: drop them all and see what stands there now.
		s.Drop()
		s.reconnects.Add(1)
		s.commands.Add(1)
		again, err = true, command()
	}
	if errors.Is(err, errStale) {
		return again, err // nothing was sent: it says nothing of the server
	}
	shared := err != nil && errors.As(err, new(sharedFailure))
	v, err := judge(err)
	err = s.named(v, err)
	if errors.Is(err, errOutOfStep) {
		s.Drop() // answers and questions do not belong together any more
	}
	if isFailure(err) && (!IsFull(err) || v == Declined) {
		s.errors.Add(1)
	}
	if isFailure(err) && (v == Answered || v == Declined) {
		// Other failures show in what is thought of the server.
		s.log.Warn("cluster: node refuses commands", "reason", err)
	}
	if shared {
		return again, err // whoever had the exchange has told
	}
	if v == TimedOut || v == Broken {
		s.timeouts.Add(1)
	}
	s.observe(v, err)
	return again, err
}
