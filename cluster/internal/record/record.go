package record

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// This file decides what a record holds, and what it says to those who ask.

// Record is a session, or its tombstone, as a node holds it. It is never changed once built.
type Record struct {
	tombstone   bool
	deadline    int64     // ms since 1970; of a tombstone: until when it is kept
	deadlineSet Timestamp // of the save that set the deadline; zero for a tombstone
	// latestEnd, in ms, is the latest deadline that the session ever had, where that is later than
	// its deadline (latest.go). Zero means that it is not.
	latestEnd int64
	// deadlineCap, in ms, is set for a session that was read without a seal: no deadline may be
	// later (unsealed.go). Zero means none.
	deadlineCap int64
	// watermark is the GC watermark: the clock up to which attribute tombstones have been
	// collected. An attribute that is not listed counts as removed at this clock. Without it, a
	// merge could not tell "removed long ago" from "never heard of".
	watermark int64
	attrs     []attribute // sorted by name
}

// Tombstone is the record of a destroyed session. It wins every merge with a session. It is kept
// until that time, in ms since 1970.
func Tombstone(until int64) *Record { return &Record{tombstone: true, deadline: until} }

// attribute is one version of a named value, or its attribute tombstone.
type attribute struct {
	name      string
	timestamp Timestamp
	tombstone bool   // the attribute was removed
	at        uint32 // where the value begins in the bytes that it was decoded from; 0: not known
	value     []byte // nil for an attribute tombstone
}

// compare orders two versions of one attribute. The order is total, or merges could disagree: on
// equal timestamps an attribute tombstone beats a value, and of two values the larger bytes win.
func (a attribute) compare(b attribute) int {
	if c := a.timestamp.compare(b.timestamp); c != 0 {
		return c
	}
	if a.tombstone != b.tombstone {
		if a.tombstone {
			return 1
		}
		return -1
	}
	return bytes.Compare(a.value, b.value)
}

// unlisted is the version of an attribute that the record does not list.
func (r *Record) unlisted(name string) attribute {
	return attribute{name: name, timestamp: Timestamp{Clock: r.watermark}, tombstone: true}
}

// find returns the attribute's index, or where it would be.
func (r *Record) find(name string) (int, bool) {
	return slices.BinarySearchFunc(r.attrs, name, func(a attribute, name string) int {
		return cmp.Compare(a.name, name)
	})
}

// IsTombstone reports whether the session was destroyed. Nil is no tombstone.
func (r *Record) IsTombstone() bool { return r != nil && r.tombstone }

// Live reports whether the record is a session at that moment: it was not destroyed, and its
// deadline has not passed. Nil is not live.
func (r *Record) Live(now time.Time) bool {
	return r != nil && !r.tombstone && now.UnixMilli() < r.deadline
}

// Deadline is when the session ends, in ms since 1970. A tombstone is kept until its deadline.
func (r *Record) Deadline() int64 { return r.deadline }

// DeadlineSetAt reports whether the save with that timestamp has set the deadline.
func (r *Record) DeadlineSetAt(at Timestamp) bool { return r.deadlineSet == at }

// DeadlineSetAfter reports whether a later save has set r's deadline than o's.
func (r *Record) DeadlineSetAfter(o *Record) bool { return r.deadlineSet.compare(o.deadlineSet) > 0 }

// CapDeadline returns the deadline, or the record's deadline cap where that is earlier. Nil has
// no cap.
func (r *Record) CapDeadline(deadline int64) int64 {
	if r == nil || r.deadlineCap == 0 {
		return deadline
	}
	return min(deadline, r.deadlineCap)
}

// capBy lowers the record's deadline cap, and with it the deadline. It is for records that are
// still being built.
func (r *Record) capBy(until int64) {
	r.deadlineCap = earlierCap(r.deadlineCap, until)
	r.deadline = r.CapDeadline(r.deadline)
}

