package cluster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a session says of its owner, what the owner's record says of the sessions,
// and which sessions have ended by both together. Everything here is pure.
//
// An epoch ends the sessions of before: each DestroyAll begins one. A session remembers which epochs
// it has seen begin; one that it does not know has ended it, unless the epoch spares it. Epochs have
// random names and no order. So no clock counts, a record that was lost and begins anew names no
// epoch twice, and of two epochs that begin at once each ends what the other one spares.

// ownerAttr is the attribute in which a session says whose it is.
const ownerAttr = record.ReservedPrefix + "owner"

// MaxLabelBytes is how much of a label is kept (Record.SetOwner).
const MaxLabelBytes = 256

// owned is what a session says of its owner. It is written once, when the session gets its owner.
type owned struct {
	owner   record.Key
	created int64   // ms since 1970: when the session got its owner
	epochs  []epoch // those in force then
	label   string
}

// epoch is the name of one.
type epoch [8]byte

const ownedVersion = 1

// encode is the version, the owner's key, the time, the number of epochs, they, and the label.
func (o owned) encode() []byte {
	b := append([]byte{ownedVersion}, o.owner[:]...)
	b = binary.AppendUvarint(b, uint64(o.created))
	b = binary.AppendUvarint(b, uint64(len(o.epochs)))
	for _, e := range o.epochs {
		b = append(b, e[:]...)
	}
	return append(b, o.label...)
}

// ownedIn returns what the session, which may be nil, says of its owner. Ok is false for one that has
// none. The error is that of decodeOwned.
func ownedIn(s *record.Record) (o owned, ok bool, err error) {
	b, ok := s.Reserved(ownerAttr)
	if !ok {
		return o, false, nil
	}
	o, err = decodeOwned(b)
	return o, true, err
}

// decodeOwned reads what encode has written. The error is ErrVersion, or it says that the bytes are
// damaged.
func decodeOwned(b []byte) (o owned, err error) {
	switch {
	case len(b) > 0 && b[0] != ownedVersion:
		return o, fmt.Errorf("%w: its owner has format %d", ErrVersion, b[0])
	case len(b) < 1+len(o.owner):
		return o, errBadOwner
	}
	in := numbers{b: b[1+copy(o.owner[:], b[1:]):]}
	o.created = in.next()
	for n := in.next(); n > 0; n-- {
		if len(in.b) < len(epoch{}) {
			return o, errBadOwner
		}
		o.epochs = append(o.epochs, epoch(in.b))
		in.b = in.b[len(epoch{}):]
	}
	if in.bad {
		return o, errBadOwner
	}
	o.label = string(in.b)
	return o, nil
}

// errBadOwner: nobody can say whether the session has ended. It is no missing session.
var errBadOwner = fmt.Errorf("%w: what the session says of its owner is damaged", ErrUnavailable)

// numbers reads numbers from bytes.
type numbers struct {
	b   []byte
	bad bool
}

func (in *numbers) next() int64 {
	v, n := binary.Uvarint(in.b)
	if n <= 0 || v > uint64(record.MaxDeadline) {
		in.b, in.bad = nil, true
		return 0
	}
	in.b = in.b[n:]
	return int64(v)
}

// shortened is the label as it is kept: valid text of at most MaxLabelBytes.
func shortened(label string) string {
	label = strings.ToValidUTF8(label, "\uFFFD")
	if len(label) <= MaxLabelBytes {
		return label
	}
	end := MaxLabelBytes
	for !utf8.RuneStart(label[end]) {
		end--
	}
	return label[:end]
}

// ownerRecord is what an owner's record says: which sessions there are, and which epochs are in
// force. It is never changed once it was read.
type ownerRecord struct {
	sessions []ownerEntry // by key
	epochs   []begun
}

// ownerEntry is the entry of one session.
type ownerEntry struct {
	key     record.Key
	created int64 // ms since 1970
	until   int64 // the session has ended by then, unless the entry is renewed
}

// begun is an epoch in force, and the sessions of before that it spares.
type begun struct {
	name  epoch
	spare []record.Key
}

// The attributes of an owner's record.
const (
	sessionMark = "s" // the session's key follows; the value is when it was created, and until when it is listed
	epochMark   = "e" // the epoch's name follows; the value is the keys of the sessions that it spares
)

