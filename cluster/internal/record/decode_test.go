package record

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file tests that bytes which are no record are refused, cheaply, whoever wrote them.

func TestEveryFlippedBitAndEveryCutIsRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	for range 200 {
		s := anyRecord(r)
		if s == nil {
			continue
		}
		b := plain(s)
		for i := range len(b) * 8 {
			bad := slices.Clone(b)
			bad[i/8] ^= 1 << (i % 8)
			if got, err := read(bad); err == nil {
				t.Fatalf("bit %d of %s flipped, and it reads %s", i, show(s), show(got))
			}
		}
		for n := range len(b) {
			if _, err := read(b[:n]); !errors.Is(err, errDamaged) {
				t.Fatalf("cut to %d of %d bytes: %v", n, len(b), err)
			}
		}
		if _, err := read(append(slices.Clone(b), 0)); !errors.Is(err, errDamaged) {
			t.Fatalf("a byte too many: %v", err)
		}
		if _, err := read(sealed(append(b[:len(b)-checksumSize:len(b)-checksumSize], 0))); !errors.Is(err, errDamaged) {
			t.Fatalf("a byte behind the last attribute, under a good checksum: %v", err)
		}
	}
}

func TestARecordIsReadUnderItsOwnKeyOnly(t *testing.T) {
	for _, s := range []*Record{liveAt(1, value("a", "secret", 1)), Tombstone(1)} {
		got, err := Decode(plain(s), anotherKey, nil, readAt)
		if !errors.Is(err, errOtherKey) || got != nil {
			t.Errorf("%v, %s", err, show(got))
		}
	}
}

func TestANewerVersionIsToldApartFromDamage(t *testing.T) {
	b := plain(liveAt(1, value("a", "1", 1)))
	body := b[:len(b)-checksumSize]
	for _, c := range []struct {
		name string
		at   int
		set  byte
	}{{"the next format", 1, formatVersion + 1}, {"format 255", 1, 255}, {"a flag nobody knows", 2, 0x80}} {
		newer := slices.Clone(body)
		newer[c.at] = c.set
		if _, err := read(sealed(newer)); !errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := read(append(slices.Clone(newer), 1, 2, 3, 4)); !errors.Is(err, errDamaged) {
			t.Errorf("%s with a bad checksum: %v", c.name, err)
		}
	}
}

func TestBytesThatNoEncoderWritesAreRefused(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"header only", handmade(0)},
		{"clock above int64", handmade(0, 1<<63, 0, 0)},
		{"watermark above the newest clock", handmade(0, 5, 6, 0)},
		{"deadline behind the year 9999", handmade(0, 5, 5, uint64(MaxDeadline)+1)},
		{"a billion writers", handmade(0, 5, 5, 1, 1<<30)},
		{"writers without end", handmade(0, 5, 5, 1, most)},
		{"no writers", handmade(0, 5, 5, 1, 0, 0, 0)},
		{"a billion attributes", handmade(0, 5, 5, 1, 1, 0, 0, 1<<30)},
		{"a tombstone with something behind", handmade(flagTombstone, 5, 5, 1, 1)},
	} {
		if s, err := read(c.b); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %s, %v", c.name, show(s), err)
		}
	}
	twice := liveAt(1, value("a", "1", 1), value("a", "2", 2))
	if _, err := read(plain(twice)); !errors.Is(err, errDamaged) {
		t.Errorf("a name listed twice: %v", err)
	}
	unsorted := liveAt(1)
	unsorted.attrs = []attribute{value("b", "1", 1), value("a", "2", 2)}
	if _, err := read(plain(unsorted)); !errors.Is(err, errDamaged) {
		t.Errorf("names out of order: %v", err)
	}
}

