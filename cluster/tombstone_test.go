package cluster

import (
	"context"
	"sync"
	"testing"
	"time"
)

// These tests tell for how long a tombstone lasts.

func TestSessionWithoutEndMakesNoOtherTombstoneLonger(t *testing.T) {
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
			if s := w.on(w.preference(id)[0], id); s == nil || !s.IsTombstone() || s.Deadline() > time.Now().Add(2*time.Hour).UnixMilli() {
				w.Errorf("%s could live for 20 minutes, and is remembered as %s", id, show(s))
			}
			time.Sleep(2 * time.Hour)
			if s := w.on(w.preference(id)[0], id); s != nil {
				w.Errorf("%s: the node still holds %s", id, show(s))
			}
		}
		w.delete(c, "unknown")
		if s := w.on(w.preference("unknown")[0], "unknown"); s == nil || s.Deadline() > time.Now().Add(401*24*time.Hour).UnixMilli() {
			w.Errorf("remembered as %s", show(s))
		}
	})
}

// A save moves the end of the session between the look of a deletion and its write: nobody but
// that request knows of the new end, and it may save until then.
func TestTombstoneOutlivesASaveThatMovedTheEndUnseen(t *testing.T) {
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
