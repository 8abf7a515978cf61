package main

import (
	"fmt"
	"io"
	"time"
)

// This file counts the sessions.

var sessionsCommand = command{
	name: "sessions", args: "[--count]", short: "how many sessions live, when they end, and how large they are",
	long: `
Reads each session once, from the nodes' lists of keys, and counts those that live. It takes a
second for some ten thousand sessions, and longer while users would wait for it.

Nothing is printed of any one session. BYTES are those of one copy; each session has as many as
MEMCACHED_REPLICAS says.

The count is exact or there is none: where nodes are down and the others may lack sessions, or where
nodes do not list their keys (memcached -X, and most managed services), it says so.

Exit code: 0 they were counted; 2 they could not be.`,
	prepare: func(c *call) func() int {
		count := c.flags.Bool("count", false, "print the number of sessions alone")
		return func() int { return c.sessions(*count) }
	},
}

// sessionsResult is the count as JSON has it. The names of fields are promised.
type sessionsResult struct {
	Count      int   `json:"count"`
	Bytes      int64 `json:"bytes"`
	WithinHour int   `json:"end_within_hour"`
	WithinDay  int   `json:"end_within_day"` // but not within an hour
	Later      int   `json:"end_later"`
}

// sayEvery is how many sessions are counted between two lines of progress.
const sayEvery = 500

func (c *call) sessions(countOnly bool) int {
	if len(c.args) > 0 {
		return c.usage("it takes no argument: it counts all sessions")
	}
	cl, err := c.open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	line := c.progress()
	line.show("the nodes list their keys")
	var r sessionsResult
	now := time.Now()
	for s, err := range cl.All(c.ctx) {
		if err != nil {
			line.clear()
			return c.fail(err)
		}
		if r.Count++; r.Count%sayEvery == 0 {
			line.show(number(r.Count) + " sessions so far")
		}
		r.Bytes += int64(s.Bytes)
		switch left := s.Deadline.Sub(now); {
		case left <= time.Hour:
			r.WithinHour++
		case left <= 24*time.Hour:
			r.WithinDay++
		default:
			r.Later++
		}
	}
	line.clear()
	c.print(r, func(w io.Writer) {
		if countOnly {
			fmt.Fprintln(w, r.Count)
			return
		}
		writeRows(w, [][]string{
			{"SESSIONS", "END WITHIN 1 H", "WITHIN 1 DAY", "LATER", "BYTES"},
			{number(r.Count), number(r.WithinHour), number(r.WithinDay), number(r.Later), size(r.Bytes)},
		})
		if r.Count == 0 {
			fmt.Fprintln(w, "\nNo node holds a session. If the app has some: is MEMCACHED_KEY_PREFIX that of the app?")
		}
	})
	return exitDone
}
