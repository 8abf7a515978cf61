package cluster

import (
	"slices"
	"time"
)

// This file decides for how long a record remembers what was removed from it, and what becomes
// of a value that meets a record which has forgotten. Everything here is pure.

// horizon is how long a removed attribute is remembered behind the newest stamp
// of its record. A copy that was out of reach for longer than this may offer the
// attribute again, and the record's floor refuses it. Clocks of app instances may
// therefore differ by up to half of it.
const horizon = time.Hour

// mostRemovals is how many removed attributes a record remembers. An app that adds a key and
// removes it with each request, as with one-time tokens, would otherwise make its sessions
// grow for an hour.
const mostRemovals = 256

// forget drops removals that the record which was read lets go of, and raises the floor over
// them. Only what was read counts, never what is about to be written: a save may come hours
// after its load, and what others have written meanwhile must lie above the floor.
func (s *stored) forget(read *stored) *stored {
	floor := read.watermark()
	old := func(a attribute) bool { return a.removed && a.stamp.compare(stamp{clock: floor}) <= 0 }
	if !slices.ContainsFunc(s.attrs, old) {
		return s
	}
	out := *s
	out.attrs = slices.DeleteFunc(slices.Clone(s.attrs), old)
	out.floor = max(s.floor, floor)
	return &out
}

// watermark is the clock up to which removals may be forgotten: the horizon behind the newest
// stamp, and where there are more than mostRemovals, the oldest of them whatever their age.
func (s *stored) watermark() int64 {
	floor := s.newest() - horizon.Microseconds()
	if s == nil || len(s.attrs) <= mostRemovals {
		return floor
	}
	var removals []int64
	for i := range s.attrs {
		if s.attrs[i].removed {
			removals = append(removals, s.attrs[i].stamp.clock)
		}
	}
	if over := len(removals) - mostRemovals; over > 0 {
		slices.Sort(removals)
		floor = max(floor, removals[over-1]+1) // above all that was removed at that moment
	}
	return floor
}

// above returns s with the values written at the stamp from that o has forgotten moved to the
// stamp to. They are not stored everywhere yet, and o's floor says of them that they are gone.
func (s *stored) above(o *stored, from, to stamp) *stored {
	swallowed := func(a attribute) bool {
		if a.stamp != from || a.removed || a.compare(o.forgotten(a.name)) >= 0 {
			return false
		}
		_, listed := o.find(a.name)
		return !listed
	}
	if o == nil || !slices.ContainsFunc(s.attrs, swallowed) {
		return s
	}
	out := *s
	out.attrs = slices.Clone(s.attrs)
	for i := range out.attrs {
		if swallowed(out.attrs[i]) {
			out.attrs[i].stamp = to
		}
	}
	return &out
}
