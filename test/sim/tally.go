package sim

import (
	"sort"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what is counted while users act.

// Count is what users did and saw under one fault.
type Count struct {
	Loads, Saves, Deletes int
	Acked                 int // saves acknowledged
	Unknown               int // operations that failed
	Slowest               time.Duration
	Took                  []time.Duration // of every operation that has ended
}

// Quantile returns the duration that this share of the operations did not exceed.
func (c *Count) Quantile(q float64) time.Duration {
	if len(c.Took) == 0 {
		return 0
	}
	sort.Slice(c.Took, func(i, j int) bool { return c.Took[i] < c.Took[j] })
	return c.Took[min(len(c.Took)-1, int(q*float64(len(c.Took))))]
}

// Tally is counts by the name of the fault.
type Tally map[string]*Count

// Merge adds another tally.
func (t Tally) Merge(o Tally) {
	for name, c := range o {
		d := t[name]
		if d == nil {
			d = &Count{}
			t[name] = d
		}
		d.Loads += c.Loads
		d.Saves += c.Saves
		d.Deletes += c.Deletes
		d.Acked += c.Acked
		d.Unknown += c.Unknown
		d.Slowest = max(d.Slowest, c.Slowest)
		d.Took = append(d.Took, c.Took...)
	}
}

// Acked is the number of acknowledged saves.
func (t Tally) Acked() int {
	n := 0
	for _, c := range t {
		n += c.Acked
	}
	return n
}

type tallies struct {
	mu    sync.Mutex // guards below
	now   string
	tally Tally
}

func newTallies() *tallies { return &tallies{now: "calm", tally: Tally{}} }

// under names the fault that reigns from now on.
func (t *tallies) under(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = name
}

func (t *tallies) add(op *check.Op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.tally[t.now]
	if c == nil {
		c = &Count{}
		t.tally[t.now] = c
	}
	switch op.Kind {
	case check.Load:
		c.Loads++
	case check.Save:
		c.Saves++
		if op.Outcome == check.OK {
			c.Acked++
		}
	case check.Delete:
		c.Deletes++
	}
	if op.Outcome == check.Unknown {
		c.Unknown++
	}
	if op.Return != check.Never {
		c.Slowest = max(c.Slowest, op.Return-op.Call)
		c.Took = append(c.Took, op.Return-op.Call)
	}
}

func (t *tallies) total() Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tally
}
