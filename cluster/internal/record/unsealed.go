package record

import "time"

// This file decides what a record without a seal is worth where there are seal keys. Anybody who
// can write to a node can make one up.
//
//  1. Without AllowUnsealed: nothing, like a record with a broken seal. Decode returns ErrUnsealed.
//  2. With AllowUnsealed, it is believed for as long as no sealed copy of the session is found. A
//     sealed one was written by an instance with the keys, which had read the copies before it.
//  3. The first save seals the record that it has read, forged or not. A forged session would then
//     live on behind the seal for as long as somebody uses it. So the record keeps a deadline cap,
//     which no later save raises (marks.go).

// IsUnsealed reports whether bytes that were decoded lack the seal that they should have. A nil
// Sealer wants none.
func (s *Sealer) IsUnsealed(b []byte) bool { return s != nil && b[2]&flagSealed == 0 }

// mostUnsealed is the longest life that a record without a seal can claim: the 30 days of a
// gorilla session, and a day for clocks that differ. Apps whose sessions live longer set
// Config.Lifetime.
const mostUnsealed = 31 * 24 * time.Hour

// BoundUnsealed returns the record, which came without a seal, with its deadline cap: the deadline
// that it came with, or one lifetime after its newest change, whichever is later. Both are the
// same for every process, so two processes that seal the record arrive at the same bytes.
func (r *Record) BoundUnsealed(now time.Time, lifetime time.Duration) *Record {
	if r.tombstone {
		return r
	}
	until := max(r.deadline, r.Newest()/1000+lifetime.Milliseconds())
	most := now.Add(max(lifetime, mostUnsealed)).UnixMilli()
	out := *r
	out.capBy(min(until, most))
	out.setLatestEnd(min(r.latestEnd, most)) // no copy that it tells of is believed for longer
	return &out
}
