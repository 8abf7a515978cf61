package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
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
// without a seal has one more removed attribute, its mark (unsealed.go).
// Equal records have equal bytes, so two writers that arrive at the same join
// write the same copy. Everything here is pure.

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
	errOtherKey = errors.New("record belongs to another key")
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// encode returns the bytes of s under the key with that hash. A nil sealer leaves
// them plain.
func (s *stored) encode(key keyHash, seal *sealer) ([]byte, error) {
	return s.appendTo(nil, key, seal)
}

// appendTo is encode into an empty buffer, which grows where it has to.
func (s *stored) appendTo(b []byte, key keyHash, seal *sealer) ([]byte, error) {
	size := headerSize + sealOverhead + checksumSize + 64
	for i := range s.attrs {
		size += len(s.attrs[i].name) + len(s.attrs[i].value) + 24
	}
	b = slices.Grow(b, size)
	flags := byte(0)
	if s.destroyed {
		flags |= flagDestroyed
	}
	b = append(b, formatMagic, formatVersion, flags)
	b = append(b, key[:keyHashSize]...)
	if seal == nil {
		b = s.appendBody(b)
	} else {
		b[2] |= flagSealed
		body := encoded.Get().(*[]byte)
		*body = s.appendBody((*body)[:0])
		var err error
		b, err = seal.seal(b, *body, key)
		keep(body)
		if err != nil {
			return nil, err
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

func (s *stored) appendBody(b []byte) []byte {
	newest := s.newest()
	b = binary.AppendUvarint(b, uint64(newest))
	b = binary.AppendUvarint(b, uint64(newest-s.floor))
	b = binary.AppendUvarint(b, uint64(s.deadline))
	if s.destroyed {
		return b
	}
	writers := make([]uint64, 0, 8)
	index := func(w uint64) uint64 {
		i := slices.Index(writers, w)
		if i < 0 {
			i = len(writers)
			writers = append(writers, w)
		}
		return uint64(i)
	}
	attrs := s.marked()
	index(s.dstamp.writer)
	for i := range attrs {
		index(attrs[i].stamp.writer)
	}
	b = binary.AppendUvarint(b, uint64(len(writers)))
	for _, w := range writers {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	b = binary.AppendUvarint(b, uint64(newest-s.dstamp.clock)) // its writer is the table's first
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		b = binary.AppendUvarint(b, uint64(len(a.name)))
		b = append(b, a.name...)
		b = binary.AppendUvarint(b, uint64(newest-a.stamp.clock))
		w := index(a.stamp.writer) << 1
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

// decode reads a record that was found under the key with that hash. The values
// alias b. The error is errDamaged, errOtherKey, ErrVersion or ErrSealed.
func decode(b []byte, key keyHash, seal *sealer) (*stored, error) {
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
	s, err := decodeBody(plain, b[2]&flagDestroyed != 0)
	if err != nil {
		return nil, err
	}
	s.takeMarks()
	return s, nil
}

func decodeBody(b []byte, destroyed bool) (*stored, error) {
	r := &reader{b: b}
	s := &stored{destroyed: destroyed}
	newest := r.upTo(math.MaxInt64)
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
