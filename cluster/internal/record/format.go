package record

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// This file decides what a record looks like in memcached:
//
//	magic 'h', version, flags, 16 bytes of the key             header
//	newest clock, GC watermark, deadline and its timestamp     varints; clocks count
//	writers: count, 8 bytes each                               back from the newest
//	attributes: count, then name, clock, writer, value each    sorted by name
//	CRC-32C of everything before                               4 bytes
//
// The part between header and checksum is the body; with seal keys it is sealed (seal.go). Header
// and checksum stay where they are in every version. A record may have
// more attribute tombstones than the app has removed attributes: its marks (marks.go).

const (
	formatMagic   = 'h'
	formatVersion = 1
	flagTombstone = 1 << 0
	flagSealed    = 1 << 1
	headerSize    = 3 + keyPrefixSize
	keyPrefixSize = 16
	checksumSize  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// What is wrong with bytes that were read, or with a record that is to be written. The texts are
// those of package cluster, which hands out ErrVersion, ErrSealed and ErrTooLarge as its own.
var (
	// ErrTooLarge: the record takes more bytes than it may.
	ErrTooLarge = errors.New("cluster: session too large")
	// ErrVersion: the record has a format that this version cannot read.
	ErrVersion = errors.New("cluster: record was written by a newer version")
	// ErrSealed: the record cannot be opened with the seal keys. ErrTampered and ErrUnsealed are
	// cases of it in which no other seal key would help.
	ErrSealed = errors.New("cluster: record cannot be opened")
	// ErrTampered: the record names one of the seal keys and was not sealed with it. No other key
	// will open it, so another copy may take its place.
	ErrTampered = fmt.Errorf("%w: it was changed or moved since it was sealed", ErrSealed)
	// ErrUnsealed: the record has no seal. Nobody who has the keys has written it, so another copy
	// may take its place.
	ErrUnsealed = fmt.Errorf("%w: it is not sealed", ErrSealed)

	errDamaged  = errors.New("damaged record")
	errAhead    = fmt.Errorf("%w: its clock is more than a day ahead of this machine's", errDamaged)
	errOtherKey = errors.New("record belongs to another key")
)
