package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// This file decides which bytes are a record (format.go). A reader takes nothing that no writer
// writes: it checks lengths and counts against the bytes that are left, and clocks against its own.

// Decode reads a record that was found under that key, by a reader whose clock shows now. The
// record's values alias b. The error is ErrVersion, or ErrSealed, or it says that the bytes are
// damaged or belong to another key.
func Decode(b []byte, key Key, seal *Sealer, now time.Time) (*Record, error) {
	if len(b) < headerSize+checksumSize || b[0] != formatMagic {
		return nil, errDamaged
	}
	body, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	if binary.BigEndian.Uint32(sum) != crc32.Checksum(body, castagnoli) {
		return nil, errDamaged
	}
	if b[1] != formatVersion || b[2]&^(flagTombstone|flagSealed) != 0 {
		return nil, fmt.Errorf("%w (format %d, flags %#x; this version reads format %d)", ErrVersion, b[1], b[2], formatVersion)
	}
	if !bytes.Equal(b[3:headerSize], key[:keyPrefixSize]) {
		return nil, errOtherKey
	}
	plain, begins := body[headerSize:], headerSize
	switch sealed := b[2]&flagSealed != 0; {
	case sealed && seal == nil:
		return nil, fmt.Errorf("%w: there are no SealKeys", ErrSealed)
	case sealed:
		var err error
		if plain, err = seal.open(body, key); err != nil {
			return nil, err
		}
		begins = 0
	case seal != nil && !seal.allowUnsealed:
		return nil, ErrUnsealed
	}
	r, err := decodeBody(plain, begins, b[2]&flagTombstone != 0, latestClock(now))
	if err != nil {
		return nil, err
	}
	r.takeMarks()
	return r, nil
}

// decodeBody reads a body, which begins there in the bytes of its record, in which no clock may be above
// latest.
func decodeBody(b []byte, begins int, tombstone bool, latest int64) (*Record, error) {
	in := &reader{b: b}
	r := &Record{tombstone: tombstone}
	newest := in.upTo(math.MaxInt64) // no clock in the record is above it
	if newest > latest {
		return nil, errAhead
	}
	r.watermark = newest - in.upTo(newest)
	r.deadline = in.upTo(MaxDeadline)
	if tombstone {
		return r, in.end()
	}
	in.writers = in.take(8 * in.count(8))
	r.deadlineSet = Timestamp{newest - in.upTo(newest), in.writer(0)}
	n := in.count(3)
	r.attrs = make([]attribute, 0, min(n, 64))
	// All names are cut from one string: that is one allocation instead of one for each.
	var nameRoom [512]byte
	var endRoom [32]int
	names, ends, last := nameRoom[:0], endRoom[:0], []byte(nil)
	for i := 0; i < n && !in.bad; i++ {
		var a attribute
		name := in.take(in.count(1))
		a.timestamp.Clock = newest - in.upTo(newest)
		w := in.upTo(math.MaxInt64)
		a.timestamp.Writer, a.tombstone = in.writer(w>>1), w&1 == 1
		if !a.tombstone {
			a.value = in.take(in.count(1))
			a.at = uint32(begins + len(b) - len(in.b) - len(a.value))
		}
		if i > 0 && bytes.Compare(last, name) >= 0 || a.compare(r.unlisted("")) == 0 {
			in.bad = true // AppendTo does not write it, and Merge relies on the order
		}
		names, last = append(names, name...), name
		ends = append(ends, len(names))
		r.attrs = append(r.attrs, a)
	}
	all, begin := string(names), 0
	for i, end := range ends {
		r.attrs[i].name, begin = all[begin:end], end
	}
	return r, in.end()
}

// reader takes a body apart. It trusts no length: a count is checked against the bytes that are
// left before anything is allocated. After the first thing that no writer writes it is bad, and
// returns zeroes.
type reader struct {
	b       []byte
	writers []byte // the table, 8 bytes each
	bad     bool
}

// upTo reads a number between 0 and most.
func (r *reader) upTo(most int64) int64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > uint64(most) {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

// count reads the number of things that follow, each of at least size bytes.
func (r *reader) count(size int) int { return int(r.upTo(int64(len(r.b) / size))) }

// take returns the next n bytes.
func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// writer returns the i-th writer of the table.
func (r *reader) writer(i int64) uint64 {
	if i >= int64(len(r.writers)/8) {
		r.bad = true
		return 0
	}
	return binary.BigEndian.Uint64(r.writers[i*8:])
}

// end returns an error where something was bad, or bytes are left.
func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return errDamaged
	}
	return nil
}
