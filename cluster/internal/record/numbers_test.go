package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file makes records out of the numbers that a liar would choose: clocks at the ends of
// what is allowed and of all numbers, counts that say too much, writers that are not there.

// numbers are read from the fuzzer's bytes.
type numbers struct {
	from []byte
	now  time.Time
}

func (n *numbers) byte() int {
	if len(n.from) == 0 {
		return 0
	}
	b := n.from[0]
	n.from = n.from[1:]
	return int(b)
}

// clock is a moment that something depends on, or the microsecond before or after it.
func (n *numbers) clock() int64 {
	now, last := n.now.UnixMicro(), latestClock(n.now)
	edges := []int64{now, 1, now - hour, now + hour, now + hour/2, last, last - hour, now * 1000, 1 << 62, math.MaxInt64 - 1, 1 << 40}
	b := n.byte()
	return max(0, edges[b/3%len(edges)]+int64(b%3)-1)
}

// end is a deadline, likewise.
func (n *numbers) end() int64 {
	now := n.now.UnixMilli()
	edges := []int64{now, now + hour/1000, 1, now + 30*24*hour/1000, MaxDeadline - 1, now + 400*24*hour/1000}
	b := n.byte()
	return max(0, edges[b/3%len(edges)]+int64(b%3)-1)
}

// body is a record's body. It is as AppendTo would write it, as far as the bytes do not say
// otherwise: then a count is one too high or low, a writer or a name is there twice, and so on.
func (n *numbers) body(tombstone bool) (b []byte) {
	number := func(v int64) { b = binary.AppendUvarint(b, uint64(v)) }
	wrong := func() int64 { // rarely
		switch n.byte() {
		case 255:
			return 1
		case 254:
			return -1
		case 253:
			return 1 << 40
		}
		return 0
	}
	clocks := make([]int64, 2+n.byte()%8) // the watermark's, the deadline's, and those of attributes
	for i := range clocks {
		clocks[i] = n.clock()
	}
	if n.byte()%2 == 0 {
		clocks[0] = 0
	}
	newest := slices.Max(clocks)
	number(newest + wrong())
	number(newest - clocks[0])
	number(n.end())
	if tombstone {
		return b
	}
	writers := 1 + n.byte()%4
	number(int64(writers) + wrong())
	for i := range writers {
		b = binary.BigEndian.AppendUint64(b, uint64(i)*math.MaxUint64/2+uint64(n.byte()%2))
	}
	number(newest - clocks[1])
	number(int64(len(clocks)-2) + wrong())
	for i, clock := range clocks[2:] {
		number(1)
		b = append(b, byte(int64('a'+i)+wrong()))
		number(newest - clock)
		removed := n.byte() % 2
		number((int64(n.byte()%writers)+wrong())<<1 | int64(removed))
		if removed == 0 {
			number(1 + wrong())
			b = append(b, byte(n.byte()))
		}
	}
	return b
}

// Whatever numbers a record holds: it is damage, or a change that is made after reading it
// wins, can be read by others, and can be deleted for good.
func FuzzRecordNumbers(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{2, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 1, 1, 0, 2})
	f.Add([]byte(strings.Repeat("\x05\x10\x0f\x01", 10)))
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, program []byte) {
		n := &numbers{from: program, now: now}
		destroyed, flags := n.byte() == 1, byte(0)
		if destroyed {
			flags = flagTombstone
		}
		s, err := Decode(under(flags, n.body(destroyed)), aKey, nil, now)
		if err != nil {
			return
		}
		if until := TombstoneFor(s, now, hour, 0).Deadline(); until < min(s.LatestEnd(), MaxDeadline) || until > MaxDeadline || until < now.UnixMilli() {
			t.Fatalf("%s\nits tombstone is kept until %d", show(s), until)
		}
		if destroyed {
			return
		}
		takesAChange(t, s, now)
	})
}

// takesAChange fails unless a change to s that is made then wins, can be read by others, and is
// refused where it is a byte too large.
func takesAChange(t *testing.T, s *Record, now time.Time) {
	t.Helper()
	later := now.Add(time.Millisecond)
	at := s.NextTimestamp(later, 7)
	attrs := s.Values()
	delete(attrs, "a")
	attrs["b"] = []byte("changed")
	attrs["new"] = []byte("added")
	end := s.deadline/2 + 1
	ours := Change(s, attrs, end, at)
	want := Merge(s, ours).CollectTombstones(s)
	if got := want.Values(); !maps.EqualFunc(got, attrs, bytes.Equal) || want.deadline != end {
		t.Fatalf("%s\nchanged to %q until %d it is\n%s", show(s), attrs, end, show(want))
	}
	b := plain(want)
	if got, err := Decode(b, aKey, nil, later); err != nil || !sameRecord(got, want) {
		t.Fatalf("%s\nis read as %s, %v", show(want), show(got), err)
	}
	if _, err := want.AppendTo(nil, aKey, nil, len(b)-1); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("%s\n%d bytes where one less is allowed: %v", show(want), len(b), err)
	}
	if under, over := want.CheckSize(nil, len(b)), want.CheckSize(nil, len(b)-1); under != nil || !errors.Is(over, ErrTooLarge) {
		t.Fatalf("%s\n%d bytes, and as many are allowed: %v; one less: %v", show(want), len(b), under, over)
	}
}
