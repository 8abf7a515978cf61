package owner

import (
	"bytes"
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what an owner's record says.

// Record is what an owner's record says: which sessions there are, and which epochs are in
// force. It is never changed once it was read.
type Record struct {
	Sessions []Entry // by key
	begun    []begun // by name
}

// Entry is the entry of one session.
type Entry struct {
	Key     record.Key
	Created int64 // ms since 1970
	Until   int64 // the session has ended by then, unless the entry is renewed
}

// begun is an epoch in force, and the sessions of before that it spares.
type begun struct {
	name  Epoch
	spare []record.Key
}

// The attributes of an owner's record.
const (
	sessionMark = "s" // the session's key follows; the value is when it was created, and until when it is listed
	epochMark   = "e" // the epoch's name follows; the value is the keys of the sessions that it spares
)

// Read returns what the record says; nothing where it is nil, or its time is over. What is
// damaged in it is left out.
func Read(r *record.Record, now int64) *Record {
	o := &Record{}
	if r == nil || r.IsTombstone() || r.LatestEnd() <= now {
		return o
	}
	for name, value := range r.Values() {
		l, ok := entryIn(name, value)
		switch {
		case ok:
			o.Sessions = append(o.Sessions, l)
		case len(name) == 1+len(Epoch{}) && name[:1] == epochMark:
			e := begun{name: Epoch([]byte(name[1:]))}
			for ; len(value) >= len(record.Key{}); value = value[len(record.Key{}):] {
				e.spare = append(e.spare, record.Key(value))
			}
			o.begun = append(o.begun, e)
		}
	}
	slices.SortFunc(o.Sessions, func(a, b Entry) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(o.begun, func(a, b begun) int { return bytes.Compare(a.name[:], b.name[:]) })
	return o
}

// entryIn reads an attribute that is the entry of a session.
func entryIn(name string, value []byte) (l Entry, ok bool) {
	if len(name) != 1+len(l.Key) || name[:1] != sessionMark {
		return l, false
	}
	in := numbers{b: value}
	l = Entry{Key: record.Key([]byte(name[1:])), Created: in.next(), Until: in.next()}
	return l, !in.bad
}

// Ends reports whether an epoch has ended the session that has seen these begin.
func (o *Record) Ends(key record.Key, seen []Epoch) bool {
	return slices.ContainsFunc(o.begun, func(e begun) bool {
		return !slices.Contains(seen, e.name) && !slices.Contains(e.spare, key)
	})
}

// EndedBut are the listed sessions that no epoch spares, without those.
func (o *Record) EndedBut(those []record.Key) (keys []record.Key) {
	for _, l := range o.Sessions {
		if o.Ends(l.Key, nil) && !slices.Contains(those, l.Key) {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// Epochs are those in force.
func (o *Record) Epochs() (all []Epoch) {
	for _, e := range o.begun {
		all = append(all, e.name)
	}
	return all
}

// Size is how much there is to remember: the owner, the sessions, the epochs and whom these spare.
func (o *Record) Size() int {
	n := 1 + len(o.Sessions) + len(o.begun)
	for _, e := range o.begun {
		n += len(e.spare)
	}
	return n
}

// Entry returns the session's entry.
func (o *Record) Entry(key record.Key) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(o.Sessions, key, func(l Entry, key record.Key) int { return l.Key.Compare(key) })
	if !ok {
		return Entry{}, false
	}
	return o.Sessions[i], true
}

// ListsUntil reports whether the session is listed until then, or left out since there are more than are
// listed.
func (o *Record) ListsUntil(key record.Key, until int64) bool {
	l, ok := o.Entry(key)
	return ok && l.Until >= until || !ok && len(o.Sessions) >= MostListed
}
