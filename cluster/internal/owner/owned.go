package owner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a session says of its owner.

// attr is the attribute in which a session says whose it is.
const attr = record.ReservedPrefix + "owner"

// MaxLabelBytes is how much of a label is kept.
const MaxLabelBytes = 256

// Owned is what a session says of its owner. It is written once, when the session gets its owner.
type Owned struct {
	Owner   record.Key
	Created int64   // ms since 1970: when the session got its owner
	Epochs  []Epoch // those in force then
	Label   string  // valid text of at most MaxLabelBytes is kept
}

// Epoch is the name of one.
type Epoch [8]byte

const version = 1

// Of returns what the session, which may be nil, says of its owner. Ok is false for one that has
// none. The error is record.ErrVersion or ErrDamaged.
func Of(s *record.Record) (o Owned, ok bool, err error) {
	b, ok := s.Reserved(attr)
	if !ok {
		return o, false, nil
	}
	o, err = decode(b)
	return o, true, err
}

// In returns the session with this owner; nil: with none.
func (o *Owned) In(s *record.Record, at record.Timestamp) *record.Record {
	if o == nil {
		return s.WithReserved(attr, nil, at)
	}
	return s.WithReserved(attr, o.encode(), at)
}

// encode is the version, the owner's key, the time, the number of epochs, they, and the label.
func (o *Owned) encode() []byte {
	b := append([]byte{version}, o.Owner[:]...)
	b = binary.AppendUvarint(b, uint64(o.Created))
	b = binary.AppendUvarint(b, uint64(len(o.Epochs)))
	for _, e := range o.Epochs {
		b = append(b, e[:]...)
	}
	return append(b, shortened(o.Label)...)
}

// decode reads what encode has written. The error is record.ErrVersion, or ErrDamaged.
func decode(b []byte) (o Owned, err error) {
	switch {
	case len(b) > 0 && b[0] != version:
		return o, fmt.Errorf("%w: its owner has format %d", record.ErrVersion, b[0])
	case len(b) < 1+len(o.Owner):
		return o, ErrDamaged
	}
	in := numbers{b: b[1+copy(o.Owner[:], b[1:]):]}
	o.Created = in.next()
	for n := in.next(); n > 0; n-- {
		if len(in.b) < len(Epoch{}) {
			return o, ErrDamaged
		}
		o.Epochs = append(o.Epochs, Epoch(in.b))
		in.b = in.b[len(Epoch{}):]
	}
	if in.bad {
		return o, ErrDamaged
	}
	o.Label = shortened(string(in.b)) // whoever can write to a node may have written another
	return o, nil
}

// ErrDamaged: nobody can say whether the session has ended. It is no missing session.
var ErrDamaged = errors.New("what the session says of its owner is damaged")

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

// SeenBySuccessor are the epochs that a session has seen begin which goes on from this one, and is
// told of in the record now. Was is the record that this one is told of in. Where that is another record,
// an epoch that only the first of them shows yet ends the session: a DestroyAll under way begins it in
// both, under one name.
func (o Owned) SeenBySuccessor(was, now *Record) []Epoch {
	if was == now {
		return now.Epochs()
	}
	seen := slices.Clone(o.Epochs)
	for _, e := range now.Epochs() {
		if slices.Contains(was.Epochs(), e) && !slices.Contains(seen, e) {
			seen = append(seen, e)
		}
	}
	return seen
}
