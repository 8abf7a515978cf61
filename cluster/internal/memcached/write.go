package memcached

import (
	"bytes"
	"math"
	"strconv"
)

// This file decides what a write says to the server, and what its answer means: every write is
// answered with one line.

// Outcome is what came of one write.
type Outcome int

// The outcomes of a write.
const (
	Stored   Outcome = iota
	Conflict         // somebody else wrote first, or the copy is gone
	Failed
)

// Write puts value in the place of the copy that was seen, by cas; by add where there was none. It
// keeps it for ttl, which is what TTL returns. Maybe is true when the value may be on the server
// although the outcome is not Stored. The error of Conflict is one (IsConflict).
func (s *Server) Write(key string, value []byte, seen *Copy, ttl int32) (o Outcome, maybe bool, err error) {
	verb := "add"
	if seen != nil {
		verb = "cas"
	}
	again, err := s.write(s.newWrite(verb, key, 0, ttl, value, seen))
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
	_, err = s.write(s.newWrite("cas", key, 0, -1, nil, seen))
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
// somebody counts on again.
func (s *Server) Expire(key string, seen *Copy, value []byte, ttl int32) error {
	_, err := s.write(s.newWrite("cas", key, OrphanFlag, ttl, value, seen))
	return err
}

// Set writes whatever is there. A set that a server applies late, because it hung, replaces what
// was written meanwhile: only what is final may be set.
func (s *Server) Set(key string, value []byte, ttl int32) error {
	_, err := s.write(s.newWrite("set", key, 0, ttl, value, nil))
	return err
}

// Delete deletes the key; that there is none is no error.
func (s *Server) Delete(key string) error {
	_, err := s.write(s.newCommand("delete", key))
	if IsConflict(err) {
		return nil
	}
	return err
}

// write has one write with the server. A small one shares a connection, a large one has its own.
func (s *Server) write(w *write) (again bool, err error) {
	defer s.free(w)
	switch {
	case w.seen != nil && w.seen.cas == 0: // no token fits, not even that of the copy
		return s.exchange(s.small, func() error { return errNoCAS })
	case len(w.value) > MaxShared:
		return s.exchange(s.slots, func() error { return s.large.exchange(w) })
	}
	return s.exchange(s.small, func() error { return s.shared.exchange(w) })
}

// MaxShared is the largest value that is sent over the shared connection. Larger
// ones go over connections of their own: nobody should wait behind them.
const MaxShared = 16 << 10

// write is one command whose answer is one line.
type write struct {
	verb  string
	line  []byte // of the command
	value []byte // that follows the line; nil: none does
	seen  *Copy  // of a cas

	answer []byte
	err    error  // why there is no answer
	opened uint64 // of the connection that answered, see lineConn

	// While it shares the connection:
	done bool          // answer or err is there
	turn chan struct{} // done, or it leads now; has room for one
}

// newCommand returns a command without a value, in the memory of one that is done.
func (s *Server) newCommand(verb, key string) *write {
	w, ok := s.spent.Get().(*write)
	if !ok {
		w = &write{turn: make(chan struct{}, 1)}
	}
	w.verb, w.line = verb, append(append(append(w.line[:0], verb...), ' '), key...)
	return w
}

// newWrite returns a command that stores a value (memcached, doc/protocol.txt, "Storage commands").
func (s *Server) newWrite(verb, key string, flags uint64, ttl int32, value []byte, seen *Copy) *write {
	w := s.newCommand(verb, key)
	w.value, w.seen = value, seen
	if value == nil {
		w.value = []byte{}
	}
	w.line = strconv.AppendUint(append(w.line, ' '), flags, 10)
	w.line = strconv.AppendInt(append(w.line, ' '), int64(ttl), 10)
	w.line = strconv.AppendUint(append(w.line, ' '), uint64(len(value)), 10)
	if seen != nil {
		w.line = strconv.AppendUint(append(w.line, ' '), seen.cas, 10)
	}
	return w
}

func (s *Server) free(w *write) {
	w.value, w.seen, w.err, w.done = nil, nil, nil, false
	s.spent.Put(w)
}

// appendTo appends the command as it is sent.
func (w *write) appendTo(b []byte) []byte {
	b = append(append(b, w.line...), "\r\n"...)
	if w.value != nil {
		b = append(append(b, w.value...), "\r\n"...)
	}
	return b
}

// size is the number of bytes that are sent.
func (w *write) size() int { return len(w.line) + len(w.value) + len("\r\n\r\n") }

// anyConnection is good on all connections.
const anyConnection = math.MaxUint64

// goodOn returns the last connection on which it may be sent, see Copy.
func (w *write) goodOn() uint64 {
	if w.seen == nil {
		return anyConnection
	}
	return w.seen.opened
}

// result says what came of it.
func (w *write) result() error {
	if w.err != nil {
		return w.err
	}
	switch string(bytes.TrimRight(w.answer, "\r\n")) {
	case "STORED", "DELETED":
		return nil
	case "NOT_STORED":
		return errNotStored
	case "EXISTS":
		return errExists
	case "NOT_FOUND":
		return errNotFound
	}
	return oddLine{w.verb, string(w.answer)}
}
