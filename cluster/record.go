package cluster

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// This file decides what a session is when several copies of it meet: the
// record, its join and its changes. A record is a last-writer-wins map
// (Shapiro et al., "A comprehensive study of Convergent and Commutative
// Replicated Data Types", 2011, section 3.2.3): every attribute carries the stamp
// of the save that wrote it, and of two versions of an attribute the newer stamp
// wins. Everything here is pure.

// stamp says when and by whom something was written. The clock is in
// microseconds since 1970, but runs ahead of the wall clock where that is needed
// to stay above everything the writer had read: a hybrid logical clock (Kulkarni
// et al., "Logical Physical Clocks", 2014), kept per record.
type stamp struct {
	clock  int64
	writer uint64
}

func (s stamp) compare(o stamp) int {
	return cmp.Or(cmp.Compare(s.clock, o.clock), cmp.Compare(s.writer, o.writer))
}

// attribute is one named value of a session, or the memory that it was removed.
type attribute struct {
	name    string
	stamp   stamp
	removed bool
	value   []byte // nil when removed
}

// compare orders two versions of one attribute. The order is total, so that two
// joins never disagree: on equal stamps a removal beats a value, and then the
// larger bytes win.
func (a attribute) compare(b attribute) int {
	if c := a.stamp.compare(b.stamp); c != 0 {
		return c
	}
	if a.removed != b.removed {
		if a.removed {
			return 1
		}
		return -1
	}
	return bytes.Compare(a.value, b.value)
}

// stored is a session as a node holds it. It is never changed once built: joins
// and changes make new ones, which may share values with the old.
type stored struct {
	destroyed bool
	deadline  int64 // ms since 1970; of a destroyed record: until when it is kept
	dstamp    stamp // who set the deadline; zero when destroyed
	// latest, in ms, is the latest end that the session ever had, where that is later than the
	// deadline; else 0 (latest.go).
	latest int64
	// until, in ms, is set for a session that was read without a seal: no deadline lies
	// behind it (unsealed.go).
	until int64
	// floor is the clock up to which removals have been forgotten: an attribute
	// that is not listed counts as removed at this moment. Without it, a join
	// could not tell "removed long ago" from "never heard of".
	floor int64
	attrs []attribute // sorted by name
}

// forgotten is what a record says of an attribute that it does not list.
func (s *stored) forgotten(name string) attribute {
	return attribute{name: name, stamp: stamp{clock: s.floor}, removed: true}
}

// newest is the highest clock in the record.
func (s *stored) newest() int64 {
	if s == nil {
		return 0
	}
	n := max(s.dstamp.clock, s.floor)
	for i := range s.attrs {
		n = max(n, s.attrs[i].stamp.clock)
	}
	return n
}

// find returns the attribute's index, or where it would be.
func (s *stored) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.attrs, name, func(a attribute, name string) int {
		return cmp.Compare(a.name, name)
	})
}

// join returns the record that holds the newest of everything a and b hold. Nil
// stands for "no record" and is neutral. It is commutative, associative and
// idempotent: a record is a function from every possible name to a version (an
// unlisted name to "removed at the floor"), and the join takes the larger version
// of each name.
func join(a, b *stored) *stored {
	switch {
	case a == nil || a == b:
		return b
	case b == nil:
		return a
	case a.destroyed || b.destroyed:
		return joinDestroyed(a, b)
	}
	out := &stored{floor: max(a.floor, b.floor)}
	out.deadline, out.dstamp = a.deadline, a.dstamp
	if c := cmp.Or(b.dstamp.compare(a.dstamp), cmp.Compare(b.deadline, a.deadline)); c > 0 {
		out.deadline, out.dstamp = b.deadline, b.dstamp
	}
	out.endBy(earlierEnd(a.until, b.until))
	out.livedUntil(max(a.end(), b.end()))
	out.attrs = make([]attribute, 0, max(len(a.attrs), len(b.attrs)))
	for i, j := 0, 0; i < len(a.attrs) || j < len(b.attrs); {
		var x, y attribute
		c := 0
		switch {
		case j == len(b.attrs):
			c = -1
		case i == len(a.attrs):
			c = 1
		default:
			c = cmp.Compare(a.attrs[i].name, b.attrs[j].name)
		}
		if c <= 0 {
			x, i = a.attrs[i], i+1
		} else {
			x = a.forgotten(b.attrs[j].name)
		}
		if c >= 0 {
			y, j = b.attrs[j], j+1
		} else {
			y = b.forgotten(x.name)
		}
		if y.compare(x) > 0 {
			x = y
		}
		// What the new floor says anyway needs no entry of its own.
		if x.compare(out.forgotten(x.name)) != 0 {
			out.attrs = append(out.attrs, x)
		}
	}
	return out
}

