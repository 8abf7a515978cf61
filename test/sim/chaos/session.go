package main

import (
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what is remembered of one session, from its login to its end.

// session is one login of one user, with everything that was asked of it.
type session struct {
	key     string // names the session in its history
	cookie  string // name=value
	id      string // by which the cluster knows it
	history *check.History
	asked   int               // requests so far
	most    int               // after which the user logs out
	read    map[string]string // what the latest read showed
	written int
}

// mark returns a value that nobody else has written: each read tells which write it saw.
func (s *session) mark(name string) string {
	s.written++
	return fmt.Sprintf("%s/%s/%d", s.key, name, s.written)
}

// genuine reports whether a value was written to that session.
func genuine(key, _, value string) bool {
	return strings.HasPrefix(value, key+"/") || value == tooLarge
}
