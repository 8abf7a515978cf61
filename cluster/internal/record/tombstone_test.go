package record

import (
	"testing"
	"time"
)

// This file tests for how long a tombstone is kept.

func TestATombstoneIsKeptForTheLifeOfItsOwnSession(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	session := func(set, end time.Duration) *Record {
		return &Record{deadline: at(end), deadlineSet: Timestamp{now.Add(set).UnixMicro(), 1}}
	}
	const h, day = time.Hour, 24 * time.Hour
	for _, c := range []struct {
		name string
		s    *Record
		want int64
	}{
		{"a session that was given an hour just now", session(0, h), at(2 * h)},
		{"a save under way may give it an hour from now", session(-h/2, h/2), at(2 * h)},
		{"it has ended, and such a save began before", session(-3*h, -2*h), at(2 * h)},
		{"another copy has a later end", Merge(session(-h, h), session(-2*h, 30*day)), at(30*day + 2*h)},
		{"it was given an earlier end, and a save under way may give it as much as it had", &Record{deadline: at(h), latestEnd: at(2 * day), deadlineSet: Timestamp{now.Add(-day).UnixMicro(), 1}}, at(3*day + h)},
		{"the clock of the save that set the end was ahead", session(h/2, h), at(2 * h)},
		{"and so far ahead that it seems to have ended before", session(2*h, h), at(2 * h)},
		{"it has no end", &Record{deadline: MaxDeadline, deadlineSet: Timestamp{1, 1}}, MaxDeadline},
		{"nothing is known of it", nil, at(3*day + h)},
		{"it was deleted before", Tombstone(at(h)), at(h)},
		{"it was deleted before, by a deletion that did not see all copies", Merge(Tombstone(at(h)), session(-h, 30*day)), at(30*day + h)},
		{"it was deleted before, and that is over", Tombstone(at(-h)), at(3*day + h)},
	} {
		tombstone := TombstoneFor(c.s, now, (3 * day).Milliseconds(), 0)
		if got := tombstone.Deadline(); got != c.want || !tombstone.IsTombstone() {
			t.Errorf("%s: for %v, want %v", c.name, time.UnixMilli(got).Sub(now), time.UnixMilli(c.want).Sub(now))
		}
	}
}
