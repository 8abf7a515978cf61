package scsstore

import (
	"runtime"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/lineage"
)

// Lines returns the number of sessions' bytes and values in memory, of all stores. A
// stopped timer of an earlier test may still hold some.
func Lines() int { return lineage.Len() }

// WaitUntilForgotten waits until the store remembers nothing of any request, and the number
// of lines is not above that of before.
func (s *Store) WaitUntilForgotten(t *testing.T, before int) {
	t.Helper()
	requests, lines := 0, 0
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		runtime.GC()
		if requests, lines = s.requests.Len(), lineage.Len(); requests == 0 && lines <= before {
			return
		}
	}
	t.Fatalf("of requests that have ended %d are still remembered, and %d of their bytes and values", requests, lines)
}

// Remembers returns the number of requests that the store remembers something of.
func (s *Store) Remembers() int { return s.requests.Len() }
