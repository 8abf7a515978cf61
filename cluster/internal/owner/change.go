package owner

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a change makes of an owner's record.

// MostListed is how many sessions of one owner are listed. With more, those that were created first
// are listed no more; an epoch ends them all the same.
const MostListed = 256

// Change is a change of an owner's record.
type Change struct {
	enter  []Entry
	remove []record.Key
	begin  []begun
	end    []Epoch // in whose place another one begins
	until  int64   // the record is kept at least until then, in ms since 1970
}

// Enter lists a session.
func Enter(e Entry) Change { return Change{enter: []Entry{e}, until: e.Until} }

// Remove lists sessions no more.
func Remove(keys ...record.Key) Change { return Change{remove: keys} }

// BeginEpoch begins an epoch in the place of those in force. It spares sessions, and the record is kept at
// least until then.
func (o *Record) BeginEpoch(name Epoch, spare []record.Key, until int64) Change {
	return Change{begin: []begun{{name, spare}}, end: o.Epochs(), until: until}
}

// And is both changes.
func (ch Change) And(o Change) Change {
	return Change{
		enter: append(slices.Clip(ch.enter), o.enter...), remove: append(slices.Clip(ch.remove), o.remove...),
		begin: append(slices.Clip(ch.begin), o.begin...), end: append(slices.Clip(ch.end), o.end...),
		until: max(ch.until, o.until),
	}
}

// RemovesOnly reports whether there is nothing to do where there is no record.
func (ch Change) RemovesOnly() bool { return ch.until == 0 }

// On is the record with the change. It keeps the latest end that it ever had, and is read until then (Read):
// of two changes made at once the newer one sets the deadline, and that may be the earlier one.
func (ch Change) On(r *record.Record, now int64, at record.Timestamp) *record.Record {
	end := ch.until
	if r != nil {
		end = max(end, r.LatestEnd())
	}
	return record.Change(r, ch.apply(r, now), end, at)
}

// apply returns the attributes of the record with the change.
func (ch Change) apply(r *record.Record, now int64) map[string][]byte {
	attrs := map[string][]byte{}
	if r != nil && r.LatestEnd() > now {
		attrs = r.Values()
	}
	for _, key := range ch.remove {
		delete(attrs, sessionMark+string(key[:]))
	}
	for _, l := range ch.enter {
		attrs[sessionMark+string(l.Key[:])] = binary.AppendUvarint(binary.AppendUvarint(nil, uint64(l.Created)), uint64(l.Until))
	}
	for _, e := range ch.end {
		delete(attrs, epochMark+string(e[:]))
	}
	for _, e := range ch.begin {
		var spare []byte
		for _, key := range e.spare {
			spare = append(spare, key[:]...)
		}
		attrs[epochMark+string(e.name[:])] = spare
	}
	if len(ch.enter) > 0 {
		dropOver(attrs, now)
	}
	return attrs
}

// dropOver drops the entries whose time is over, and those that were created first where there are
// more than MostListed.
func dropOver(attrs map[string][]byte, now int64) {
	var all []Entry
	for name, value := range attrs {
		switch l, ok := entryIn(name, value); {
		case ok && l.Until > now:
			all = append(all, l)
		case ok:
			delete(attrs, name)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), a.Key.Compare(b.Key))
	})
	for _, l := range all[min(len(all), MostListed):] {
		delete(attrs, sessionMark+string(l.Key[:]))
	}
}
