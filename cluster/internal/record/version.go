package record

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"sync"
	"time"
)

// This file decides what a client carries of a session, so that a copy of it can be proved to
// include all that the client has seen: the version.
//
// Records that stood on all targets are ordered: each includes those before it. So of two of them
// the one with the newer timestamp includes the other. A change that is not on the nodes yet has no
// place in that order. Its version is marked as pending: it names the process that has made the
// change, and the change's timestamp.

// Version says what a client has seen of one session.
type Version struct {
	// Clock is the newest clock of the record; of a pending version the newest clock among the
	// changes that its process has not written yet.
	Clock   int64
	Pending bool
	sum     uint32 // versionBits of a checksum of the record; of a pending version the process
}

// VersionLen is the length of a version as text.
const VersionLen = 16

// A version has 96 bits: a clock until the year 2112, one bit for pending, the sum, and a check that
// includes the session's key, so that the version of another session is none.
const (
	clockBits   = 52
	versionBits = 27
)

// Version is the version of a record that stood on all targets.
func (r *Record) Version(key Key) Version {
	buf := versionRoom.Get().(*[]byte)
	defer versionRoom.Put(buf)
	b, err := r.AppendTo((*buf)[:0], key, nil, math.MaxInt)
	if err != nil {
		return Version{} // without a limit and a seal there is no error
	}
	if cap(b) <= 64<<10 {
		*buf = b
	}
	return Version{Clock: r.Newest(), sum: binary.BigEndian.Uint32(b[len(b)-checksumSize:]) >> (32 - versionBits)}
}

var versionRoom = sync.Pool{New: func() any { return new([]byte) }}

// PendingVersion is the version of a record with changes by that process, up to that clock, that the
// nodes do not have yet.
func PendingVersion(writer uint64, clock int64) Version {
	return Version{Clock: clock, Pending: true, sum: processOf(writer)}
}

func processOf(writer uint64) uint32 { return uint32(writer >> (64 - versionBits)) }

// IsBy reports whether the version is a pending one of that process.
func (v Version) IsBy(writer uint64) bool { return v.Pending && v.sum == processOf(writer) }

// Text is what the client of the session with that key carries: VersionLen letters, digits, '-' and
// '_'.
func (v Version) Text(key Key) string {
	b := v.bits()
	binary.BigEndian.PutUint16(b[10:], versionCheck(key, b[:10]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (v Version) bits() (b [12]byte) {
	high := uint64(v.Clock) << (64 - clockBits)
	if v.Pending {
		high |= 1 << (63 - clockBits)
	}
	high |= uint64(v.sum >> 16)
	binary.BigEndian.PutUint64(b[:], high)
	binary.BigEndian.PutUint16(b[8:], uint16(v.sum))
	return b
}

// versionCheck is no protection: what a client forges it can only show to itself.
func versionCheck(key Key, bits []byte) uint16 {
	var room [len(key) + 10]byte
	return uint16(crc32.Checksum(append(append(room[:0], key[:]...), bits...), castagnoli))
}

// ParseVersion reads what the client of the session with that key has brought, at that time. Ok is
// false for what is no version of this session, and for one that no process can have made yet.
func ParseVersion(text string, key Key, now time.Time) (v Version, ok bool) {
	var b [12]byte
	if len(text) != VersionLen {
		return v, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text)); err != nil || n != len(b) {
		return v, false
	}
	if binary.BigEndian.Uint16(b[10:]) != versionCheck(key, b[:10]) {
		return v, false
	}
	high := binary.BigEndian.Uint64(b[:])
	v = Version{
		Clock:   int64(high >> (64 - clockBits)),
		Pending: high>>(63-clockBits)&1 == 1,
		sum:     uint32(high&(1<<(versionBits-16)-1))<<16 | uint32(binary.BigEndian.Uint16(b[8:])),
	}
	return v, v.Clock <= latestClock(now)
}

// Covers reports whether a record with the version v, which stood on all targets, includes the one
// with the version o, which did so too.
func (v Version) Covers(o Version) bool {
	return !v.Pending && !o.Pending && (v.Clock > o.Clock || v == o)
}

// Shows reports whether the record, which stands on all targets, holds what a client with that
// version has seen. For a pending version a change by its process must be in it that is not older:
// each one includes the ones before.
func (r *Record) Shows(v Version) bool {
	if r == nil {
		return false
	}
	if !v.Pending {
		return r.Newest() >= v.Clock
	}
	// Updates count on from a value, and take nothing along.
	has := func(t Timestamp) bool { return t.Clock >= v.Clock && v.IsBy(t.Writer) && !t.isUpdate() }
	return has(r.deadlineSet) || slices.ContainsFunc(r.attrs, func(a attribute) bool { return has(a.timestamp) })
}