func TestAClockBeyondADayFromNowIsDamage(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	last := now.Add(24 * time.Hour).UnixMicro()
	for _, c := range []struct {
		name  string
		clock int64
		ok    bool
	}{
		{"now", now.UnixMicro(), true},
		{"a clock half an hour ahead", now.Add(30 * time.Minute).UnixMicro(), true},
		{"a day", last, true},
		{"a microsecond more", last + 1, false},
		{"seconds in place of microseconds, and nanoseconds", now.UnixNano(), false},
		{"the last but one", math.MaxInt64 - 1, false},
		{"the last", math.MaxInt64, false},
	} {
		for place, s := range map[string]*Record{
			"a value":       liveAt(1, value("a", "1", c.clock)),
			"a removal":     liveAt(1, removal("a", c.clock)),
			"the deadline":  {deadline: 1, deadlineSet: Timestamp{c.clock, 1}},
			"the watermark": {deadline: 1, deadlineSet: Timestamp{1, 1}, watermark: c.clock},
			"a tombstone's": {tombstone: true, deadline: 1, watermark: c.clock},
		} {
			got, err := Decode(plain(s), aKey, nil, now)
			if ok := err == nil && sameRecord(got, s); ok != c.ok || !ok && !errors.Is(err, errDamaged) {
				t.Errorf("%s, in %s: %s, %v", c.name, place, show(got), err)
			}
			if s.IsAhead(now) == c.ok {
				t.Errorf("%s, in %s: a writer thinks that it is ahead: %v", c.name, place, !c.ok)
			}
		}
	}
	// A machine whose clock stands before 1970 reads nothing, rather than everything.
	if got, err := Decode(plain(liveAt(1, value("a", "1", math.MaxInt64))), aKey, nil, time.Time{}); !errors.Is(err, errDamaged) {
		t.Errorf("read in the year 1: %s, %v", show(got), err)
	}
}

func TestDecodingCostsASmallMultipleOfItsInput(t *testing.T) {
	junk := strings.Repeat("\x00", 1<<20)
	for name, b := range map[string][]byte{
		"huge counts":   handmade(0, 5, 5, 1, 1<<40),
		"many writers":  sealed(append(handmade(0, 5, 5, 1, 1<<17)[:headerSize+6], junk...)),
		"tiny entries":  sealed(append(append(handmade(0, 5, 5, 1, 1)[:headerSize+4], make([]byte, 9)...), append([]byte{0x80, 0x80, 0x10}, junk...)...)),
		"no structure":  sealed([]byte("h\x01\x00" + junk)),
		"one long name": sealed(append(append(handmade(0, 5, 5, 1, 1)[:headerSize+4], make([]byte, 9)...), append([]byte{1, 0xff, 0xff, 0x3f}, junk...)...)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = read(b)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(64*len(b)+4096) {
			t.Errorf("%s: %d bytes allocated for %d", name, got, len(b))
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(24, 24))
	for range 50 {
		if s := anyRecord(r); s != nil {
			b := plain(s)
			f.Add(b)
			f.Add(b[:len(b)/2])
			f.Add(b[:len(b)-checksumSize])
		}
	}
	f.Add(handmade(0, 5, 5, 1, 1<<30))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it came, and under a header and checksum that let it through to the body.
		for _, b := range [][]byte{b, sealed(append(append([]byte{formatMagic, formatVersion, 0}, aKey[:keyPrefixSize]...), b...))} {
			before := slices.Clone(b)
			s, err := read(b)
			if !bytes.Equal(b, before) {
				t.Fatal("Decode writes into its input")
			}
			if err != nil {
				continue
			}
			// What is read can be merged, changed and written.
			if again, err := read(plain(s)); err != nil || !again.Equal(s) {
				t.Fatalf("%s\ncomes back as %s, %v", show(s), show(again), err)
			}
			if !sameRecord(Merge(s, clone(s)), s) {
				t.Fatalf("merged with itself it is another: %s", show(s))
			}
			if !s.tombstone && s.Newest() < 1<<62 {
				plain(Change(s, s.Values(), 1, Timestamp{s.Newest() + 1, 1}))
			}
		}
	})
}
