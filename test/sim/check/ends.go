package check

import "time"

// This file decides when a session has, or may have, ended by itself, by which clock.

// expired reports whether the session may have reached its deadline by any clock
// when op ended.
func (s *session) expired(op *Op) bool {
	vague := s.opts.Ahead + s.opts.Grain
	for _, w := range s.deadlines.writes {
		if w.call <= op.Return && s.deadlines.stale(w, always, op.Call) == nil && op.Return >= w.op.Deadline-vague {
			return true
		}
	}
	return false
}

// over reports whether, by its own clock, op was called after the session had ended,
// whichever of the saves that none had followed by then had moved the deadline, and when that
// was. Where saves may be lost, whichever of all saves.
func (s *session) over(op *Op) (end time.Duration, over bool) {
	known := false
	for _, w := range s.deadlines.writes {
		if w.op != op && w.op.Call < op.Return && (s.opts.Losses || s.deadlines.stale(w, always, op.Call) == nil) {
			known, end = true, max(end, w.op.Deadline)
		}
	}
	return end, known && op.Call+op.Ahead > end+s.opts.Grain+s.opts.Slack
}

// always is before every moment of a history.
const always = -Never

// ends calls f with each moment at which the session may have reached its deadline by
// the clock that is ahead of all, until op. Where clocks differ, nodes drop its copies
// one by one from then on, nobody repairs what they miss, and a copy of an older save
// with a later deadline, by another clock, may be left: what comes of the session is
// not what it was.
func (s *session) ends(op *Op, f func(at time.Duration)) {
	if s.opts.Skew == 0 {
		return
	}
	for _, w := range s.deadlines.writes {
		at := w.op.Deadline - s.opts.Ahead - s.opts.Grain
		if at <= op.Return && s.deadlines.stale(w, always, at) == nil {
			f(at)
		}
	}
}

// lastEnd is the last of these moments; always if there was none.
func (s *session) lastEnd(op *Op) time.Duration {
	last := time.Duration(always)
	s.ends(op, func(at time.Duration) { last = max(last, at) })
	return last
}

// firstEnd is the first of them; Never if there was none.
func (s *session) firstEnd(op *Op) time.Duration {
	first := Never
	s.ends(op, func(at time.Duration) { first = min(first, at) })
	return first
}
