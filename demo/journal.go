package main

import (
	"fmt"
	"sync"
	"time"
)

// This file decides how long what happened is remembered, and in which shape.

// kind says what sort of thing happened, for the page to colour and mark it.
type kind string

const (
	fault   kind = "fault"   // something was broken
	mend    kind = "mend"    // something was put right
	note    kind = "note"    // something followed from it
	loss    kind = "loss"    // a user lost something
	refusal kind = "refusal" // something was asked for that is not done
)

// entry is one line of the journal.
type entry struct {
	ID   int       `json:"id"`
	Time time.Time `json:"time"`
	Kind kind      `json:"kind"`
	Text string    `json:"text"`
	// Mark is what the chart writes beside faults and mends, such as "kill n2".
	Mark string `json:"mark,omitempty"`
	// Excuse says of a loss that the machine was too busy: one more fault than was made.
	Excuse string `json:"excuse,omitempty"`
	// Detail is for whoever has to find out why, not for the page.
	Detail []string `json:"detail,omitempty"`
}

// keptEntries is how far back the journal goes; the oldest lines are dropped, since
// nobody scrolls that far.
const keptEntries = 200

// journal tells in plain words what happened. It is safe for concurrent use.
type journal struct {
	mu      sync.Mutex // guards below
	last    int
	entries []entry
}

func (j *journal) add(k kind, mark, format string, args ...any) {
	j.put(entry{Kind: k, Mark: mark, Text: fmt.Sprintf(format, args...)})
}

func (j *journal) put(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	if len(j.entries) == keptEntries {
		j.entries = append(j.entries[:0], j.entries[1:]...)
	}
	e.ID, e.Time = j.last, time.Now()
	j.entries = append(j.entries, e)
}

// latest returns the last n entries, newest first.
func (j *journal) latest(n int) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []entry
	for i := len(j.entries) - 1; i >= 0 && len(out) < n; i-- {
		out = append(out, j.entries[i])
	}
	return out
}

// marks returns the entries since then that belong on the chart, oldest first.
func (j *journal) marks(since time.Time) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []entry
	for _, e := range j.entries {
		if e.Mark != "" && e.Time.After(since) {
			out = append(out, e)
		}
	}
	return out
}
