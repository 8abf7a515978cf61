package record

import (
	"cmp"
	"time"
)

// This file decides which of two writes is the newer one.

// Timestamp says when and by whom something was written.
type Timestamp struct {
	// Clock is in microseconds since 1970. It runs ahead of the wall clock where it has to stay
	// above everything that the writer had read: a hybrid logical clock (Kulkarni et al.,
	// "Logical Physical Clocks", 2014), kept per record.
	Clock int64
	// Writer names the process that wrote. Of two equal clocks the higher writer wins.
	Writer uint64
}

func (t Timestamp) compare(o Timestamp) int {
	return cmp.Or(cmp.Compare(t.Clock, o.Clock), cmp.Compare(t.Writer, o.Writer))
}

// maxAhead is how far a record's clock may be ahead of its reader's. Clocks that are kept at all
// do not differ by so much. Such a clock is damage, or a forgery that would win every merge; and
// after a clock at the end of all numbers no change could have a later one. A process counts on
// from what it has read, one microsecond at a time, so honest processes never reach the limit.
const maxAhead = 24 * time.Hour

// latestClock is the highest clock that a reader takes at that moment.
func latestClock(now time.Time) int64 { return now.Add(maxAhead).UnixMicro() }
