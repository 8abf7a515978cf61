package cluster

import (
	"context"
	"sync"
	"testing"
	"time"
)

// These tests tell for how long a deletion is remembered.

func TestADeletionIsRememberedForTheLifeOfItsOwnSession(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	session := func(set, end time.Duration) *stored {
		return &stored{deadline: at(end), dstamp: stamp{now.Add(set).UnixMicro(), 1}}
	}
	const h, day = time.Hour, 24 * time.Hour
	for _, c := range []struct {
		name string
		s    *stored
		want int64
	}{
		{"a session that was given an hour just now", session(0, h), at(2 * h)},
		{"a save under way may give it an hour from now", session(-h/2, h/2), at(2 * h)},
		{"it has ended, and such a save began before", session(-3*h, -2*h), at(2 * h)},
		{"another copy has a later end", join(session(-h, h), session(-2*h, 30*day)), at(30*day + 2*h)},
		{"it was given an earlier end, and a save under way may give it as much as it had", &stored{deadline: at(h), latest: at(2 * day), dstamp: stamp{now.Add(-day).UnixMicro(), 1}}, at(3*day + h)},
		{"who set the end was ahead of us", session(h/2, h), at(2 * h)},
		{"and so far ahead that it seems to have ended before", session(2*h, h), at(2 * h)},
		{"it has no end", &stored{deadline: maxDeadline, dstamp: stamp{1, 1}}, maxDeadline},
		{"nothing is known of it", nil, at(3*day + h)},
		{"it was deleted before", tombstone(at(h)), at(h)},
		{"it was deleted before, by one who did not see all copies", join(tombstone(at(h)), session(-h, 30*day)), at(30*day + h)},
		{"it was deleted before, and that is over", tombstone(at(-h)), at(3*day + h)},
	} {
		if got := rememberUntil(c.s, now, (3 * day).Milliseconds()); got != c.want {
			t.Errorf("%s: for %v, want %v", c.name, time.UnixMilli(got).Sub(now), time.UnixMilli(c.want).Sub(now))
		}
	}
}

func TestASessionWithoutEndMakesNoOtherDeletionLonger(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		forever := NewRecord("forever")
		forever.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		w.save(c, forever)
		w.load(c, "forever")
		for id, c := range map[string]*Cluster{"s": c, "of another instance": w.cluster(Config{Lifetime: 90 * 24 * time.Hour})} {
			r := NewRecord(id)
			r.Deadline = time.Now().Add(20 * time.Minute)
			w.save(c, r)
			w.delete(c, id)
			if s := w.on(w.rank(id)[0], id); s == nil || !s.destroyed || s.deadline > time.Now().Add(2*time.Hour).UnixMilli() {
				w.Errorf("%s could live for 20 minutes, and is remembered as %s", id, show(s))
			}
			time.Sleep(2 * time.Hour)
			if s := w.on(w.rank(id)[0], id); s != nil {
				w.Errorf("%s: the node still holds %s", id, show(s))
			}
		}
		w.delete(c, "unknown")
		if s := w.on(w.rank("unknown")[0], "unknown"); s == nil || s.deadline > time.Now().Add(401*24*time.Hour).UnixMilli() {
			w.Errorf("remembered as %s", show(s))
		}
	})
}

// A save moves the end of the session between the look of a deletion and its write: nobody but
// that request knows of the new end, and it may save until then.
func TestADeletionOutlivesASaveThatMovedTheEndUnseen(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		r := NewRecord("s")
		r.Deadline = time.Now().Add(10 * time.Hour)
		w.save(c, r)
		late := w.load(other, "s")
		time.Sleep(9 * time.Hour)
		var moved sync.Once // both writes wait for it
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb != "set" {
				return
			}
			moved.Do(func() {
				late.Deadline = time.Now().Add(10 * time.Hour)
				if err := other.Save(context.Background(), late); err != nil {
					w.Errorf("the save meanwhile: %v", err)
				}
			})
		})
		w.delete(c, "s")
		began := time.Now()
		for range 19 {
			late.Attrs["a"] = []byte(time.Now().String())
			late.Deadline = time.Now().Add(10 * time.Hour)
			if err := other.Save(context.Background(), late); !isErr(err, ErrDestroyed) {
				w.Fatalf("after %v: the save returns %v", time.Since(began), err)
			}
			late.snap.ended = false // as if it had not been told: a request that saves but once
			w.missing(c, "s", ErrNotFound)
			time.Sleep(time.Hour)
		}
	})
}