// ownerRecordIn returns what the record says; nothing where it is nil, or its time is over. What is
// damaged in it is left out.
func ownerRecordIn(r *record.Record, now int64) *ownerRecord {
	o := &ownerRecord{}
	if r == nil || r.IsTombstone() || r.LatestEnd() <= now {
		return o
	}
	for name, value := range r.Values() {
		l, ok := entryIn(name, value)
		switch {
		case ok:
			o.sessions = append(o.sessions, l)
		case len(name) == 1+len(epoch{}) && name[:1] == epochMark:
			e := begun{name: epoch([]byte(name[1:]))}
			for ; len(value) >= len(record.Key{}); value = value[len(record.Key{}):] {
				e.spare = append(e.spare, record.Key(value))
			}
			o.epochs = append(o.epochs, e)
		}
	}
	slices.SortFunc(o.sessions, func(a, b ownerEntry) int { return a.key.Compare(b.key) })
	slices.SortFunc(o.epochs, func(a, b begun) int { return bytes.Compare(a.name[:], b.name[:]) })
	return o
}

// entryIn reads an attribute that is the entry of a session.
func entryIn(name string, value []byte) (l ownerEntry, ok bool) {
	if len(name) != 1+len(l.key) || name[:1] != sessionMark {
		return l, false
	}
	in := numbers{b: value}
	l = ownerEntry{key: record.Key([]byte(name[1:])), created: in.next(), until: in.next()}
	return l, !in.bad
}

// ends reports whether an epoch has ended the session that has seen these begin.
func (o *ownerRecord) ends(key record.Key, seen []epoch) bool {
	return slices.ContainsFunc(o.epochs, func(e begun) bool {
		return !slices.Contains(seen, e.name) && !slices.Contains(e.spare, key)
	})
}

// names are the epochs in force.
func (o *ownerRecord) names() (all []epoch) {
	for _, e := range o.epochs {
		all = append(all, e.name)
	}
	return all
}

// size is how much there is to remember: the owner, the sessions, the epochs and whom these spare.
func (o *ownerRecord) size() int {
	n := 1 + len(o.sessions) + len(o.epochs)
	for _, e := range o.epochs {
		n += len(e.spare)
	}
	return n
}

// lists returns the session's entry.
func (o *ownerRecord) lists(key record.Key) (ownerEntry, bool) {
	i, ok := slices.BinarySearchFunc(o.sessions, key, func(l ownerEntry, key record.Key) int { return l.key.Compare(key) })
	if !ok {
		return ownerEntry{}, false
	}
	return o.sessions[i], true
}

// mostListed is how many sessions of one owner are listed. With more, those that were created first
// are listed no more; an epoch ends them all the same.
const mostListed = 256

// ownerChange is a change of an owner's record.
type ownerChange struct {
	enter  []ownerEntry
	remove []record.Key
	begin  []begun
	end    []epoch // in whose place another one begins
	until  int64   // the record is kept at least until then, in ms since 1970
}

// and is both changes.
func (ch ownerChange) and(o ownerChange) ownerChange {
	return ownerChange{
		enter: append(slices.Clip(ch.enter), o.enter...), remove: append(slices.Clip(ch.remove), o.remove...),
		begin: append(slices.Clip(ch.begin), o.begin...), end: append(slices.Clip(ch.end), o.end...),
		until: max(ch.until, o.until),
	}
}

// apply returns the attributes of the record with the change.
func (ch ownerChange) apply(r *record.Record, now int64) map[string][]byte {
	attrs := map[string][]byte{}
	if r != nil && r.LatestEnd() > now {
		attrs = r.Values()
	}
	for _, key := range ch.remove {
		delete(attrs, sessionMark+string(key[:]))
	}
	for _, l := range ch.enter {
		attrs[sessionMark+string(l.key[:])] = binary.AppendUvarint(binary.AppendUvarint(nil, uint64(l.created)), uint64(l.until))
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
// more than mostListed.
func dropOver(attrs map[string][]byte, now int64) {
	var all []ownerEntry
	for name, value := range attrs {
		switch l, ok := entryIn(name, value); {
		case ok && l.until > now:
			all = append(all, l)
		case ok:
			delete(attrs, name)
		}
	}
	slices.SortFunc(all, func(a, b ownerEntry) int {
		return cmp.Or(cmp.Compare(b.created, a.created), a.key.Compare(b.key))
	})
	for _, l := range all[min(len(all), mostListed):] {
		delete(attrs, sessionMark+string(l.key[:]))
	}
}
