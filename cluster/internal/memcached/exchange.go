package memcached

import (
	"errors"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides how one command is had with a node: over which connection, how often
// it is sent, and for how long the node is to keep what it stores.

// Outcome is what came of one write.
type Outcome int

// The outcomes of a write.
const (
	Stored   Outcome = iota
	Conflict         // somebody else wrote first, or the copy is gone
	Failed
)

// repeatWithin is the part of a timeout within which a broken connection is tried
// again: a restarted server breaks them at once, and a request must not pay two
// timeouts to one that breaks them late.
const repeatWithin = 4

// command is one exchange to be had with the node.
type command struct {
	verb  func(*memcache.Client, *memcache.Item) error // nil: a get
	item  memcache.Item
	seen  *Copy // of a cas: the copy that it replaces
	batch []*Request
	keys  []string // of the batch; kept for the next
}

// errStale is the conflict of a cas that was not sent, since its token is older than the
// connection.
var errStale = fmt.Errorf("%w: the node was connected to anew since", memcache.ErrCASConflict)

func (cmd *command) run(l *link) error {
	switch {
	case cmd.verb != nil:
		l.opened, l.stale = anyConnection, false
		if cmd.seen != nil && cmd.seen.cas == 0 {
			return errNoCAS // no token fits, not even that of the copy
		}
		if cmd.seen != nil {
			cmd.item.CasID, l.opened = cmd.seen.cas, cmd.seen.opened
		}
		err := cmd.verb(l.client, &cmd.item)
		if l.stale && errors.Is(err, memcache.ErrCASConflict) {
			return errStale
		}
		return err
	case len(cmd.batch) == 1:
		return cmd.batch[0].fetch(l)
	}
	cmd.keys = keysOf(cmd.batch, cmd.keys)
	items, err := l.client.GetMulti(cmd.keys)
	if err != nil {
		return err
	}
	asked := 0
	for _, w := range cmd.batch {
		w.Copy = nil
		if it := items[w.Key]; it != nil {
			w.found, asked = copyOf(it, l.opened), asked+1
			w.Copy = &w.found
		}
	}
	if asked < len(items) {
		return errOutOfStep
	}
	return nil
}

func (w *Request) fetch(l *link) error {
	w.Copy = nil
	it, err := l.client.Get(w.Key)
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return nil
	case err != nil:
		return err
	case it.Key != w.Key:
		return errOutOfStep
	}
	w.found = copyOf(it, l.opened)
	w.Copy = &w.found
	return nil
}

// exchange runs one command with a slot, and judges the node by what came of it.
// Again is true when the command was sent a second time because the first
// connection broke: its effect may then have happened twice.
func (s *Server) exchange(cmd *command) (again bool, err error) {
	s.clock.begin()
	defer s.clock.end()
	room := s.roomFor(cmd)
	if err := s.enter(room); err != nil {
		return false, err
	}
	defer func() { <-room }()
	s.commands.Add(1)
	l, kind := s.linkFor(cmd)
	if kind != nil {
		defer kind.give(l)
	}
	began := s.clock.Now()
	err = cmd.run(l)
	broke := isBroken(err) && s.clock.Now()-began < s.timeout/repeatWithin
	if broke {
		// A server that restarted breaks every connection to its former self once.
		// That is no sign of illness: drop them all and see what stands there now.
		s.Drop()
		s.reconnects.Add(1)
		again = true
		s.commands.Add(1)
		err = cmd.run(l)
	}
	if errors.Is(err, errStale) {
		return again, err // it says nothing of the node
	}
	isEcho := err != nil && errors.As(err, new(echo))
	v, err := judge(err)
	if cmd.verb == nil && IsFull(err) {
		v = Declined // a read needs no room: it refuses whatever it is asked
	}
	err = s.named(v, err)
	if errors.Is(err, errOutOfStep) {
		s.Drop() // answers and questions do not belong together any more
	}
	if isFailure(err) && (!IsFull(err) || v == Declined) {
		s.errors.Add(1)
	}
	if isFailure(err) && (v == Answered || v == Declined) { // others show in the node's state
		s.log.Warn("cluster: node refuses commands", "reason", err)
	}
	if (v == TimedOut || v == Broken) && !isEcho {
		s.timeouts.Add(1)
	}
	if !isEcho {
		s.observe(v, err)
	}
	return again, err
}

// linkFor returns the link for a command, and where it is to be given back.
func (s *Server) linkFor(cmd *command) (*link, *links) {
	if cmd.verb == nil {
		return s.reads, nil
	}
	kind := &s.large
	if cmd.isSmallWrite() {
		kind = &s.writes
	}
	return kind.take(), kind
}

// fetch reads what a batch asks for, with one command.
func (s *Server) fetch(batch []*Request) error {
	s.get.batch = batch
	_, err := s.exchange(&s.get)
	s.get.batch = nil
	return err
}

// Write replaces the copy that was seen: by cas when there was one, by add when
// there was none. Maybe is true when the value may be on the server although the
// outcome is not Stored. The error of Conflict is one (IsConflict).
func (s *Server) Write(key string, value []byte, seen *Copy, ttl int32) (o Outcome, maybe bool, err error) {
	cmd := &command{verb: (*memcache.Client).Add, item: memcache.Item{Key: key, Value: value, Expiration: ttl}}
	if seen != nil {
		cmd.verb, cmd.seen = (*memcache.Client).CompareAndSwap, seen
	}
	again, err := s.exchange(cmd)
	switch {
	case err == nil:
		return Stored, true, nil
	case IsConflict(err):
		return Conflict, again, err
	}
	return Failed, again || !isUnsent(err), err
}

// Withdraw removes the copy that was seen, unless somebody has replaced it since: a cas
// with an expiry in the past. Gone is false when somebody has.
func (s *Server) Withdraw(key string, seen *Copy) (gone bool, err error) {
	item := memcache.Item{Key: key, Expiration: -1}
	_, err = s.exchange(&command{verb: (*memcache.Client).CompareAndSwap, item: item, seen: seen})
	switch {
	case err == nil, IsAbsence(err):
		return true, nil
	case IsConflict(err):
		return false, nil
	}
	return false, err
}

// Expire puts value in the place of the copy that was seen, with a short life and a flag
// that says so. By cas: a touch that is applied late could shorten the life of a copy that
// has become a target's.
func (s *Server) Expire(key string, seen *Copy, value []byte, ttl int32) error {
	item := memcache.Item{Key: key, Value: value, Flags: OrphanFlag, Expiration: ttl}
	_, err := s.exchange(&command{verb: (*memcache.Client).CompareAndSwap, item: item, seen: seen})
	return err
}

// Set writes without looking. For destroyed records only.
func (s *Server) Set(key string, value []byte, ttl int32) error {
	item := memcache.Item{Key: key, Value: value, Expiration: ttl}
	_, err := s.exchange(&command{verb: (*memcache.Client).Set, item: item})
	return err
}

// Delete deletes the key; that there is none is no error.
func (s *Server) Delete(key string) error {
	_, err := s.exchange(&command{verb: deleteItem, item: memcache.Item{Key: key}})
	if IsConflict(err) {
		return nil
	}
	return err
}

func deleteItem(c *memcache.Client, it *memcache.Item) error { return c.Delete(it.Key) }
