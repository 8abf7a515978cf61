package check

import (
	"fmt"
	"time"
)

// This file decides which answers break a promise, in time linear in the length of
// the history for all practical lengths of one key.

// Rule is a promise.
type Rule string

// The promises.
const (
	Stale       Rule = "stale"            // a read older than a write acknowledged, or read, before it began
	Lost        Rule = "lost"             // the same at the end: an acknowledged change is gone for good
	Resurrected Rule = "resurrected"      // a session read, or saved, after its deletion was acknowledged or seen
	FalseAbsent Rule = "false no-session" // "no such session" of one that lives
	Foreign     Rule = "foreign"          // bytes of another session, or that nobody wrote
	Overdue     Rule = "overdue"          // a session served after its deadline
	UserError   Rule = "error"            // an error where none is allowed
	Disorder    Rule = "not linearizable" // no order of the operations explains the answers
	Undecided   Rule = "undecided"        // the check ran out of time
	Diverged    Rule = "diverged"         // copies differ after all faults were healed
	Maligned    Rule = "maligned"         // a node taken for down that answers at once
)

// Violation is one broken promise.
type Violation struct {
	Rule Rule
	Key  string
	Attr string
	At   time.Duration
	Text string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: key %s attribute %q at %.6fs: %s", v.Rule, v.Key, v.Attr, v.At.Seconds(), v.Text)
}

// Options say what is promised for a history.
type Options struct {
	// Skew is the most by which the clocks of two clients differ. Where it is not
	// zero, a write counts as begun with its request.
	Skew time.Duration
	// Ahead is the most by which a client's clock is ahead of the count of time. By
	// that clock a session ends so much before its deadline: clients that look there
	// leave it to expire, and nodes drop the copies that they wrote.
	Ahead time.Duration
	// Grain is how exact deadlines are besides.
	Grain time.Duration
	// Slack is for how long a session may be served after its deadline.
	Slack time.Duration
	// Errors allows failed operations. (Those of an instance that was killed have
	// Return Never and are always allowed.)
	Errors bool
	// Losses says that saves may be lost. Then a session may live until the latest end that any
	// save gave it, else until that of the last one.
	Losses bool
	// Outage, if not nil, reports whether an operation fell into an outage of the store,
	// or into the moment after it in which its clients do not know of each other what
	// they can reach, and when that moment ended. Such an operation may fail, what a
	// load reads counts for nothing, and a write counts only from that end on. That
	// there is no session must be as true as ever, and from then on everything else, too.
	Outage func(op *Op) (end time.Duration, during bool)
	// Final is when the last reads began: after it all faults were healed. A stale
	// read from then on is a loss. Zero: there are no such reads.
	Final time.Duration
	// Linear asks for the linearizability check with this much time a register.
	// Zero: none.
	Linear time.Duration
	// Excused, if not nil, is told of each stale read that is no violation because, by some
	// clock, the session had ended since what it misses was saved.
	Excused func(Violation)
	// Genuine, if not nil, reports whether a value belongs to that attribute of that key.
	Genuine func(key, attr, value string) bool
}

// write is one change of one register.
type write struct {
	value string // "" removed
	call  time.Duration
	done  time.Duration // when it is known to stand: acknowledged or read; Never until then
	last  time.Duration // what began after it is newer: when it was done, or given up
	op    *Op
}

// register is all writes to one attribute, or to the deadline, of one key.
type register struct {
	writes []*write
	value  map[string]*write
}

// stale returns a write that overwrites w, began after the moment since and stood
// before the moment at.
func (r *register) stale(w *write, since, at time.Duration) *write {
	for _, o := range r.writes {
		if o != w && o.done < at && o.call > max(min(w.done, w.last), since) {
			return o
		}
	}
	return nil
}

// session is what is known of one key.
type session struct {
	key       string
	ops       []Op
	opts      Options
	regs      map[string]*register
	deletes   []*write
	deadlines register
	born      time.Duration // when the session first stood, saved or read; Never if it never did
	blurred   map[*Op]bool  // those of an outage
	out       []Violation
}

// Verify returns every broken promise.
func (h *History) Verify(opts Options) []Violation {
	var out []Violation
	keys, ops := h.byKey()
	for _, key := range keys {
		s := &session{key: key, ops: ops[key], opts: opts, regs: map[string]*register{}, born: Never, blurred: map[*Op]bool{}}
		s.blur()
		s.collect()
		for i := range s.ops {
			s.judge(&s.ops[i])
		}
		if opts.Linear > 0 && len(s.out) == 0 {
			s.linear()
		}
		out = append(out, s.out...)
	}
	return out
}

