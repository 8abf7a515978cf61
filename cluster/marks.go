package cluster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// This file decides how a record carries what format 1 has no field for: its last end
// (unsealed.go) and its latest end (latest.go). Each is a mark, one more removed attribute.
// Readers of format 1 that do not know it keep it as they keep any removal, and show it to
// nobody. A record without them has the bytes that it always had.

const (
	markPrefix   = "\x00holdfast unsealed until " // a decimal number of ms since 1970 follows
	latestPrefix = "\x00holdfast latest end "     // the same
	markWriter   = 1                              // any but 0: the removal must not look forgotten
)

// marked returns the attributes as they are stored: with the marks. They have the newest clock,
// so that nobody forgets them sooner than anything else.
func (s *stored) marked() []attribute {
	if s.until == 0 && s.latest == 0 {
		return s.attrs
	}
	attrs := slices.Clone(s.attrs)
	mark := func(prefix string, ms int64) {
		if ms == 0 {
			return
		}
		a := attribute{name: prefix + strconv.FormatInt(ms, 10), stamp: stamp{s.newest(), markWriter}, removed: true}
		at, taken := slices.BinarySearchFunc(attrs, a, func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
		if !taken {
			attrs = slices.Insert(attrs, at, a)
		}
	}
	mark(latestPrefix, s.latest)
	mark(markPrefix, s.until)
	return attrs
}

// isMark reports whether the attribute is none of the app's.
func (a attribute) isMark() bool {
	return strings.HasPrefix(a.name, markPrefix) || strings.HasPrefix(a.name, latestPrefix)
}

// markOf returns the time that a mark with the prefix tells, or 0. Anybody can write marks
// where nothing is sealed: what is no time tells nothing.
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

// takeMarks makes the record's last end and its latest end of its marks. There may be several
// of each, of instances that did not know of each other: the earliest last end holds, and the
// latest of the latest ends.
func (s *stored) takeMarks() {
	if !slices.ContainsFunc(s.attrs, attribute.isMark) {
		return
	}
	latest := int64(0)
	for _, a := range s.attrs {
		latest = max(latest, min(a.markOf(latestPrefix), maxDeadline))
		if until := a.markOf(markPrefix); until > 0 {
			s.endBy(until)
		}
	}
	s.livedUntil(latest)
	s.attrs = slices.DeleteFunc(s.attrs, attribute.isMark)
}
