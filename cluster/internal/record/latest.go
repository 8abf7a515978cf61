package record

import "time"

// This file decides what a record keeps of a later end that its session once had. A node that is
// out of reach when a session is given an earlier end goes on holding the longer copy. When the
// session has ended, and the other copies have expired, the longer copy would be the session.
//
//  1. A record tells the latest end that the session ever had, where that is later than its
//     deadline. Merge takes the later one of both, and no save lowers it.
//  2. Nodes keep the record until then, however soon its session ends, and clockSkew longer: the
//     clocks by which the longer copy was written, and is judged, may be behind.
//  3. A record whose session ended sooner is evidence. Loads answer "no session", and bring the
//     record to the targets that lack it, like a tombstone. Saves find their session ended.
//  4. A tombstone is kept as long as the longest copy that it was ever merged with.
//
// A forged end costs the room of its own session: nodes keep the record until the year 9999, or
// until they need the room.

// clockSkew is how much longer than its session a record is kept as evidence: another instance,
// whose clock is behind, sees the session end later. It is more than clocks may differ.
const clockSkew = time.Hour

// LatestEnd is the latest end that the session ever had, in ms since 1970, as far as the record
// knows.
func (r *Record) LatestEnd() int64 { return max(r.deadline, r.latestEnd) }

// setLatestEnd notes that the session once had that end. It is for records that are still being
// built.
//
// Invariant: latestEnd is 0 or later than the deadline, so that equal records have equal fields.
func (r *Record) setLatestEnd(end int64) {
	r.latestEnd = 0
	if end > r.deadline {
		r.latestEnd = end
	}
}

// IsEvidence reports whether the session has ended sooner than a copy of it may still say. Nil is
// no evidence.
func (r *Record) IsEvidence(now time.Time) bool {
	return r != nil && !r.tombstone && r.latestEnd > 0 && !r.Live(now) && now.UnixMilli() < r.foundUntil()
}

// foundUntil is until when a copy of the session may be found that some clock takes for live, in
// ms since 1970.
func (r *Record) foundUntil() int64 { return min(r.LatestEnd()+clockSkew.Milliseconds(), MaxDeadline) }

// KeepUntil is until when nodes must keep the record of a session, in ms since 1970.
func (r *Record) KeepUntil() int64 {
	if r.latestEnd == 0 {
		return r.deadline // no copy tells of a later end
	}
	return r.foundUntil()
}
