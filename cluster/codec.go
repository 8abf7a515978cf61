package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"time"
)

// This file decides what a record looks like in memcached:
//
//	magic 'h', version, flags, 16 bytes of the key's hash      header
//	newest clock, floor, deadline and its stamp                varints, clocks
//	writers: count, 8 bytes each                               relative to the newest
//	attributes: count, then name, clock, writer, value each    sorted by name
//	CRC-32C of all before                                      4 bytes
//
// What stands between header and checksum is sealed where there are seal keys
// (seal.go). Header and checksum stay where they are in every version. A session that came
// without a seal, or was given an earlier end, has one more removed attribute, a mark (marks.go).
// Equal records have equal bytes, so two writers that arrive at the same join
// write the same copy. Everything here is pure.
//
// A reader takes nothing that cannot be: lengths and counts are checked against the bytes that
// are left, and clocks against the reader's own.

const (
	formatMagic   = 'h'
	formatVersion = 1
	flagDestroyed = 1 << 0
	flagSealed    = 1 << 1
	headerSize    = 3 + keyHashSize
	keyHashSize   = 16
	checksumSize  = 4
)

var (
	errDamaged  = errors.New("damaged record")
	errAhead    = fmt.Errorf("%w: its clock is more than a day ahead of this machine's", errDamaged)
	errOtherKey = errors.New("record belongs to another key")
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// mostAhead is how far a record's clock may be ahead of its reader's. No two clocks that are
// kept at all differ by so much: it is damage, or a lie that would win every merge, and a
// clock at the end of all numbers leaves no later one to a change. A process counts on from
// what it has read, one microsecond at a time, and so gets there no sooner than time does.
const mostAhead = 24 * time.Hour

// latestClock is the highest clock that is no damage to a reader at that moment.
func latestClock(now time.Time) int64 { return now.Add(mostAhead).UnixMicro() }

// encode returns the bytes of s under the key with that hash. A nil sealer leaves
// them plain.
func (s *stored) encode(key keyHash, seal *sealer) ([]byte, error) {
	return s.appendTo(nil, key, seal, math.MaxInt)
}

// appendTo is encode into an empty buffer, which grows where it has to. A record that takes
// more than most bytes is ErrTooLarge, before any of them is written.
func (s *stored) appendTo(b []byte, key keyHash, seal *sealer, most int) ([]byte, error) {
	var table writerTable
	attrs := s.marked()
	size, err := s.sizeUpTo(most, attrs, seal, &table)
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b, size)
	flags := byte(0)
	if s.destroyed {
		flags |= flagDestroyed
	}
	b = append(b, formatMagic, formatVersion, flags)
	b = append(b, key[:keyHashSize]...)
	if seal == nil {
		b = s.appendBody(b, attrs, &table)
	} else {
		b[2] |= flagSealed
		body := encoded.Get().(*[]byte)
		*body = s.appendBody((*body)[:0], attrs, &table)
		b, err = seal.seal(b, *body, key)
		keep(body)
		if err != nil {
			return nil, err
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// sizeUpTo is how many bytes appendTo appends, or ErrTooLarge where these are more than most. The
// attributes are those of marked. It fills the empty table.
func (s *stored) sizeUpTo(most int, attrs []attribute, seal *sealer, table *writerTable) (int, error) {
	size := headerSize + s.bodySize(attrs, table) + checksumSize
	if seal != nil {
		size += sealOverhead
	}
	if size > most {
		return 0, fmt.Errorf("%w: %d bytes encoded, the limit is %d (MaxRecordBytes)", ErrTooLarge, size, most)
	}
	return size, nil
}

// bodySize is how many bytes appendBody appends for these attributes, which are those of
// marked. It fills the empty table.
func (s *stored) bodySize(attrs []attribute, table *writerTable) int {
	newest := s.newest()
	size := uvarintSize(newest) + uvarintSize(newest-s.floor) + uvarintSize(s.deadline)
	if s.destroyed {
		return size
	}
	table.place(s.dstamp.writer)
	size += uvarintSize(newest-s.dstamp.clock) + uvarintSize(int64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		size += uvarintSize(int64(len(a.name))) + len(a.name) + uvarintSize(newest-a.stamp.clock)
		size += uvarintSize(int64(table.place(a.stamp.writer)) << 1)
		if !a.removed {
			size += uvarintSize(int64(len(a.value))) + len(a.value)
		}
	}
	return size + uvarintSize(int64(table.size)) + 8*table.size
}

// uvarintSize is how many bytes binary.AppendUvarint appends for n.
func uvarintSize(n int64) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// appendBody appends what stands between header and checksum. The attributes and
// the table are those of bodySize.
func (s *stored) appendBody(b []byte, attrs []attribute, table *writerTable) []byte {
	newest := s.newest()
	b = binary.AppendUvarint(b, uint64(newest))
	b = binary.AppendUvarint(b, uint64(newest-s.floor))
	b = binary.AppendUvarint(b, uint64(s.deadline))
	if s.destroyed {
		return b
	}
	b = binary.AppendUvarint(b, uint64(table.size))
	for i := range table.size {
		b = binary.BigEndian.AppendUint64(b, table.writer(i))
	}
	b = binary.AppendUvarint(b, uint64(newest-s.dstamp.clock)) // its writer is the table's first
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		b = binary.AppendUvarint(b, uint64(len(a.name)))
		b = append(b, a.name...)
		b = binary.AppendUvarint(b, uint64(newest-a.stamp.clock))
		w := uint64(table.place(a.stamp.writer)) << 1
		if a.removed {
			b = binary.AppendUvarint(b, w|1)
			continue
		}
		b = binary.AppendUvarint(b, w)
		b = binary.AppendUvarint(b, uint64(len(a.value)))
		b = append(b, a.value...)
	}
	return b
}

// decode reads a record that was found under the key with that hash at that moment. The
// values alias b. The error is errDamaged, errOtherKey, ErrVersion or ErrSealed.
func decode(b []byte, key keyHash, seal *sealer, now time.Time) (*stored, error) {
	if len(b) < headerSize+checksumSize || b[0] != formatMagic {
		return nil, errDamaged
	}
	body, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	if binary.BigEndian.Uint32(sum) != crc32.Checksum(body, castagnoli) {
		return nil, errDamaged
	}
	if b[1] != formatVersion || b[2]&^(flagDestroyed|flagSealed) != 0 {
		return nil, fmt.Errorf("%w (format %d, flags %#x; this version reads format %d)", ErrVersion, b[1], b[2], formatVersion)
	}
	if !bytes.Equal(b[3:headerSize], key[:keyHashSize]) {
		return nil, errOtherKey
	}
	plain := body[headerSize:]
	switch sealed := b[2]&flagSealed != 0; {
	case sealed && seal == nil:
		return nil, fmt.Errorf("%w: there are no SealKeys", ErrSealed)
	case sealed:
		var err error
		if plain, err = seal.open(body, key); err != nil {
			return nil, err
		}
	case seal != nil && !seal.allowUnsealed:
		return nil, errUnsealed
	}
	s, err := decodeBody(plain, b[2]&flagDestroyed != 0, latestClock(now))
	if err != nil {
		return nil, err
	}
	s.takeMarks()
	return s, nil
}

func decodeBody(b []byte, destroyed bool, latest int64) (*stored, error) {
	r := &reader{b: b}
	s := &stored{destroyed: destroyed}
	newest := r.upTo(math.MaxInt64) // no clock in the record is above it
	if newest > latest {
		return nil, errAhead
	}
	s.floor = newest - r.upTo(newest)
	s.deadline = r.upTo(maxDeadline)
	if destroyed {
		return s, r.end()
	}
	r.writers = r.take(8 * r.count(8))
	s.dstamp = stamp{newest - r.upTo(newest), r.writer(0)}
	n := r.count(3)
	s.attrs = make([]attribute, 0, min(n, 64))
	// All names are cut from one string: one allocation instead of one each.
	var nameRoom [512]byte
	var endRoom [32]int
	names, ends, last := nameRoom[:0], endRoom[:0], []byte(nil)
	for i := 0; i < n && !r.bad; i++ {
		var a attribute
		name := r.take(r.count(1))
		a.stamp.clock = newest - r.upTo(newest)
		w := r.upTo(math.MaxInt64)
		a.stamp.writer, a.removed = r.writer(w>>1), w&1 == 1
		if !a.removed {
			a.value = r.take(r.count(1))
		}
		if i > 0 && bytes.Compare(last, name) >= 0 || a.compare(s.forgotten("")) == 0 {
			r.bad = true // not what encode writes: joins rely on the order
		}
		names, last = append(names, name...), name
		ends = append(ends, len(names))
		s.attrs = append(s.attrs, a)
	}
	all, begin := string(names), 0
	for i, end := range ends {
		s.attrs[i].name, begin = all[begin:end], end
	}
	return s, r.end()
}

// reader takes a record's bytes apart. It trusts no length: a count is checked
// against the bytes that remain before anything is allocated. After the first
// thing that cannot be it is bad and returns zeroes.
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

func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return errDamaged
	}
	return nil
}
