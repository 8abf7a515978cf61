package cluster

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These tests tell what becomes of a record whose clocks are ahead of all others: it would win
// every merge, and leave no later clock to a change.

func TestCopyWithTheLastOfAllClocksLosesNoChange(t *testing.T) {
	story(t, 3, func(w *world) {
		end := time.Now().Add(time.Hour).UnixMilli()
		for name, forged := range map[string]*record.Record{
			"a value":       liveAt(end, value("a", "forged", math.MaxInt64)),
			"a removal":     liveAt(end, removal("a", math.MaxInt64)),
			"the deadline":  recordOf(end-1000, record.Timestamp{Clock: math.MaxInt64, Writer: 9}),
			"the watermark": collectedUpTo(liveAt(end), math.MaxInt64),
			"a day ahead":   liveAt(end, value("b", "forged", time.Now().Add(24*time.Hour-time.Second).UnixMicro())),
		} {
			for home := range 2 {
				id := name + string(rune('0'+home))
				homes := w.preference(id)[:2]
				c, other := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(-20 * time.Minute) }})
				if name == "a day ahead" {
					other = w.cluster(Config{})
				}
				w.create(c, id, "a=1")
				w.put(homes[home], id, forged)
				r := w.load(c, id)
				if string(r.Attrs["a"]) != "1" || r.Deadline.UnixMilli() < end {
					w.Errorf("%s on home %d: loaded as %q until %v", name, home, r.Attrs, r.Deadline)
				}
				r.Attrs = map[string][]byte{"a": []byte("2")}
				w.save(c, r)
				if got := w.load(other, id); string(got.Attrs["a"]) != "2" || len(got.Attrs) != 1 {
					w.Errorf("%s on home %d: after a change another instance finds %q", name, home, got.Attrs)
				}
				w.holds(homes[0], id, "a=2")
				w.holds(homes[1], id, "a=2")
			}
		}
	})
}

// The clock of a process ran two days ahead and was set right. What it had loaded meanwhile
// would be damage to every reader.
func TestSaveByAClockTooFarAheadIsNotAcknowledged(t *testing.T) {
	story(t, 3, func(w *world) {
		var ahead atomic.Int64
		c := w.cluster(Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		ahead.Store(int64(48 * time.Hour))
		r := NewRecord("s")
		r.Deadline = time.Now().Add(72 * time.Hour)
		r.Attrs["a"] = []byte("1")
		w.save(c, r)
		ahead.Store(0)
		r.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), r); !errors.Is(err, ErrUnavailable) {
			w.Errorf("the save returns %v", err)
		}
		w.missing(c, "s", ErrNotFound)
		ahead.Store(int64(48 * time.Hour))
		if got := w.load(c, "s"); string(got.Attrs["a"]) != "1" {
			w.Errorf("it holds %q", got.Attrs)
		}
	})
}
