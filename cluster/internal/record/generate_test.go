package record

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file makes the records that the tests run on. The distribution is hostile: few names, few
// writers, and clocks that are equal, one apart, or the GC grace apart, so that every tie happens.

// generated is how many records, or groups of records, a test tries.
const generated = 2_000

var (
	someNames   = []string{"", "a", "b", "c", "d\x00", "ü"}
	someWriters = []uint64{0, 1, 2, 1<<64 - 1}
	hour        = int64(3600e6) // what is promised, not what the code says
	someClocks  = []int64{0, 1, 40, 45, 50, 55, hour - 1, hour, hour + 1, 45 + hour, 55 + hour, 2 * hour, 1 << 50}
	someValues  = [][]byte{nil, {}, {0}, []byte("1"), []byte("2"), []byte("22")}
)

func pick[T any](r *mrand.Rand, from []T) T { return from[r.IntN(len(from))] }

func anyTimestamp(r *mrand.Rand) Timestamp {
	return Timestamp{pick(r, someClocks), pick(r, someWriters)}
}

func anyDeadline(r *mrand.Rand) int64 { return min(pick(r, someClocks), MaxDeadline) }

func anyAttrs(r *mrand.Rand) map[string][]byte {
	m := map[string][]byte{}
	for _, name := range someNames {
		if r.IntN(2) == 0 {
			m[name] = pick(r, someValues)
		}
	}
	return m
}

// anyRecord returns a record in the form that Merge, Change and Decode produce, or nil.
func anyRecord(r *mrand.Rand) *Record {
	switch r.IntN(20) {
	case 0:
		return nil
	case 1:
		return &Record{tombstone: true, deadline: anyDeadline(r)}
	}
	s := &Record{deadline: anyDeadline(r), deadlineSet: anyTimestamp(r), attrs: []attribute{}}
	if r.IntN(2) == 0 {
		s.watermark = pick(r, someClocks)
	}
	for _, name := range someNames {
		a := attribute{name: name, timestamp: anyTimestamp(r)}
		switch r.IntN(4) {
		case 0:
			continue
		case 1:
			a.tombstone = true
		default:
			a.value = pick(r, someValues)
		}
		if a.compare(s.unlisted(name)) != 0 {
			s.attrs = append(s.attrs, a)
		}
	}
	if r.IntN(3) == 0 {
		s.capBy(1 + anyDeadline(r))
	}
	if r.IntN(3) == 0 {
		s.setLatestEnd(anyDeadline(r))
	}
	return s
}

// clone copies a record with all its bytes.
func clone(s *Record) *Record {
	if s == nil {
		return nil
	}
	c := *s
	c.attrs = slices.Clone(s.attrs)
	for i := range c.attrs {
		c.attrs[i].value = slices.Clone(c.attrs[i].value)
	}
	return &c
}

// show writes a record for people.
func show(s *Record) string {
	if s == nil {
		return "none"
	}
	if s.tombstone {
		return fmt.Sprintf("tombstone until %d", s.deadline)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "watermark %d deadline %d@%v", s.watermark, s.deadline, s.deadlineSet)
	if s.deadlineCap != 0 {
		fmt.Fprintf(&b, " cap %d", s.deadlineCap)
	}
	if s.latestEnd != 0 {
		fmt.Fprintf(&b, " latest %d", s.latestEnd)
	}
	for _, a := range s.attrs {
		value := fmt.Sprintf("%q", a.value)
		if a.tombstone {
			value = "removed"
		}
		fmt.Fprintf(&b, " %q=%s@%v", a.name, value, a.timestamp)
	}
	return b.String()
}

// sameRecord compares two records without the code under test.
func sameRecord(a, b *Record) bool { return show(a) == show(b) }

// version is what a record says of a name, told without find, unlisted or compare.
func version(s *Record, name string) attribute {
	for _, a := range s.attrs {
		if a.name == name {
			return a
		}
	}
	return attribute{name: name, tombstone: true, timestamp: Timestamp{Clock: s.watermark}}
}

// liveAt is a live record, for cases that are told in numbers.
func liveAt(deadline int64, attrs ...attribute) *Record {
	slices.SortFunc(attrs, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return &Record{deadline: deadline, deadlineSet: Timestamp{1, 1}, attrs: attrs}
}

func value(name, v string, clock int64) attribute {
	return attribute{name: name, timestamp: Timestamp{clock, 1}, value: []byte(v)}
}

func removal(name string, clock int64) attribute {
	return attribute{name: name, timestamp: Timestamp{clock, 1}, tombstone: true}
}

var aKey, anotherKey = KeyOf("one"), KeyOf("two")

// plain is a record's bytes under aKey, not sealed.
func plain(s *Record) []byte {
	b, err := s.Encode(aKey, nil)
	if err != nil {
		panic(err)
	}
	return b
}

// readAt is later than all clocks of these records.
var readAt = time.UnixMicro(1 << 51)

// read is the way back.
func read(b []byte) (*Record, error) { return Decode(b, aKey, nil, readAt) }

// sealed puts a correct checksum behind bytes, as a hostile writer would.
func sealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
}

// under puts a body behind a good header and before a good checksum.
func under(flags byte, body []byte) []byte {
	head := append([]byte{formatMagic, formatVersion, flags}, aKey[:keyPrefixSize]...)
	return sealed(append(head, body...))
}

// bodyOf is the part between a record's header and its checksum.
func bodyOf(b []byte) []byte { return b[headerSize : len(b)-checksumSize] }

// handmade writes a body that AppendTo would not.
func handmade(flags byte, body ...uint64) []byte {
	b := append([]byte{formatMagic, formatVersion, flags}, aKey[:keyPrefixSize]...)
	for _, n := range body {
		b = binary.AppendUvarint(b, n)
	}
	return sealed(b)
}

func sealKeyOf(b byte) []byte { return bytes.Repeat([]byte{b}, SealKeySize) }

func mustSealer(t testing.TB, allowUnsealed bool, keys ...byte) *Sealer {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, sealKeyOf(k))
	}
	s, err := NewSealer(all, allowUnsealed, "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealedBytes(t testing.TB, s *Record, with *Sealer) []byte {
	t.Helper()
	b, err := s.Encode(aKey, with)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// resealed gives changed bytes a good checksum, as whoever owns the box would.
func resealed(b []byte) []byte { return sealed(b[:len(b)-checksumSize]) }
