package check

import (
	"strings"
	"time"
)

// This file decides about one answer.

// judge looks at one answer.
func (s *session) judge(op *Op) {
	s.judgeOrigin(op)
	switch op.Outcome {
	case Unknown, Refused:
		excused := s.opts.Errors || op.Return == Never || s.blurred[op]
		switch op.Kind {
		case Load:
			excused = excused || s.absent(op)
		case Save:
			// Of a session that has ended nothing is left, and only a home node can say so: where
			// none can be reached, an error is right, as it is for a load.
			excused = excused || s.expired(op)
		case Delete:
			excused = excused || s.born >= op.Call || s.expired(op)
		}
		if !excused {
			s.fail(UserError, op, "", "failed")
		}
		return
	case NotFound, Destroyed:
		s.judgeAbsent(op)
		return
	}
	if op.Kind == Delete || s.blurred[op] {
		return
	}
	if op.Kind == Save && len(op.Write) == 0 && s.opts.Slack > 0 {
		return // it asked nobody, because it changed nothing: that is what the slack is for
	}
	for _, d := range s.deletes {
		if d.done < op.Call {
			s.fail(Resurrected, op, "", "the session was deleted %v before", (op.Call - d.done).Round(time.Microsecond))
			return
		}
	}
	if op.Kind == Load {
		s.judgeRead(op)
	} else if end, over := s.over(op); over {
		s.fail(Resurrected, op, "", "the session had ended %v before, by the clock that saved it", (op.Call + op.Ahead - end).Round(time.Microsecond))
	}
}

// judgeOrigin asks who wrote what was read.
func (s *session) judgeOrigin(op *Op) {
	for attr, v := range op.Read {
		if s.opts.Genuine != nil && !s.opts.Genuine(s.key, attr, v) {
			s.fail(Foreign, op, attr, "value %q belongs elsewhere", short(v))
		}
		if w := s.regs[attr]; w == nil || w.value[v] == nil || w.value[v].op.Call > op.Return {
			s.fail(Foreign, op, attr, "nobody has written %q", short(v))
		}
	}
}

func (s *session) judgeAbsent(op *Op) {
	if s.absent(op) {
		return
	}
	s.fail(FalseAbsent, op, "", "nobody has deleted it")
}

func (s *session) judgeRead(op *Op) {
	rule := Stale
	if s.opts.Final > 0 && op.Call >= s.opts.Final {
		rule = Lost
	}
	if end, over := s.over(op); over {
		s.fail(Overdue, op, "", "the last deadline was %.3fs", end.Seconds())
	}
	ended := s.lastEnd(op)
	for _, attr := range sortedNames(s.regs) {
		r := s.regs[attr]
		stale := func(since time.Duration) *write { return r.absentStale(op, since) }
		what := "nothing"
		if v, present := op.Read[attr]; present {
			w := r.value[v]
			if w == nil {
				continue
			}
			what = short(v)
			stale = func(since time.Duration) *write { return r.stale(w, since, op.Call) }
		}
		o := stale(ended)
		excused := o == nil
		if excused {
			o = stale(always)
		}
		if o == nil {
			continue
		}
		s.fail(rule, op, attr, "read %s, but %s stood %v before", what, named(o.value), (op.Call - o.done).Round(time.Microsecond))
		if excused {
			s.excuse()
		}
	}
}

// excuse takes back what was found last: what it misses was saved before the session
// ended by some clock.
func (s *session) excuse() {
	last := len(s.out) - 1
	if s.opts.Excused != nil {
		s.opts.Excused(s.out[last])
	}
	s.out = s.out[:last]
}

// absentStale returns a write that should have been seen, if no removal explains
// that the attribute was not there.
func (r *register) absentStale(op *Op, since time.Duration) *write {
	var over *write
	for _, w := range r.writes {
		if w.value != "" || w.call > op.Return {
			continue
		}
		o := r.stale(w, since, op.Call)
		if o == nil {
			return nil
		}
		over = o
	}
	return over
}

func named(v string) string {
	if v == "" {
		return "a removal"
	}
	return short(strings.TrimSpace(v))
}
