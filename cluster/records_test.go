package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file makes the records that stories find on nodes: those of other processes, of other
// times, and of liars.

// An attribute is a value that was written at a clock, or removed then.
type attribute struct {
	name    string
	value   []byte
	clock   int64
	removed bool
}

func value(name, v string, clock int64) attribute {
	return attribute{name: name, value: []byte(v), clock: clock}
}

func removal(name string, clock int64) attribute {
	return attribute{name: name, clock: clock, removed: true}
}

// liveAt is a live record, for cases that are told in numbers.
func liveAt(deadline int64, attrs ...attribute) *record.Record {
	return recordOf(deadline, record.Timestamp{Clock: 1, Writer: 1}, attrs...)
}

// recordOf is a record whose deadline was set at that timestamp.
func recordOf(deadline int64, set record.Timestamp, attrs ...attribute) *record.Record {
	r := record.Change(nil, nil, deadline, set)
	for _, a := range attrs {
		values := r.Values()
		values[a.name] = a.value
		if a.removed {
			r = record.Change(r, values, r.Deadline(), record.Timestamp{Clock: a.clock - 1, Writer: 1})
			delete(values, a.name)
		}
		r = record.Change(r, values, r.Deadline(), record.Timestamp{Clock: a.clock, Writer: 1})
	}
	return r
}

// collectedUpTo is the record with a GC watermark at that clock: it had so many attribute
// tombstones of the microsecond before that it kept none.
func collectedUpTo(r *record.Record, clock int64) *record.Record {
	values := r.Values()
	many := maps.Clone(values)
	for i := range 1000 {
		many[fmt.Sprint("collected", i)] = nil
	}
	r = record.Change(r, many, r.Deadline(), record.Timestamp{Clock: clock - 2, Writer: 1})
	r = record.Change(r, values, r.Deadline(), record.Timestamp{Clock: clock - 1})
	return r.CollectTombstones(r)
}

// clockSkew is by how much clocks may differ, as promised.
const clockSkew = time.Hour

// readAt is later than all clocks of these records.
var readAt = time.UnixMicro(1 << 51)

// show writes a record for people.
func show(r *record.Record) string {
	switch {
	case r == nil:
		return "none"
	case r.IsTombstone():
		return fmt.Sprintf("a tombstone until %d", r.Deadline())
	}
	values := r.Values()
	text := fmt.Sprintf("until %d, newest clock %d:", r.Deadline(), r.Newest())
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += fmt.Sprintf(" %q=%q", name, values[name])
	}
	return text
}

// The parts of a record's bytes that stories change.
const (
	formatVersion = 1
	flagSealed    = 2 // in the third byte
	checksumSize  = 4
)

// sealed puts a correct checksum behind bytes, as a hostile writer would.
func sealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// resealed gives changed bytes a good checksum, as whoever owns the box would.
func resealed(b []byte) []byte { return sealed(b[:len(b)-checksumSize]) }

func sealKeyOf(b byte) []byte { return bytes.Repeat([]byte{b}, record.SealKeySize) }

func mustSealer(t testing.TB, allowUnsealed bool, keys ...byte) *record.Sealer {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, sealKeyOf(k))
	}
	s, err := record.NewSealer(all, allowUnsealed, "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bytesOf is a record's bytes under the key of a session.
func bytesOf(t testing.TB, r *record.Record, id string, seal *record.Sealer) []byte {
	t.Helper()
	b, err := r.Encode(record.KeyOf(id), seal)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
