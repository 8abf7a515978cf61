package cluster

import (
	"context"
	"testing"
	"time"
)

// These stories tell that what was destroyed stays so.

func TestADeletedSessionIsGone(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.delete(c, "s")
		w.missing(c, "s", ErrNotFound)
		w.missing(other, "s", ErrNotFound)
		for _, n := range w.preference("s")[:2] {
			if s := w.on(n, "s"); s == nil || !s.IsTombstone() {
				w.Errorf("%s holds %s", n.ID(), show(s))
			}
		}
		w.delete(c, "s")
		w.delete(c, "never there")
	})
}

func TestDeleteRemovesTheCopiesBehindTheTargets(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		for _, n := range list {
			w.put(n, "s", liveAt(time.Now().Add(time.Hour).UnixMilli(), value("a", "1", 10)))
		}
		w.delete(c, "s")
		for i, n := range list {
			if s := w.on(n, "s"); (i < 4) != (s != nil && s.IsTombstone()) || (i >= 4) != (s != nil && !s.IsTombstone()) {
				w.Errorf("place %d holds %s", i, show(s))
			}
		}
	})
}

func TestASaveUnderWayDoesNotReviveADestroyedSession(t *testing.T) {
	for _, skew := range []time.Duration{0, 20 * time.Minute, -20 * time.Minute} {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
			w.create(c, "s", "a=1")
			late := w.load(other, "s")
			refresh := w.load(other, "s")
			w.delete(c, "s")
			late.Attrs["a"] = []byte("2")
			refresh.Deadline = refresh.Deadline.Add(time.Hour)
			for _, r := range []*Record{late, refresh, NewRecord("s")} {
				if err := other.Save(context.Background(), r); !isErr(err, ErrDestroyed) {
					w.Errorf("skew %v: save returns %v", skew, err)
				}
			}
			w.missing(c, "s", ErrNotFound)
			w.missing(other, "s", ErrNotFound)
			if got := other.Stats().Destroyed; got != 3 {
				w.Errorf("%d saves counted", got)
			}
		})
	}
}

// A cas that a hung node applies late meets a tombstone and loses.
func TestALateCasDoesNotReviveADestroyedSession(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		homes := w.preference("s")[:2]
		w.create(c, "s", "a=1")
		late := w.load(c, "s")
		late.Attrs["a"] = []byte("2")
		homes[0].Pause()
		w.save(c, late) // the primary has the cas and does not answer
		w.delete(other, "s")
		homes[0].Resume()
		time.Sleep(time.Second)
		for _, app := range []*Cluster{c, other} {
			w.until(app, homes[0], StateUp)
			w.missing(app, "s", ErrNotFound)
		}
		homes[1].Restart()
		for _, app := range []*Cluster{c, other} {
			w.missing(app, "s", ErrNotFound)
		}
	})
}

// The node that hung through the logout still has the session, and the other home node
// has lost its memory of the logout.
func TestFallbackHoldsTheTombstoneOfALogoutDuringAHang(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		homes := w.preference("s")[:2]
		w.create(c, "s", "a=1")
		homes[0].Pause()
		w.delete(c, "s")
		w.until(c, homes[0], StateDown)
		homes[0].Resume()
		homes[1].Restart()
		w.holds(homes[0], "s", "a=1")
		w.missing(other, "s", ErrNotFound)
		w.until(c, homes[0], StateUp)
		w.missing(c, "s", ErrNotFound)
		// And they have spread it.
		for _, n := range homes {
			if s := w.on(n, "s"); s == nil || !s.IsTombstone() {
				w.Errorf("%s holds %s", n.ID(), show(s))
			}
		}
	})
}

func TestTombstoneLastsAsLongAsTheSessionWouldLive(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Lifetime: time.Minute})
		r := NewRecord("s")
		r.Deadline = time.Now().Add(100 * 24 * time.Hour)
		w.save(c, r)
		other := w.cluster(Config{Lifetime: time.Minute})
		w.delete(other, "s") // an instance that has not seen how long it lives
		if s := w.on(w.preference("s")[0], "s"); s == nil || s.Deadline() < r.Deadline.UnixMilli() {
			w.Errorf("remembered as %s, the session lives until %d", show(s), r.Deadline.UnixMilli())
		}
		// A save may be under way whose copy nobody sees yet.
		w.delete(c, "unknown")
		if s := w.on(w.preference("unknown")[0], "unknown"); s == nil || s.Deadline() < r.Deadline.UnixMilli()-1 {
			w.Errorf("remembered as %s", show(s))
		}
	})
}

func TestTombstoneOfASessionWithoutEndIsNotShorter(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := NewRecord("forever")
		r.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		w.save(c, r)
		time.Sleep(time.Minute) // now and the longest life end behind the format's last day
		for _, id := range []string{"unknown", "forever"} {
			w.delete(c, id)
			s := w.on(w.preference(id)[0], id)
			if s == nil || !s.IsTombstone() || s.Deadline() < time.Now().Add(24*time.Hour).UnixMilli() {
				w.Errorf("%s: remembered as %s", id, show(s))
			}
			w.missing(c, id, ErrNotFound)
		}
	})
}

func TestDeleteWithOneNodeUpHolds(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[1].Kill()
		list[2].Kill()
		w.delete(c, "s")
		list[1].Restart()
		list[2].Restart()
		w.missing(other, "s", ErrNotFound)
		list[0].Restart() // the repair has put it on the backup
		w.missing(other, "s", ErrNotFound)
		if s := w.on(list[1], "s"); s == nil || !s.IsTombstone() {
			w.Errorf("the backup holds %s", show(s))
		}
	})
}
