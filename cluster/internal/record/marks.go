package record

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// This file decides how a record carries what format 1 has no field for: its deadline cap
// (unsealed.go) and its latest end (latest.go). Each is stored as a mark: one more attribute
// tombstone, with the time in its name. Readers of format 1 that do not know marks keep them like
// any attribute tombstone, and show them to nobody. A record without marks has the bytes that it
// always had.

const (
	capPrefix    = "\x00holdfast unsealed until " // a decimal number of ms since 1970 follows
	latestPrefix = "\x00holdfast latest end "     // the same
	markWriter   = 1                              // not 0: a mark must differ from an unlisted attribute
)

// marked returns the attributes as they are stored: with the marks. Marks have the newest clock,
// so that they are collected no sooner than anything else.
func (r *Record) marked() []attribute {
	if r.deadlineCap == 0 && r.latestEnd == 0 {
		return r.attrs
	}
	attrs := slices.Clone(r.attrs)
	mark := func(prefix string, ms int64) {
		if ms == 0 {
			return
		}
		a := attribute{name: prefix + strconv.FormatInt(ms, 10), timestamp: Timestamp{r.Newest(), markWriter}, tombstone: true}
		at, taken := slices.BinarySearchFunc(attrs, a, func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
		if !taken {
			attrs = slices.Insert(attrs, at, a)
		}
	}
	mark(latestPrefix, r.latestEnd)
	mark(capPrefix, r.deadlineCap)
	return attrs
}

// isMark reports whether the attribute is a mark, and none of the app's.
func (a attribute) isMark() bool {
	return strings.HasPrefix(a.name, capPrefix) || strings.HasPrefix(a.name, latestPrefix)
}

// markOf returns the time of a mark with that prefix, or 0. Where nothing is sealed, anybody can
// write marks: text that is no time counts as no mark.
func (a attribute) markOf(prefix string) int64 {
	digits, is := strings.CutPrefix(a.name, prefix)
	if !is {
		return 0
	}
	ms, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || ms <= 0 {
		return 0
	}
	return ms
}

// takeMarks makes the deadline cap and the latest end of the record's marks. There may be several
// of each, of instances that did not know of each other: the earliest cap holds, and the latest
// of the ends.
func (r *Record) takeMarks() {
	if !slices.ContainsFunc(r.attrs, attribute.isMark) {
		return
	}
	latest := int64(0)
	for _, a := range r.attrs {
		latest = max(latest, min(a.markOf(latestPrefix), MaxDeadline))
		if until := a.markOf(capPrefix); until > 0 {
			r.capBy(until)
		}
	}
	r.setLatestEnd(latest)
	r.attrs = slices.DeleteFunc(r.attrs, attribute.isMark)
}
