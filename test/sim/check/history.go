package check

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

// This file decides what a history is.

// Kind is what was asked.
type Kind int

// What can be asked of a session.
const (
	Load Kind = iota
	Save
	Delete
)

func (k Kind) String() string { return [...]string{"load", "save", "delete"}[k] }

// Outcome is what came of it.
type Outcome int

const (
	// OK: the load returned a live session, the save or the delete was acknowledged.
	OK Outcome = iota
	// NotFound: the load said that there is no such session.
	NotFound
	// Destroyed: the save said that the session was deleted meanwhile.
	Destroyed
	// Unknown: the operation failed; a write may have happened, may happen at any
	// time after its call, or never.
	Unknown
	// Refused: the operation failed, and a write is known not to have happened.
	Refused
)

func (o Outcome) String() string {
	return [...]string{"ok", "not found", "destroyed", "unknown", "refused"}[o]
}

// Never is the Return of an operation whose end nobody saw.
const Never = time.Duration(1<<63 - 1)

// Op is one operation on one session. Times are counted from any one moment, the
// same for the whole history.
type Op struct {
	Client  string // who asked
	Key     string
	Kind    Kind
	Outcome Outcome
	// Begun is when the request began to which the operation belongs: for a save, the
	// call of the load whose result it changed. It is not after Call.
	Begun, Call, Return time.Duration
	// Read is what a load returned: attributes and their values.
	Read map[string]string
	// Write is what a save changed: attributes and their values, "" for removed.
	Write map[string]string
	// Deadline is the end of the session that a save set, and of which a load told,
	// by the same count of time. Zero: not known.
	Deadline time.Duration
	// Ahead is by how much the clock of who asked is ahead of that count.
	Ahead time.Duration
	Err   string // for people
}

// Note is something that happened to the whole store, such as a fault.
type Note struct {
	At   time.Duration
	Text string
}

// History is what happened. Its methods may be called by several goroutines at once.
type History struct {
	mu    sync.Mutex // guards below
	ops   []Op
	notes []Note
}

// Add appends an operation that has ended, or whose end nobody will see.
func (h *History) Add(op Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// Note appends an event of the whole store.
func (h *History) Note(at time.Duration, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, Note{at, fmt.Sprintf(format, args...)})
}

// Ops returns a copy of all operations, in the order in which they were called.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := append([]Op(nil), h.ops...)
	sort.SliceStable(ops, func(i, j int) bool { return ops[i].Call < ops[j].Call })
	return ops
}

// byKey returns the operations of each key in the order of their calls.
func (h *History) byKey() (keys []string, ops map[string][]Op) {
	ops = map[string][]Op{}
	for _, op := range h.Ops() {
		if ops[op.Key] == nil {
			keys = append(keys, op.Key)
		}
		ops[op.Key] = append(ops[op.Key], op)
	}
	return keys, ops
}

// Print writes what happened to one key, with the notes of that time, for people.
func (h *History) Print(w io.Writer, key string) {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	last := time.Duration(0)
	for _, op := range h.Ops() {
		if op.Key == key {
			lines = append(lines, line{op.Call, op.describe()})
			last = max(last, op.Call)
			if op.Return != Never {
				last = max(last, op.Return)
			}
		}
	}
	h.mu.Lock()
	for _, n := range h.notes {
		if len(lines) > 0 && n.At <= last {
			lines = append(lines, line{n.At, "    -- " + n.Text})
		}
	}
	h.mu.Unlock()
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].at < lines[j].at })
	for _, l := range lines {
		fmt.Fprintf(w, "%14.6fs %s\n", l.at.Seconds(), l.text)
	}
}

func (op Op) describe() string {
	var b strings.Builder
	took := "no end"
	if op.Return != Never {
		took = (op.Return - op.Call).Round(time.Microsecond).String()
	}
	fmt.Fprintf(&b, "%-4s %-6s %-9s (%s)", op.Client, op.Kind, op.Outcome, took)
	values := op.Read
	if op.Kind == Save {
		values = op.Write
	}
	for _, name := range sortedNames(values) {
		v := values[name]
		if v == "" {
			v = "removed"
		}
		fmt.Fprintf(&b, " %s=%s", name, short(v))
	}
	if op.Deadline != 0 {
		fmt.Fprintf(&b, " until %.3fs", op.Deadline.Seconds())
	}
	if op.Ahead != 0 {
		fmt.Fprintf(&b, " by a clock of %+.3fs", op.Ahead.Seconds())
	}
	if op.Err != "" {
		fmt.Fprintf(&b, " [%s]", op.Err)
	}
	return b.String()
}

func short(v string) string {
	if len(v) > 24 {
		return v[:24] + "…"
	}
	return v
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
