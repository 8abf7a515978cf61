package record

import (
	"slices"
	"time"
)

// This file decides what becomes of changes that one process holds and the nodes do not have yet,
// when it writes them: of an outage, or of a write-behind.

// Take returns what the nodes are to hold: what was found there together with the record that a
// process holds, which is what it knew to stand on the nodes (known, nil for nothing) with its own
// changes. Ok is false where the session has ended, and nothing may be written: it was destroyed; or
// its deadline has passed and another process has set it since; or its deadline has passed with all
// that the process holds.
//
// A value that only the process has ever written is no removed one, however long ago that was: where
// found has collected later removals the value gets a new timestamp.
func Take(found, holds, known *Record, now time.Time, writer uint64) (want *Record, ok bool) {
	want = Merge(found, holds.aboveWatermark(found, known, now, writer))
	switch {
	case holds == nil:
		return found, true
	case found.IsTombstone() || holds.IsTombstone(), !want.Live(now):
		return want, false
	case found == nil || found.Live(now):
		return want, true
	}
	// What lies on the nodes has ended. The process may have extended the session, unseen.
	endedByAnother := Saves(found.deadlineSet.Writer) != Saves(writer) && (known == nil || found.DeadlineSetAfter(known))
	return want, !endedByAnother
}

// aboveWatermark returns r with a new timestamp for those values that neither found nor known has, and
// that a merge with found would take for collected.
func (r *Record) aboveWatermark(found, known *Record, now time.Time, writer uint64) *Record {
	if r == nil || found == nil || found.tombstone {
		return r
	}
	isOwn := func(a attribute) bool {
		if a.tombstone || a.compare(found.unlisted(a.name)) > 0 {
			return false
		}
		if _, listed := found.find(a.name); listed {
			return false
		}
		return !known.hasValue(a.name)
	}
	if !slices.ContainsFunc(r.attrs, isOwn) {
		return r
	}
	at := r.NextTimestamp(now, writer)
	at.Clock = max(at.Clock, found.Newest()+1)
	out := *r
	out.attrs = slices.Clone(r.attrs)
	for i := range out.attrs {
		if isOwn(out.attrs[i]) {
			out.attrs[i].timestamp = at
		}
	}
	return &out
}

// hasValue reports whether the record, which may be nil, has a value of that name.
func (r *Record) hasValue(name string) bool {
	if r == nil {
		return false
	}
	i, listed := r.find(name)
	return listed && !r.attrs[i].tombstone
}
