package cluster

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// sealed puts a correct checksum behind bytes, as a hostile writer would.
func sealed(body []byte) []byte {
	return binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
}

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
		x, y := join(join(a, b), c), join(join(c, b), a)
		if x != nil && !bytes.Equal(plain(x), plain(y)) {
			t.Fatalf("a: %s\nb: %s\nc: %s", show(a), show(b), show(c))
		}
	}
}

// The format is stable: nodes hold records of the version before, and a version that
// wrote the same record in other bytes would be outrun by its own copies.
func TestGoldenRecord(t *testing.T) {
	s := &stored{
		deadline: 1_800_000_000_123, dstamp: stamp{1_700_000_000_000_002, 0x0102030405060708}, floor: 1_699_996_400_000_000,
		attrs: []attribute{
			{name: "cart", stamp: stamp{1_700_000_000_000_001, 7}, value: []byte("3 apples")},
			{name: "gone", stamp: stamp{1_700_000_000_000_000, 7}, removed: true},
			{name: "user", stamp: stamp{1_699_900_000_000_000, 0x0102030405060708}, value: []byte{}},
		},
	}
	for _, c := range []struct {
		name string
		rec  *stored
		hex  string
	}{
		{"live", s, goldenLive},
		{"destroyed", tombstone(1_800_000_000_123), goldenDestroyed},
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
		"8280f9c0c1c48203" + "82c8ceb40d" + "fba0f1c2b134" + // newest clock, floor, deadline
		"02" + "0102030405060708" + "0000000000000007" + "00" + // writers, the deadline's clock
		"03" + "0463617274" + "01" + "02" + "08" + "33206170706c6573" +
		"04676f6e65" + "02" + "03" +
		"0475736572" + "82d0dbc3f402" + "00" + "00" +
		"21b49d84" // checksum
	goldenDestroyed = "6801017692c3ad3540bb803c020b3aee66cd88" + "00" + "00" + "fba0f1c2b134" + "31e4216a"
)

func TestAnAttributeCostsAtMostTwelveBytes(t *testing.T) {
	const now = int64(1_800_000_000_000_000)
	const year = int64(365*24) * 3600e6
	for _, age := range []int64{0, 1, 3600e6, 30 * 24 * 3600e6, year} {
		for _, size := range []int{0, 1, 127, 128, 16_383, 16_384, 100_000} {
			s := &stored{deadline: now / 1000, dstamp: stamp{now, 1}}
			empty := len(plain(s))
			sum := 0
			const n = 60
			for i := range n {
				a := attribute{name: fmt.Sprintf("name%02d", i), stamp: stamp{now - age, 1}, value: make([]byte, size)}
				s.attrs = append(s.attrs, a)
				sum += len(a.name) + len(a.value)
			}
			if each := (len(plain(s)) - empty - sum + n - 1) / n; each > 12 {
				t.Errorf("values of %d bytes, written %d µs before the newest: %d bytes each beyond name and value", size, age, each)
			}
		}
	}
}

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
	for _, s := range []*stored{liveAt(1, value("a", "secret", 1)), tombstone(1)} {
		got, err := decode(plain(s), anotherKey, nil, readAt)
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

// forged writes a body that encode would not.
func forged(flags byte, body ...uint64) []byte {
	b := append([]byte{formatMagic, formatVersion, flags}, aKey[:keyHashSize]...)
	for _, n := range body {
		b = binary.AppendUvarint(b, n)
	}
	return sealed(b)
}

func TestForgedRecordsAreRefused(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"header only", forged(0)},
		{"clock above int64", forged(0, 1<<63, 0, 0)},
		{"floor above the newest clock", forged(0, 5, 6, 0)},
		{"deadline behind the year 9999", forged(0, 5, 5, uint64(maxDeadline)+1)},
		{"a billion writers", forged(0, 5, 5, 1, 1<<30)},
		{"writers without end", forged(0, 5, 5, 1, most)},
		{"no writers", forged(0, 5, 5, 1, 0, 0, 0)},
		{"a billion attributes", forged(0, 5, 5, 1, 1, 0, 0, 1<<30)},
		{"destroyed with something behind", forged(flagDestroyed, 5, 5, 1, 1)},
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

func TestDecodingCostsASmallMultipleOfItsInput(t *testing.T) {
	junk := strings.Repeat("\x00", 1<<20)
	for name, b := range map[string][]byte{
		"huge counts":   forged(0, 5, 5, 1, 1<<40),
		"many writers":  sealed(append(forged(0, 5, 5, 1, 1<<17)[:headerSize+6], junk...)),
		"tiny entries":  sealed(append(append(forged(0, 5, 5, 1, 1)[:headerSize+4], make([]byte, 9)...), append([]byte{0x80, 0x80, 0x10}, junk...)...)),
		"no structure":  sealed([]byte("h\x01\x00" + junk)),
		"one long name": sealed(append(append(forged(0, 5, 5, 1, 1)[:headerSize+4], make([]byte, 9)...), append([]byte{1, 0xff, 0xff, 0x3f}, junk...)...)),
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
	f.Add(forged(0, 5, 5, 1, 1<<30))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it came, and under a header and checksum that let it through to the body.
		for _, b := range [][]byte{b, sealed(append(append([]byte{formatMagic, formatVersion, 0}, aKey[:keyHashSize]...), b...))} {
			before := slices.Clone(b)
			s, err := read(b)
			if !bytes.Equal(b, before) {
				t.Fatal("decode writes into its input")
			}
			if err != nil {
				continue
			}
			// What is read can be joined, changed and written.
			if again, err := read(plain(s)); err != nil || !again.equal(s) {
				t.Fatalf("%s\ncomes back as %s, %v", show(s), show(again), err)
			}
			if !sameRecord(join(s, clone(s)), s) {
				t.Fatalf("joined with itself it is another: %s", show(s))
			}
			if !s.destroyed && s.newest() < 1<<62 {
				plain(change(s, s.values(), 1, stamp{s.newest() + 1, 1}))
			}
		}
	})
}
