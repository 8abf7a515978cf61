package record

import "cmp"

// This file decides what two copies of a session are together (docs/protocol.md, rule 1).

// Merge returns the record that holds the newest version of everything that a and b hold. Nil
// stands for "no record" and is neutral.
//
// Invariant: Merge is commutative, associative and idempotent. A record is a function from every
// possible name to a version (from an unlisted name to "removed at the GC watermark"), and Merge
// takes the larger version of each name.
func Merge(a, b *Record) *Record {
	switch {
	case a == nil || a == b:
		return b
	case b == nil:
		return a
	case a.tombstone || b.tombstone:
		return mergeTombstone(a, b)
	}
	out := &Record{watermark: max(a.watermark, b.watermark)}
	out.deadline, out.deadlineSet = a.deadline, a.deadlineSet
	if c := cmp.Or(b.deadlineSet.compare(a.deadlineSet), cmp.Compare(b.deadline, a.deadline)); c > 0 {
		out.deadline, out.deadlineSet = b.deadline, b.deadlineSet
	}
	out.capBy(earlierCap(a.deadlineCap, b.deadlineCap))
	out.setLatestEnd(max(a.LatestEnd(), b.LatestEnd()))
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
			x = a.unlisted(b.attrs[j].name)
		}
		if c >= 0 {
			y, j = b.attrs[j], j+1
		} else {
			y = b.unlisted(x.name)
		}
		if y.compare(x) > 0 {
			x = y
		}
		// An attribute tombstone at the new watermark says what an unlisted attribute says.
		if x.compare(out.unlisted(x.name)) != 0 {
			out.attrs = append(out.attrs, x)
		}
	}
	return out
}

// mergeTombstone merges two records of which at least one is a tombstone. The result is kept until
// no tombstone and no copy of the session, not even the longest, can be found any more.
func mergeTombstone(a, b *Record) *Record {
	until := func(r *Record) int64 {
		if r.tombstone {
			return r.deadline
		}
		return r.foundUntil()
	}
	latest := max(until(a), until(b))
	for _, r := range [...]*Record{a, b} {
		if r.tombstone && r.deadline == latest {
			return r
		}
	}
	return Tombstone(latest)
}

// Includes reports whether o adds nothing to r: r is at least as new in every attribute and in the
// deadline. Nil includes nothing.
func (r *Record) Includes(o *Record) bool { return r != nil && Merge(r, o).Equal(r) }
