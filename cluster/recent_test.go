package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func TestUnverifiedIDsAreLimitedAndDelayNoRealSession(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{UnknownPerSecond: 100})
		w.create(c, "real", "a=1")
		w.forget()
		var wg sync.WaitGroup
		var throttled, unknown atomic.Int64
		began := time.Now()
		for i := range 5000 {
			time.Sleep(time.Millisecond)
			wg.Go(func() {
				switch _, err := c.Load(context.Background(), fmt.Sprint("invented", i)); {
				case isErr(err, ErrNotFound):
					unknown.Add(1)
				case isErr(err, ErrUnavailable):
					throttled.Add(1)
				default:
					w.Error(err)
				}
			})
			if i%100 == 0 {
				before := time.Now()
				w.sees(c, "real", "a=1")
				if took := time.Since(before); took != 0 {
					w.Errorf("a real session waited %v", took)
				}
			}
		}
		wg.Wait()
		seconds := time.Since(began).Seconds()
		if got, most := float64(unknown.Load()), 100*(seconds+1)+1; got > most || got < most/2 {
			w.Errorf("%v wide reads in %.1f s, at 100 a second", got, seconds)
		}
		if s := c.Stats(); s.Throttled != uint64(throttled.Load()) || s.Throttled == 0 {
			w.Errorf("%d throttled, stats %+v", throttled.Load(), s)
		}
	})
}

// Wide reads must not fill the memory of the process by being remembered.
func TestTheMemoryOfWideReadsIsBounded(t *testing.T) {
	var w wideReads
	now := time.Now()
	for i := range 3 * mostRecent {
		key := record.KeyOf(fmt.Sprint("s", i))
		w.note(key, now)
		if w.at(key) != now {
			t.Fatalf("%d is not remembered", i)
		}
		if got := len(w.keys.young) + len(w.keys.old); got > mostRecent {
			t.Fatalf("%d keys after %d", got, i+1)
		}
	}
}

// A clock that is behind what was read gives each save a timestamp of its own.
func TestTimestampsOfOneProcessDiffer(t *testing.T) {
	var given timestamps
	now, key := time.Now(), record.KeyOf("s")
	read := record.Change(nil, nil, now.Add(time.Hour).UnixMilli(), record.Timestamp{Clock: now.Add(time.Minute).UnixMicro(), Writer: 1})
	first := given.next(key, read, now, 7)
	if second := given.next(key, read, now, 7); second.Clock <= first.Clock || first.Clock <= read.Newest() {
		t.Errorf("%v, then %v, after %v", first, second, read.Newest())
	}
	if other := given.next(record.KeyOf("t"), read, now, 7); other != first {
		t.Errorf("another session's timestamp is %v, want %v", other, first)
	}
}
