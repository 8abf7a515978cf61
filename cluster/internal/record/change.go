package record

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// This file decides what a save makes of a record: which attributes have changed, and which
// timestamp they get.

// NextTimestamp is a timestamp above everything in the record. So a change that is made after
// reading the record always beats it, whatever the clocks of the machines say.
func (r *Record) NextTimestamp(now time.Time, writer uint64) Timestamp {
	return Timestamp{Clock: max(now.UnixMicro(), r.Newest()+1), Writer: writer}
}

// Change returns base with the attributes and the deadline that the app wants. What differs from
// base gets the timestamp, an attribute that is gone becomes an attribute tombstone, and
// everything else keeps its timestamp. Base is nil for a session of which nothing is known. The
// deadline is at most base's deadline cap. Reserved attributes stay as base has them (reserved.go).
func Change(base *Record, attrs map[string][]byte, deadline int64, at Timestamp) *Record {
	if base == nil {
		base = &Record{}
	}
	out := &Record{
		deadline: base.deadline, deadlineSet: base.deadlineSet, watermark: base.watermark, deadlineCap: base.deadlineCap,
		attrs: make([]attribute, 0, max(len(attrs), len(base.attrs))),
	}
	deadline = base.CapDeadline(deadline)
	if deadline != base.deadline || base.deadlineSet == (Timestamp{}) {
		out.deadline, out.deadlineSet = deadline, at
	}
	out.setLatestEnd(base.LatestEnd())
	listed := 0
	for _, a := range base.attrs {
		value, wanted := attrs[a.name]
		switch {
		case IsReserved(a.name):
		case wanted:
			listed++
			if a.tombstone || !bytes.Equal(a.value, value) {
				a = attribute{name: a.name, timestamp: at, value: bytes.Clone(value)}
			}
		case !a.tombstone:
			a = attribute{name: a.name, timestamp: at, tombstone: true}
		}
		out.attrs = append(out.attrs, a)
	}
	if listed < len(attrs) {
		for name, value := range attrs {
			if _, known := base.find(name); !known && !IsReserved(name) {
				out.attrs = append(out.attrs, attribute{name: name, timestamp: at, value: bytes.Clone(value)})
			}
		}
		slices.SortFunc(out.attrs, func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
	}
	return out
}

// WithReserved returns r with that value of a reserved attribute; nil removes it. A value that
// r has already keeps its timestamp.
func (r *Record) WithReserved(name string, value []byte, at Timestamp) *Record {
	had, has := r.Reserved(name)
	if has == (value != nil) && bytes.Equal(had, value) {
		return r
	}
	out := *r
	i, listed := r.find(name)
	a := attribute{name: name, timestamp: at, tombstone: value == nil, value: value}
	if out.attrs = slices.Clone(r.attrs); listed {
		out.attrs[i] = a
	} else {
		out.attrs = slices.Insert(out.attrs, i, a)
	}
	return &out
}

// OnlyExtends reports whether r differs from base in nothing but a deadline that is not earlier.
func (r *Record) OnlyExtends(base *Record) bool {
	return base != nil && r.deadline >= base.deadline && slices.EqualFunc(r.attrs, base.attrs, func(a, b attribute) bool {
		return a.name == b.name && a.compare(b) == 0
	})
}

// Replacing returns r with an attribute tombstone, at that timestamp, for each attribute that only
// o lists: merged with o it leaves none of them but the reserved ones.
func (r *Record) Replacing(o *Record, at Timestamp) *Record {
	gone := &Record{deadline: r.deadline, deadlineSet: r.deadlineSet, watermark: r.watermark}
	for _, a := range o.attrs {
		if _, listed := r.find(a.name); !listed && !IsReserved(a.name) {
			gone.attrs = append(gone.attrs, attribute{name: a.name, timestamp: at, tombstone: true})
		}
	}
	return Merge(r, gone)
}

// Retime returns r with the timestamp to in the place of the timestamp from, wherever r has that.
func (r *Record) Retime(from, to Timestamp) *Record {
	out := *r
	if out.deadlineSet == from {
		out.deadlineSet = to
	}
	out.attrs = slices.Clone(r.attrs)
	for i := range out.attrs {
		if out.attrs[i].timestamp == from {
			out.attrs[i].timestamp = to
		}
	}
	return &out
}
