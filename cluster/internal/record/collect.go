package record

import (
	"slices"
	"time"
)

// This file decides how long attribute tombstones are kept, and what becomes of a value that
// meets a record which has collected its attribute tombstone.

// GCGrace is how long an attribute tombstone is kept behind the newest timestamp of its record. A
// copy that was out of reach for longer may offer the attribute again; the GC watermark then
// refuses it. Clocks of app instances may therefore differ by up to half of GCGrace.
const GCGrace = time.Hour

// maxTombstones is how many attribute tombstones a record keeps. Without a limit, an app that adds
// a key and removes it with each request, as with one-time tokens, would make its sessions grow
// for GCGrace.
const maxTombstones = 256

// CollectTombstones (rule 14) drops the attribute tombstones that read allows to be collected,
// and raises the GC watermark over them. What counts is the record that was read, never the one
// that is to be written: a save may come hours after its load, and what others have written
// meanwhile must lie above the watermark.
func (r *Record) CollectTombstones(read *Record) *Record {
	upTo := read.collectable()
	old := func(a attribute) bool { return a.tombstone && a.timestamp.compare(Timestamp{Clock: upTo}) <= 0 }
	if !slices.ContainsFunc(r.attrs, old) {
		return r
	}
	out := *r
	out.attrs = slices.DeleteFunc(slices.Clone(r.attrs), old)
	out.watermark = max(r.watermark, upTo)
	return &out
}

// collectable is the clock up to which attribute tombstones may be collected: GCGrace behind the
// newest timestamp. Where there are more than maxTombstones, the oldest may go whatever their age.
func (r *Record) collectable() int64 {
	upTo := r.Newest() - GCGrace.Microseconds()
	if r == nil || len(r.attrs) <= maxTombstones {
		return upTo
	}
	var removed []int64
	for i := range r.attrs {
		if r.attrs[i].tombstone {
			removed = append(removed, r.attrs[i].timestamp.Clock)
		}
	}
	if over := len(removed) - maxTombstones; over > 0 {
		slices.Sort(removed)
		upTo = max(upTo, removed[over-1]+1) // above every attribute that was removed at that clock
	}
	return upTo
}

// RetimeCollected returns r with the timestamp to in the place of the timestamp from, for those
// values that o does not list and whose timestamp is not above o's GC watermark. A save has not
// stored such a value everywhere yet, and in a merge with o it would count as removed.
func (r *Record) RetimeCollected(o *Record, from, to Timestamp) *Record {
	collected := func(a attribute) bool {
		if a.timestamp != from || a.tombstone || a.compare(o.unlisted(a.name)) >= 0 {
			return false
		}
		_, listed := o.find(a.name)
		return !listed
	}
	if o == nil || !slices.ContainsFunc(r.attrs, collected) {
		return r
	}
	out := *r
	out.attrs = slices.Clone(r.attrs)
	for i := range out.attrs {
		if collected(out.attrs[i]) {
			out.attrs[i].timestamp = to
		}
	}
	return &out
}
