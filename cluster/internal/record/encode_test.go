package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// This file tests that records come back as they went, in bytes that are stable and of known size.

func TestRecordsComeBackAsTheyWent(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 21))
	for range generated {
		s := anyRecord(r)
		if s == nil {
			continue
		}
		b := plain(s)
		got, err := read(b)
		if err != nil || !sameRecord(got, s) {
			t.Fatalf("%s\ncame back as %s, %v", show(s), show(got), err)
		}
		if again := plain(got); !bytes.Equal(again, b) {
			t.Fatalf("%s\nencodes to\n%x, and after a round trip to\n%x", show(s), b, again)
		}
		if other := anyRecord(r); other != nil && sameRecord(other, s) != bytes.Equal(plain(other), b) {
			t.Fatalf("bytes and records disagree on what is equal\n%s\n%s", show(s), show(other))
		}
		if sameBytes := plain(clone(s)); !bytes.Equal(sameBytes, b) {
			t.Fatalf("equal records, other bytes: %s", show(s))
		}
	}
}

func TestTwoOrdersOfMeetingEndInTheSameBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 22))
	for range generated {
		a, b, c := anyRecord(r), anyRecord(r), anyRecord(r)
		x, y := Merge(Merge(a, b), c), Merge(Merge(c, b), a)
		if x != nil && !bytes.Equal(plain(x), plain(y)) {
			t.Fatalf("a: %s\nb: %s\nc: %s", show(a), show(b), show(c))
		}
	}
}

// The format is stable: nodes hold records of the version before, and a version that
// wrote the same record in other bytes would have CAS conflicts with its own copies.
func TestGoldenRecord(t *testing.T) {
	s := &Record{
		deadline: 1_800_000_000_123, deadlineSet: Timestamp{1_700_000_000_000_002, 0x0102030405060708}, watermark: 1_699_996_400_000_000,
		attrs: []attribute{
			{name: "cart", timestamp: Timestamp{1_700_000_000_000_001, 7}, value: []byte("3 apples")},
			{name: "gone", timestamp: Timestamp{1_700_000_000_000_000, 7}, tombstone: true},
			{name: "user", timestamp: Timestamp{1_699_900_000_000_000, 0x0102030405060708}, value: []byte{}},
		},
	}
	for _, c := range []struct {
		name string
		rec  *Record
		hex  string
	}{
		{"live", s, goldenLive},
		{"tombstone", Tombstone(1_800_000_000_123), goldenTombstone},
	} {
		if got := hex.EncodeToString(plain(c.rec)); got != c.hex {
			t.Errorf("%s: the bytes changed: raise formatVersion and read both\ngot  %s\nwant %s", c.name, got, c.hex)
		}
		b, _ := hex.DecodeString(c.hex)
		if got, err := read(b); err != nil || !sameRecord(got, c.rec) {
			t.Errorf("%s: an old record is not read: %v, %s", c.name, err, show(got))
		}
	}
}

const (
	goldenLive = "6801007692c3ad3540bb803c020b3aee66cd88" + // header, key
		"8280f9c0c1c48203" + "82c8ceb40d" + "fba0f1c2b134" + // newest clock, GC watermark, deadline
		"02" + "0102030405060708" + "0000000000000007" + "00" + // writers, the deadline's clock
		"03" + "0463617274" + "01" + "02" + "08" + "33206170706c6573" +
		"04676f6e65" + "02" + "03" +
		"0475736572" + "82d0dbc3f402" + "00" + "00" +
		"21b49d84" // checksum
	goldenTombstone = "6801017692c3ad3540bb803c020b3aee66cd88" + "00" + "00" + "fba0f1c2b134" + "31e4216a"
)

func TestAnAttributeCostsAtMostTwelveBytes(t *testing.T) {
	const now = int64(1_800_000_000_000_000)
	const year = int64(365*24) * 3600e6
	for _, age := range []int64{0, 1, 3600e6, 30 * 24 * 3600e6, year} {
		for _, size := range []int{0, 1, 127, 128, 16_383, 16_384, 100_000} {
			s := &Record{deadline: now / 1000, deadlineSet: Timestamp{now, 1}}
			empty := len(plain(s))
			sum := 0
			const n = 60
			for i := range n {
				a := attribute{name: fmt.Sprintf("name%02d", i), timestamp: Timestamp{now - age, 1}, value: make([]byte, size)}
				s.attrs = append(s.attrs, a)
				sum += len(a.name) + len(a.value)
			}
			if each := (len(plain(s)) - empty - sum + n - 1) / n; each > 12 {
				t.Errorf("values of %d bytes, written %d µs before the newest: %d bytes each beyond name and value", size, age, each)
			}
		}
	}
}

func TestTheSizeOfARecordIsKnownBeforeItIsWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 31))
	records := []*Record{shapeless(15), shapeless(16), shapeless(17), shapeless(200), shapeless(20_000)}
	for range 2000 {
		records = append(records, anyRecord(r))
	}
	for _, seal := range []*Sealer{nil, mustSealer(t, false, 1)} {
		for _, s := range records {
			if s == nil {
				continue
			}
			b, err := s.Encode(aKey, seal)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.AppendTo(nil, aKey, seal, len(b)); err != nil || len(got) != len(b) {
				t.Fatalf("%d bytes, and as many are allowed: %d, %v", len(b), len(got), err)
			}
			want := fmt.Sprintf("%v: %d bytes encoded, the limit is %d (MaxRecordBytes)", ErrTooLarge, len(b), len(b)-1)
			if _, err := s.AppendTo(nil, aKey, seal, len(b)-1); !errors.Is(err, ErrTooLarge) || err.Error() != want {
				t.Fatalf("%d bytes, and one less is allowed: %v", len(b), err)
			}
			if got, err := Decode(b, aKey, seal, readAt); err != nil || !sameRecord(got, s) {
				t.Fatalf("%s\nis read as\n%s, %v", show(s), show(got), err)
			}
		}
	}
}

// A session that is far too large takes no memory to find that out, nor does one that fits to be
// written into a buffer.
func TestEncodingAllocatesNothing(t *testing.T) {
	large := liveAt(1, attribute{name: "a", timestamp: Timestamp{1, 1}, value: make([]byte, 8<<20)})
	if n := testing.AllocsPerRun(10, func() { _, _ = large.AppendTo(nil, aKey, nil, 1<<20) }); n > 6 { // the error's
		t.Errorf("%v allocations for a record that is too large", n)
	}
	small, buf := shapeless(15), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { _, _ = small.AppendTo(buf, aKey, nil, 1<<20) }); n > 0 {
		t.Errorf("%v allocations for a record of 15 attributes with a writer each", n)
	}
}

// shapeless is a record of so many attributes, each with a writer of its own.
func shapeless(n int) *Record {
	s := liveAt(1)
	for i := range n {
		a := value(fmt.Sprintf("%06d", i), "1", int64(i+1))
		a.timestamp.Writer = uint64(n - i + 1)
		s.attrs = append(s.attrs, a)
	}
	return s
}
