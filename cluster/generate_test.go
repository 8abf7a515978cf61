package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// This file makes the records that the tests of record.go and codec.go are run on. The
// distribution is hostile: few names, few writers, and clocks that are equal, one
// apart, or a horizon apart, so that every tie happens.

var (
	someNames   = []string{"", "a", "b", "c", "d\x00", "ü"}
	someWriters = []uint64{0, 1, 2, 1<<64 - 1}
	hour        = int64(3600e6) // what is promised, not what the code says
	someClocks  = []int64{0, 1, 40, 45, 50, 55, hour - 1, hour, hour + 1, 45 + hour, 55 + hour, 2 * hour, 1 << 50}
	someValues  = [][]byte{nil, {}, {0}, []byte("1"), []byte("2"), []byte("22")}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func anyStamp(r *rand.Rand) stamp { return stamp{pick(r, someClocks), pick(r, someWriters)} }

func anyDeadline(r *rand.Rand) int64 { return min(pick(r, someClocks), maxDeadline) }

// anyRecord returns a record in the form that join, change and decode produce, or nil.
func anyRecord(r *rand.Rand) *stored {
	switch r.IntN(20) {
	case 0:
		return nil
	case 1:
		return &stored{destroyed: true, deadline: anyDeadline(r)}
	}
	s := &stored{deadline: anyDeadline(r), dstamp: anyStamp(r), attrs: []attribute{}}
	if r.IntN(2) == 0 {
		s.floor = pick(r, someClocks)
	}
	for _, name := range someNames {
		a := attribute{name: name, stamp: anyStamp(r)}
		switch r.IntN(4) {
		case 0:
			continue
		case 1:
			a.removed = true
		default:
			a.value = pick(r, someValues)
		}
		if a.compare(s.forgotten(name)) != 0 {
			s.attrs = append(s.attrs, a)
		}
	}
	if r.IntN(3) == 0 {
		s.endBy(1 + anyDeadline(r))
	}
	if r.IntN(3) == 0 {
		s.livedUntil(anyDeadline(r))
	}
	return s
}

// clone copies a record with all its bytes.
func clone(s *stored) *stored {
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
func show(s *stored) string {
	if s == nil {
		return "none"
	}
	if s.destroyed {
		return fmt.Sprintf("destroyed until %d", s.deadline)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "floor %d deadline %d@%v", s.floor, s.deadline, s.dstamp)
	if s.until != 0 {
		fmt.Fprintf(&b, " until %d", s.until)
	}
	if s.latest != 0 {
		fmt.Fprintf(&b, " latest %d", s.latest)
	}
	for _, a := range s.attrs {
		value := fmt.Sprintf("%q", a.value)
		if a.removed {
			value = "removed"
		}
		fmt.Fprintf(&b, " %q=%s@%v", a.name, value, a.stamp)
	}
	return b.String()
}

// sameRecord compares two records without the code under test.
func sameRecord(a, b *stored) bool { return show(a) == show(b) }

// liveAt is a record with one live attribute, for cases told in numbers.
func liveAt(deadline int64, attrs ...attribute) *stored {
	slices.SortFunc(attrs, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return &stored{deadline: deadline, dstamp: stamp{1, 1}, attrs: attrs}
}

func value(name, v string, clock int64) attribute {
	return attribute{name: name, stamp: stamp{clock, 1}, value: []byte(v)}
}

func removal(name string, clock int64) attribute {
	return attribute{name: name, stamp: stamp{clock, 1}, removed: true}
}

var aKey, anotherKey = hashKey("one"), hashKey("two")

// plain is a record's bytes under aKey, not sealed.
func plain(s *stored) []byte {
	b, err := s.encode(aKey, nil)
	if err != nil {
		panic(err)
	}
	return b
}

// readAt is later than all clocks of these records.
var readAt = time.UnixMicro(1 << 51)

// read is the way back.
func read(b []byte) (*stored, error) { return decode(b, aKey, nil, readAt) }
