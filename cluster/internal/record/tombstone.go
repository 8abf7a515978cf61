package record

import "time"

// This file decides what is left of a destroyed session, and for how long (rule 15).

// TombstoneFor is the tombstone for a session that is to be destroyed. Found is what the nodes
// hold of it, nil for nothing. Longest is the longest time, in ms, that this process has seen a
// session to have left. Outage is for how long a process may go on with its own copy of the session
// without any node, and save it then.
func TombstoneFor(found *Record, now time.Time, longest int64, outage time.Duration) *Record {
	return Tombstone(tombstoneUntil(found, now, longest, outage))
}

// tombstoneUntil is until when the tombstone must be kept, in ms since 1970: as long as a copy of
// the session may live on a node, or in a request that is under way and will save it.
//
//   - A copy on a node lives until the latest end that the session ever had.
//   - A save may have moved the deadline just now, unseen. It gave the session no longer a life
//     than the saves before it: at most the time from the last save that moved the deadline to the
//     latest end. What a request asks for after that end does not count: a save of a session that
//     has ended finds it destroyed.
//   - Where nothing was found, a request may have the session all the same, and it may live for
//     longest.
func tombstoneUntil(found *Record, now time.Time, longest int64, outage time.Duration) int64 {
	ms := now.UnixMilli()
	switch {
	case found == nil:
		ms += longest
	case found.tombstone && found.deadline >= ms:
		return found.deadline // of an earlier deletion, which may have seen a later end
	case found.tombstone:
		ms += longest
	default:
		ms = max(ms+found.LatestEnd()-found.deadlineSet.Clock/1000, found.LatestEnd(), ms)
	}
	return min(ms+(clockSkew+outage).Milliseconds(), MaxDeadline)
}
