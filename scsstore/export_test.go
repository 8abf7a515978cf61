package scsstore

import "testing"

// WaitUntilForgotten waits until the store remembers nothing of any request.
func (s *Store) WaitUntilForgotten(t *testing.T) {
	t.Helper()
	waitUntilEmpty(t, &s.snapshots)
}

// Remembers returns the number of requests that the store remembers something of.
func (s *Store) Remembers() int { return s.snapshots.requests() }
