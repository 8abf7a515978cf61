package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// These tests tell that a record's size is known before it is written.

func TestTheSizeOfARecordIsKnownBeforeItIsWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 31))
	records := []*stored{shapeless(15), shapeless(16), shapeless(17), shapeless(200), shapeless(20_000)}
	for range 2000 {
		records = append(records, anyRecord(r))
	}
	for _, seal := range []*sealer{nil, mustSealer(t, false, 1)} {
		for _, s := range records {
			if s == nil {
				continue
			}
			b, err := s.encode(aKey, seal)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.appendTo(nil, aKey, seal, len(b)); err != nil || len(got) != len(b) {
				t.Fatalf("%d bytes, and as many are allowed: %d, %v", len(b), len(got), err)
			}
			want := fmt.Sprintf("%v: %d bytes encoded, the limit is %d (MaxRecordBytes)", ErrTooLarge, len(b), len(b)-1)
			if _, err := s.appendTo(nil, aKey, seal, len(b)-1); !errors.Is(err, ErrTooLarge) || err.Error() != want {
				t.Fatalf("%d bytes, and one less is allowed: %v", len(b), err)
			}
			if got, err := decode(b, aKey, seal, readAt); err != nil || !sameRecord(got, s) {
				t.Fatalf("%s\nis read as\n%s, %v", show(s), show(got), err)
			}
		}
	}
}

// A session that is far too large takes no memory to find that out, nor does one that fits to be
// written into a buffer.
func TestEncodingAllocatesNothing(t *testing.T) {
	large := liveAt(1, attribute{name: "a", stamp: stamp{1, 1}, value: make([]byte, 8<<20)})
	if n := testing.AllocsPerRun(10, func() { _, _ = large.appendTo(nil, aKey, nil, 1<<20) }); n > 6 { // the error's
		t.Errorf("%v allocations for a record that is too large", n)
	}
	small, buf := shapeless(15), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { _, _ = small.appendTo(buf, aKey, nil, 1<<20) }); n > 0 {
		t.Errorf("%v allocations for a record of 15 attributes with a writer each", n)
	}
}

// shapeless is a record of so many attributes, each with a writer of its own.
func shapeless(n int) *stored {
	s := liveAt(1)
	for i := range n {
		a := value(fmt.Sprintf("%06d", i), "1", int64(i+1))
		a.stamp.writer = uint64(n - i + 1)
		s.attrs = append(s.attrs, a)
	}
	return s
}