// equal reports whether two records say the same.
func (s *stored) equal(o *stored) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.destroyed != o.destroyed || s.deadline != o.deadline ||
		s.dstamp != o.dstamp || s.floor != o.floor || s.until != o.until || s.latest != o.latest || len(s.attrs) != len(o.attrs) {
		return false
	}
	for i := range s.attrs {
		if s.attrs[i].name != o.attrs[i].name || s.attrs[i].compare(o.attrs[i]) != 0 {
			return false
		}
	}
	return true
}

// change returns base with the session's attributes and deadline as the app wants
// them. What differs from base gets the clock, what is gone is remembered as
// removed, all else keeps its stamp. A nil base is a session that nothing is known
// of.
func change(base *stored, attrs map[string][]byte, deadline int64, at stamp) *stored {
	if base == nil {
		base = &stored{}
	}
	out := &stored{
		deadline: base.deadline, dstamp: base.dstamp, floor: base.floor, until: base.until,
		attrs: make([]attribute, 0, max(len(attrs), len(base.attrs))),
	}
	deadline = base.atMost(deadline)
	if deadline != base.deadline || base.dstamp == (stamp{}) {
		out.deadline, out.dstamp = deadline, at
	}
	out.livedUntil(base.end())
	listed := 0
	for _, a := range base.attrs {
		value, wanted := attrs[a.name]
		switch {
		case wanted:
			listed++
			if a.removed || !bytes.Equal(a.value, value) {
				a = attribute{name: a.name, stamp: at, value: bytes.Clone(value)}
			}
		case !a.removed:
			a = attribute{name: a.name, stamp: at, removed: true}
		}
		out.attrs = append(out.attrs, a)
	}
	if listed < len(attrs) {
		for name, value := range attrs {
			if _, known := base.find(name); !known {
				out.attrs = append(out.attrs, attribute{name: name, stamp: at, value: bytes.Clone(value)})
			}
		}
		slices.SortFunc(out.attrs, func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
	}
	return out
}

// removing returns s with what o lists and s does not as removed at that stamp.
func (s *stored) removing(o *stored, at stamp) *stored {
	gone := &stored{deadline: s.deadline, dstamp: s.dstamp, floor: s.floor}
	for _, a := range o.attrs {
		if _, listed := s.find(a.name); !listed {
			gone.attrs = append(gone.attrs, attribute{name: a.name, stamp: at, removed: true})
		}
	}
	return join(s, gone)
}

// restamp returns s with everything that was written at the stamp from moved to
// the stamp to.
func (s *stored) restamp(from, to stamp) *stored {
	out := *s
	if out.dstamp == from {
		out.dstamp = to
	}
	out.attrs = slices.Clone(s.attrs)
	for i := range out.attrs {
		if out.attrs[i].stamp == from {
			out.attrs[i].stamp = to
		}
	}
	return &out
}

// includes reports whether everything of o is in s: s is at least as new in every
// attribute and in the deadline.
func (s *stored) includes(o *stored) bool { return s != nil && join(s, o).equal(s) }

// onlyExtends reports whether s differs from base in nothing but a deadline that is
// not earlier.
func (s *stored) onlyExtends(base *stored) bool {
	return base != nil && s.deadline >= base.deadline && slices.EqualFunc(s.attrs, base.attrs, func(a, b attribute) bool {
		return a.name == b.name && a.compare(b) == 0
	})
}

// live reports whether the record is a session at that moment.
func (s *stored) live(now time.Time) bool {
	return s != nil && !s.destroyed && now.UnixMilli() < s.deadline
}

// values returns the attributes that have a value, for the app to change. The
// values are copies: the app may write into them, the record must not change.
func (s *stored) values() map[string][]byte {
	m := make(map[string][]byte, len(s.attrs))
	size := 0
	for i := range s.attrs {
		size += len(s.attrs[i].value)
	}
	buf := make([]byte, 0, size)
	for i := range s.attrs {
		if a := &s.attrs[i]; !a.removed {
			n := len(buf)
			buf = append(buf, a.value...)
			m[a.name] = buf[n:len(buf):len(buf)]
		}
	}
	return m
}

// tombstone is the destroyed record: final, whatever it is joined with.
func tombstone(until int64) *stored { return &stored{destroyed: true, deadline: until} }

// maxDeadline keeps deadlines inside what time.UnixMilli and the record format
// carry without overflow: the year 9999.
const maxDeadline = int64(253402300799999)

// deadlineMilli rounds a deadline up to whole milliseconds, so that a session
// never ends before the time it was promised.
func deadlineMilli(t time.Time) int64 {
	secs := min(max(t.Unix(), -1), maxDeadline/1000) // UnixMilli alone could overflow
	ms := secs*1000 + (int64(t.Nanosecond())+999_999)/1e6
	return min(max(ms, 0), maxDeadline)
}
