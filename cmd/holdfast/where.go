package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file shows on which nodes one session lies.

var whereCommand = command{
	name: "where", args: "ID|-", short: "on which nodes the session with this id lies",
	long: `
Asks the nodes, in the order in which the session prefers them, what they hold of it, and changes
nothing. The id is a token of scs, or the id of a session of gorilla (session.ID, not its cookie).

Whoever has the id has the session. An argument shows in the list of processes and in the shell's
history, so have it read from standard input:

  printf %s "$ID" | holdfast where -

The id is not printed, and neither is what the session holds. Copies with the same VERSION say the
same: it is the time of the newest change. A node that was not asked shows as "?".

Exit code: 0 a node holds the session; 1 none does that could be asked; 2 an error.`,
	prepare: func(c *call) func() int { return c.where },
}

// placeResult is what one node has of a session, as JSON has it. The names of fields are promised.
type placeResult struct {
	Node    string `json:"node"`
	Addr    string `json:"addr"`
	Role    string `json:"role"` // primary, backup, fallback, standby
	State   string `json:"state"`
	Copy    string `json:"copy"`              // live, destroyed, none, unknown
	Version string `json:"version,omitempty"` // RFC 3339
	Bytes   int    `json:"bytes,omitempty"`
	Error   string `json:"error,omitempty"`
}

type whereResult struct {
	Found  bool          `json:"found"` // a node holds a live copy
	Places []placeResult `json:"places"`
}

// What a node has of a session.
const (
	copyLive      = "live"
	copyDestroyed = "destroyed"
	copyNone      = "none"
	copyUnknown   = "unknown"
)

func (c *call) where() int {
	if len(c.args) != 1 {
		return c.usage("it wants one id, or - for standard input")
	}
	id := c.args[0]
	if id == "-" {
		var err error
		if id, err = readID(c.stdin); err != nil {
			return c.usage("%s", err)
		}
	}
	cl, err := c.open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	places, err := cl.Where(c.ctx, id)
	if err != nil {
		return c.fail(err)
	}
	result := whereResult{}
	states := map[string]string{} // as the questions have shown them
	for _, n := range cl.Nodes() {
		states[n.ID] = n.State.String()
	}
	for _, p := range places {
		r := placeOf(p)
		r.State = states[r.Node]
		result.Found = result.Found || r.Copy == copyLive
		result.Places = append(result.Places, r)
	}
	c.print(result, func(w io.Writer) { whereTable(w, result) })
	if !result.Found {
		return exitNotYet
	}
	return exitDone
}

// mostID is longer than any id.
const mostID = 4096

// readID reads an id: all there is, without the end of the line.
func readID(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, mostID)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("standard input cannot be read: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf(`there is no id on standard input. Write it there: printf %%s "$ID" | holdfast where -`)
	}
	return line, nil
}

func placeOf(p cluster.Placement) placeResult {
	r := placeResult{Node: p.Node.ID, Addr: p.Node.Addr, Role: string(p.Role), Copy: copyNone, Bytes: p.Bytes}
	switch {
	case p.Err != nil:
		r.Copy, r.Error = copyUnknown, words(p.Err)
	case p.Destroyed:
		r.Copy = copyDestroyed
	case p.Held:
		r.Copy = copyLive
	}
	if p.Version != 0 {
		r.Version = time.UnixMicro(p.Version).UTC().Format(time.RFC3339Nano)
	}
	return r
}

func whereTable(w io.Writer, result whereResult) {
	rows := [][]string{{"NODE", "ROLE", "STATE", "COPY", "VERSION", "BYTES", ""}}
	for _, p := range result.Places {
		bytes, held := "-", p.Copy
		if p.Bytes > 0 {
			bytes = number(p.Bytes)
		}
		if held == copyUnknown {
			held = "?"
		}
		rows = append(rows, []string{p.Node, p.Role, p.State, held, cmp.Or(p.Version, "-"), bytes, p.Error})
	}
	writeRows(w, rows)
	switch {
	case result.Found:
	case !slices.ContainsFunc(result.Places, func(p placeResult) bool { return p.Copy != copyUnknown }):
		fmt.Fprintln(w, "\nNo node could be asked, so nobody knows. \"holdfast status\" says what is wrong with the nodes.")
	case slices.ContainsFunc(result.Places, func(p placeResult) bool { return p.Copy == copyDestroyed }):
		fmt.Fprintln(w, "\nThe session was deleted, as by a logout. It stays so.")
	default:
		fmt.Fprintln(w, "\nNo node that could be asked holds it. Is the id right, and are MEMCACHED_KEY_PREFIX and MEMCACHED_SEAL_KEYS those of the app?")
	}
}
