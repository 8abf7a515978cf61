package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file logs a user out everywhere.

var logoutCommand = command{
	name: "logout", args: "OWNER", short: "end every session of a user, on every instance of the app",
	long: `
OWNER is the user as the app names him: the value that its store's OwnerKey leads to, as text (a
number in decimal). Who logs in afterwards stays.

Shows the sessions that are listed for the user, and ends them, and those that are not listed any
more because a node has evicted their entry. Instances of the app notice it within their OwnerCheck
(5 s). Where the app has no OwnerKey no user has a session, and there is nothing to end.

No session's id is printed: none is known.

Exit code: 0 all sessions of before have ended; 1 not now, since nodes are out of reach: try again;
2 an error.`,
	prepare: func(c *call) func() int { return c.logout },
}

// logoutResult is the outcome, as JSON has it. The names of fields are promised.
type logoutResult struct {
	Done      bool            `json:"done"`      // all sessions of before have ended
	Destroyed int             `json:"destroyed"` // of those that were listed
	Sessions  []sessionResult `json:"sessions"`  // that were listed
	Reason    string          `json:"reason,omitempty"`
}

// sessionResult is one session as its owner may see it.
type sessionResult struct {
	Label     string    `json:"label"`
	Created   time.Time `json:"created"`
	LastSaved time.Time `json:"last_saved"`
	Deadline  time.Time `json:"deadline"`
}

func (c *call) logout() int {
	if len(c.args) != 1 || c.args[0] == "" {
		return c.usage("it wants one user")
	}
	cl, err := c.open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	r := logoutResult{Sessions: []sessionResult{}}
	listed, _ := cl.Sessions(c.ctx, c.args[0]) // where they cannot be read, they can still be ended
	for _, s := range listed {
		r.Sessions = append(r.Sessions, sessionResult{printable(s.Label), s.Created.UTC(), s.LastSaved.UTC(), s.Deadline.UTC()})
	}
	r.Destroyed, err = cl.DestroyAll(c.ctx, c.args[0])
	if r.Done = err == nil; err != nil {
		r.Reason = words(err)
	}
	c.print(r, func(w io.Writer) {
		if len(r.Sessions) > 0 {
			rows := [][]string{{"CREATED", "LAST SAVED", "ENDS", "LABEL"}}
			for _, s := range r.Sessions {
				rows = append(rows, []string{s.Created.Format(time.RFC3339), s.LastSaved.Format(time.RFC3339), s.Deadline.Format(time.RFC3339), s.Label})
			}
			writeRows(w, rows)
		}
		if r.Done {
			fmt.Fprintf(w, "%d listed sessions were ended. Who logs in from now on stays.\n", r.Destroyed)
		}
	})
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, cluster.ErrUnavailable), errors.Is(err, cluster.ErrConflict):
		fmt.Fprintf(c.stderr, "holdfast logout: not done: %s\nRun it again when \"holdfast status\" shows the nodes up.\n", words(err))
		return exitNotYet
	}
	return c.fail(err)
}

// printable is the label, which may come from a browser, for a terminal.
func printable(label string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, label)
}
