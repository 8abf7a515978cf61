package cluster

import "time"

// This file decides what a record keeps of a later end that its session once had. A node that
// is out of reach when a session is given an earlier end goes on holding the longer copy. When
// the session has ended, and the other copies have expired, that copy would be the session.
//
//  1. A record tells the latest end that the session ever had, where that is later than its
//     deadline: joins take the later one of both, and saves never lower it.
//  2. Nodes keep the record until then, however soon its session ends, and clockSkew longer: the
//     clocks by which the longer copy was written, and is judged, may be behind.
//  3. A record whose session ended sooner is evidence. Loads answer "no session", and bring it to
//     the targets that lack it, like a tombstone. Saves find their session ended.
//  4. A tombstone is kept as long as the longest copy that it was ever joined with.
//
// A lie costs the room of its own session: nodes keep that until the year 9999, or until they
// need the room. Everything here is pure.

// end is the latest end that the session ever had, in ms, as far as the record knows.
func (s *stored) end() int64 { return max(s.deadline, s.latest) }

// livedUntil notes in a record under construction that the session once had that end.
// Invariant: latest is 0 or later than the deadline, so that equal records look equal.
func (s *stored) livedUntil(end int64) {
	s.latest = 0
	if end > s.deadline {
		s.latest = end
	}
}

// isEvidence reports whether the record tells of an end that came sooner than copies of the
// session may still say.
func (s *stored) isEvidence(now time.Time) bool {
	return s != nil && !s.destroyed && s.latest > 0 && !s.live(now) && now.UnixMilli() < s.foundUntil()
}

// foundUntil is until when a copy of the session may be found alive by some clock, in ms.
func (s *stored) foundUntil() int64 { return min(s.end()+clockSkew.Milliseconds(), maxDeadline) }

// keptUntil is until when nodes must keep the record of a session, in ms.
func (s *stored) keptUntil() int64 {
	if s.latest == 0 {
		return s.deadline // no copy tells of a later end
	}
	return s.foundUntil()
}

// joinDestroyed is the join of two records of which at least one is destroyed: a tombstone that is
// remembered as long as the tombstones and the longest copy of the session may be found.
func joinDestroyed(a, b *stored) *stored {
	until := func(s *stored) int64 {
		if s.destroyed {
			return s.deadline
		}
		return s.foundUntil()
	}
	latest := max(until(a), until(b))
	for _, s := range [...]*stored{a, b} {
		if s.destroyed && s.deadline == latest {
			return s
		}
	}
	return tombstone(latest)
}
