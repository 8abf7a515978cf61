package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
)

// This file decides how a record is written (format.go).

// Encode returns the record's bytes under that key. A nil Sealer leaves them plain.
func (r *Record) Encode(key Key, seal *Sealer) ([]byte, error) {
	return r.AppendTo(nil, key, seal, math.MaxInt)
}

// AppendTo is Encode into the empty buffer b, which grows where it has to. A record that takes
// more than most bytes is ErrTooLarge, before any of them is written. Another error means that
// there were no random bytes, or no cipher.
func (r *Record) AppendTo(b []byte, key Key, seal *Sealer, most int) ([]byte, error) {
	var table writerTable
	attrs := r.marked()
	size, err := r.sizeUpTo(most, attrs, seal, &table)
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b, size)
	flags := byte(0)
	if r.tombstone {
		flags |= flagTombstone
	}
	if seal != nil {
		flags |= flagSealed
	}
	b = append(b, formatMagic, formatVersion, flags)
	b = append(b, key[:keyPrefixSize]...)
	if seal == nil {
		b = r.appendBody(b, attrs, &table)
	} else {
		if b, err = seal.begin(b); err != nil {
			return nil, err
		}
		if b, err = seal.finish(r.appendBody(b, attrs, &table), key); err != nil {
			return nil, err
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// CheckSize returns ErrTooLarge for a record that takes more than most bytes.
func (r *Record) CheckSize(seal *Sealer, most int) error {
	var table writerTable
	_, err := r.sizeUpTo(most, r.marked(), seal, &table)
	return err
}

// sizeUpTo is how many bytes AppendTo appends, or ErrTooLarge where they are more than most. The
// attributes are those of marked. It fills the empty table.
func (r *Record) sizeUpTo(most int, attrs []attribute, seal *Sealer, table *writerTable) (int, error) {
	size := headerSize + r.bodySize(attrs, table) + checksumSize
	if seal != nil {
		size += sealOverhead
	}
	if size > most {
		return 0, fmt.Errorf("%w: %d bytes encoded, the limit is %d (MaxRecordBytes)", ErrTooLarge, size, most)
	}
	return size, nil
}

// bodySize is how many bytes appendBody appends for the attributes, which are those of marked. It
// fills the empty table.
func (r *Record) bodySize(attrs []attribute, table *writerTable) int {
	newest := r.Newest()
	size := uvarintSize(newest) + uvarintSize(newest-r.watermark) + uvarintSize(r.deadline)
	if r.tombstone {
		return size
	}
	table.place(r.deadlineSet.Writer)
	size += uvarintSize(newest-r.deadlineSet.Clock) + uvarintSize(int64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		size += uvarintSize(int64(len(a.name))) + len(a.name) + uvarintSize(newest-a.timestamp.Clock)
		size += uvarintSize(int64(table.place(a.timestamp.Writer)) << 1)
		if !a.tombstone {
			size += uvarintSize(int64(len(a.value))) + len(a.value)
		}
	}
	return size + uvarintSize(int64(table.size)) + 8*table.size
}

// uvarintSize is how many bytes binary.AppendUvarint appends for n.
func uvarintSize(n int64) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// appendBody appends the body. The attributes and the table are those of bodySize.
func (r *Record) appendBody(b []byte, attrs []attribute, table *writerTable) []byte {
	newest := r.Newest()
	b = binary.AppendUvarint(b, uint64(newest))
	b = binary.AppendUvarint(b, uint64(newest-r.watermark))
	b = binary.AppendUvarint(b, uint64(r.deadline))
	if r.tombstone {
		return b
	}
	b = binary.AppendUvarint(b, uint64(table.size))
	for i := range table.size {
		b = binary.BigEndian.AppendUint64(b, table.writer(i))
	}
	b = binary.AppendUvarint(b, uint64(newest-r.deadlineSet.Clock)) // its writer is the table's first
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		a := &attrs[i]
		b = binary.AppendUvarint(b, uint64(len(a.name)))
		b = append(b, a.name...)
		b = binary.AppendUvarint(b, uint64(newest-a.timestamp.Clock))
		w := uint64(table.place(a.timestamp.Writer)) << 1
		if a.tombstone {
			b = binary.AppendUvarint(b, w|1)
			continue
		}
		b = binary.AppendUvarint(b, w)
		b = binary.AppendUvarint(b, uint64(len(a.value)))
		b = append(b, a.value...)
	}
	return b
}
