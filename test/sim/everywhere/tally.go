package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// This file counts.

type tally struct {
	began                          time.Time
	calls, destroyed               atomic.Int64 // that returned nil, and what they have destroyed
	failed                         atomic.Int64 // rounds without one
	logins, refused, asked         atomic.Int64
	killed, hung, emptied, evicted atomic.Int64
	alive                          atomic.Int64 // sessions of before that lived
	gone                           atomic.Int64 // sessions that should have lived and did not
	goneEvicted                    atomic.Int64 // the same, of users whose records are evicted
}

// broken is how many promises were.
func (t *tally) broken() int64 { return t.alive.Load() + t.gone.Load() }

func (t *tally) print(w io.Writer) {
	fmt.Fprintf(w, "%d calls of DestroyAll in %v: %d listed sessions destroyed, %d logins; %d requests were refused, and %d rounds given up\n",
		t.calls.Load(), time.Since(t.began).Round(time.Second), t.destroyed.Load(), t.logins.Load(), t.refused.Load(), t.failed.Load())
	fmt.Fprintf(w, "meanwhile: %d nodes killed and restarted empty, %d hung, %d emptied, %d records of users evicted\n",
		t.killed.Load(), t.hung.Load(), t.emptied.Load(), t.evicted.Load())
	fmt.Fprintf(w, "afterwards: %d questions about sessions of before, %d of these lived; %d sessions were gone that should have lived\n",
		t.asked.Load(), t.alive.Load(), t.gone.Load())
	fmt.Fprintf(w, "beyond the promise: %d sessions of users whose records were evicted were gone\n", t.goneEvicted.Load())
}