// blur takes from the operations of an outage what they do not prove. Bytes that
// belong elsewhere are never excused.
func (s *session) blur() {
	if s.opts.Outage == nil {
		return
	}
	for i := range s.ops {
		op := &s.ops[i]
		end, during := s.opts.Outage(op)
		if !during {
			continue
		}
		s.blurred[op] = true
		switch {
		case op.Kind == Load && op.Outcome == NotFound: // an error is right, this never is
		case op.Kind == Load:
			op.Outcome = Unknown
		case op.Outcome == OK && op.Return != Never:
			op.Return = max(op.Return, end)
		case op.Outcome == Destroyed || op.Outcome == NotFound:
			op.Outcome = Unknown
		}
	}
}

func (s *session) fail(rule Rule, op *Op, attr, format string, args ...any) {
	s.out = append(s.out, Violation{
		Rule: rule, Key: s.key, Attr: attr, At: op.Call,
		Text: fmt.Sprintf(format, args...) + ": " + op.describe(),
	})
}

// begin is when a write may first have counted.
func (s *session) begin(op *Op) time.Duration {
	if s.opts.Skew > 0 {
		return op.Begun
	}
	return op.Call
}

// stands is when a write is known to stand by its own answer.
func stands(op *Op) time.Duration {
	if op.Outcome == OK {
		return op.Return
	}
	return Never
}

// givenUp is when nobody tried any more to make the write. It may be seen only later, but
// by clocks that agree it is older than what began after that.
func (s *session) givenUp(op *Op) time.Duration {
	if s.opts.Skew > 0 {
		return Never
	}
	return op.Return
}

func (s *session) register(attr string) *register {
	r := s.regs[attr]
	if r == nil {
		// Before its first write an attribute is removed, and has been forever.
		none := &write{call: -Never, done: -Never, last: -Never}
		r = &register{writes: []*write{none}, value: map[string]*write{}}
		s.regs[attr] = r
	}
	return r
}

// collect finds all writes, and when each is first known to stand.
func (s *session) collect() {
	parts := map[*Op][]*write{}
	for i := range s.ops {
		op := &s.ops[i]
		switch {
		case op.Outcome == Refused:
		case op.Kind == Delete:
			s.deletes = append(s.deletes, &write{call: op.Call, done: stands(op), op: op})
		case op.Kind == Save:
			if op.Outcome != Destroyed {
				s.born = min(s.born, stands(op))
			}
			if op.Deadline != 0 {
				w := &write{call: s.begin(op), done: stands(op), last: s.givenUp(op), op: op}
				if len(op.Write) == 0 && s.opts.Slack > 0 {
					w.done = Never // it may have asked nobody
				}
				s.deadlines.writes = append(s.deadlines.writes, w)
			}
			for attr, v := range op.Write {
				r := s.register(attr)
				w := &write{value: v, call: s.begin(op), done: stands(op), last: s.givenUp(op), op: op}
				r.writes = append(r.writes, w)
				parts[op] = append(parts[op], w)
				if v != "" {
					r.value[v] = w
				}
			}
		}
	}
	for i := range s.ops {
		op := &s.ops[i]
		if op.Kind != Load || op.Outcome != OK {
			continue
		}
		s.born = min(s.born, op.Return) // who has read it knows that it is there
		for attr, v := range op.Read {
			if w := s.register(attr).value[v]; w != nil {
				for _, part := range parts[w.op] { // a save is seen whole
					part.done = min(part.done, op.Return)
				}
			}
		}
	}
	s.collectDeletes()
}

// collectDeletes: who was told that a session that was there is gone saw one of the deletions
// that had begun by then. Whichever it was, deleted is final.
func (s *session) collectDeletes() {
	for i := range s.ops {
		op := &s.ops[i]
		gone := op.Outcome == NotFound && op.Call > s.born || op.Outcome == Destroyed
		if !gone || s.blurred[op] || s.expired(op) {
			continue
		}
		for _, d := range s.deletes {
			if d.call < op.Return {
				s.deletes = append(s.deletes, &write{call: d.call, done: op.Return, op: d.op})
				break
			}
		}
	}
}

// absent reports whether there may have been no session when op was called. Where
// no home node can be reached, nobody can know that: an error is right.
func (s *session) absent(op *Op) bool {
	if s.born >= op.Call || s.expired(op) {
		return true
	}
	for _, d := range s.deletes {
		if d.call < op.Return {
			return true
		}
	}
	return false
}