// earlierCap is the earlier of two deadline caps; zero means none.
func earlierCap(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// Newest is the highest clock in the record, and zero for nil.
func (r *Record) Newest() int64 {
	if r == nil {
		return 0
	}
	n := max(r.deadlineSet.Clock, r.watermark)
	for i := range r.attrs {
		n = max(n, r.attrs[i].timestamp.Clock)
	}
	return n
}

// IsAhead reports whether a reader whose clock shows now would take the record for damage: its
// newest clock is too far ahead.
func (r *Record) IsAhead(now time.Time) bool { return r.Newest() > latestClock(now) }

// Values returns the app's attributes that have a value. The values are copies: the app may write into
// them, and the record must not change.
func (r *Record) Values() map[string][]byte {
	m := make(map[string][]byte, len(r.attrs))
	size := 0
	for i := range r.attrs {
		size += len(r.attrs[i].value)
	}
	buf := make([]byte, 0, size)
	for i := range r.attrs {
		if a := &r.attrs[i]; !a.tombstone && !IsReserved(a.name) {
			n := len(buf)
			buf = append(buf, a.value...)
			m[a.name] = buf[n:len(buf):len(buf)]
		}
	}
	return m
}

// ValuesFrom returns what Values does. Where b is equal to the bytes that the record was decoded from, the
// values are cut from b and not copied: the app may write into b from then on.
func (r *Record) ValuesFrom(b []byte) map[string][]byte {
	if !r.isCutFrom(b) {
		return r.Values()
	}
	m := make(map[string][]byte, len(r.attrs))
	for i := range r.attrs {
		if a := &r.attrs[i]; !a.tombstone && !IsReserved(a.name) {
			end := int(a.at) + len(a.value)
			m[a.name] = b[a.at:end:end]
		}
	}
	return m
}

// isCutFrom reports whether all values lie in b where they lay in what the record was decoded from. They
// never do in the bytes of a sealed record.
func (r *Record) isCutFrom(b []byte) bool {
	for i := range r.attrs {
		a := &r.attrs[i]
		end := int(a.at) + len(a.value)
		if !a.tombstone && (a.at == 0 || end > len(b) || !bytes.Equal(b[a.at:end], a.value)) {
			return false
		}
	}
	return true
}

// Reserved returns the value of a reserved attribute, which the caller must not change. Ok is false
// where the record, which may be nil, has none.
func (r *Record) Reserved(name string) (value []byte, ok bool) {
	if r == nil || len(r.attrs) == 0 || r.attrs[0].name > name { // most records have none
		return nil, false
	}
	i, listed := r.find(name)
	if !listed || r.attrs[i].tombstone {
		return nil, false
	}
	return r.attrs[i].value, true
}

// Equal reports whether two records say the same. Nil equals nil only.
func (r *Record) Equal(o *Record) bool {
	if r == o {
		return true
	}
	if r == nil || o == nil || r.tombstone != o.tombstone || r.deadline != o.deadline ||
		r.deadlineSet != o.deadlineSet || r.watermark != o.watermark || r.deadlineCap != o.deadlineCap || r.latestEnd != o.latestEnd || len(r.attrs) != len(o.attrs) {
		return false
	}
	for i := range r.attrs {
		if r.attrs[i].name != o.attrs[i].name || r.attrs[i].compare(o.attrs[i]) != 0 {
			return false
		}
	}
	return true
}

// MaxDeadline is the last millisecond of the year 9999, which time.UnixMilli and the record
// format carry without overflow.
const MaxDeadline = int64(253402300799999)

// DeadlineOf is the time in ms since 1970, between 0 and MaxDeadline. It rounds up, so that a
// session never ends before the time that it was promised.
func DeadlineOf(t time.Time) int64 {
	secs := min(max(t.Unix(), -1), MaxDeadline/1000) // UnixMilli alone could overflow
	ms := secs*1000 + (int64(t.Nanosecond())+999_999)/1e6
	return min(max(ms, 0), MaxDeadline)
}
