package memcached

import (
	"testing"
	"time"
)

func TestTTL(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_500)
	const day = 24 * 60 * 60
	for _, c := range []struct {
		why  string
		left time.Duration
		want int32
	}{
		{"a second more, because the server may drop it most of one early", 10 * time.Second, 11},
		{"part of a second counts whole", 10*time.Second + time.Millisecond, 12},
		{"one millisecond left", time.Millisecond, 2},
		{"over: gone soon, and never 0, which is forever", 0, 1},
		{"long over: and never negative", -time.Hour, 1},
		{"the longest that counts from now", 30*day*time.Second - time.Second, 30 * day},
		{"longer must be absolute: it would be 1970", 30 * day * time.Second, 1_700_000_000 + 30*day + 1},
		{"400 days", 400 * day * time.Second, 1_700_000_000 + 400*day + 1},
		{"beyond the year 2038 a server's field ends", 20 * 365 * day * time.Second, 1<<31 - 1},
	} {
		if got := TTL(now.Add(c.left).UnixMilli(), now); got != c.want {
			t.Errorf("%s: %v left is %d, want %d", c.why, c.left, got, c.want)
		}
	}
	if got := TTL(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli(), now); got != 1<<31-1 {
		t.Errorf("the year 9999: %d", got)
	}
	// From then on no time after the next 30 days can be written.
	for _, last := range []time.Time{time.Unix(1<<31-1, 0), time.Unix(1<<31-100, 0), time.Date(2106, 2, 8, 0, 0, 0, 0, time.UTC)} {
		if got := TTL(last.Add(400*day*time.Second).UnixMilli(), last); got != 30*day {
			t.Errorf("400 days in %d: %d, want the longest that counts from now", last.Year(), got)
		}
	}
	if got := TTL(-1<<62, now); got != 1 {
		t.Errorf("long before 1970: %d", got)
	}
}
