package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tests what a read finds after a home node was away for a moment and has kept its
// memory: the copy that a fallback got meanwhile is an orphan now.

// hangsInARead has the primary hang while the session is read: a copy of it lies on a
// fallback then, for as long as the session was to last, and both home nodes hold the same.
func (w *world) hangsInARead(c *Cluster, lasts time.Duration) {
	w.Helper()
	r := NewRecord("s")
	r.Attrs, r.Deadline = attrsOf("a=1"), time.Now().Add(lasts)
	w.save(c, r)
	list := w.preference("s")
	list[0].Pause()
	w.sees(c, "s", "a=1")
	w.holds(list[2], "s", "a=1")
	list[0].Resume()
	w.until(c, list[0], StateUp)
}

// A session that has ended stays ended: no copy behind the home nodes outlives it, also
// where who gives it an earlier end has not noticed that a node was away.
func TestOrphanDoesNotOutliveAnEarlierEnd(t *testing.T) {
	for name, v := range map[string]struct {
		lasts    time.Duration
		snapshot bool
		noticed  bool
	}{
		"of an hour":                       {time.Hour, true, true},
		"of an hour, without a snapshot":   {time.Hour, false, true},
		"of less than a minute":            {50 * time.Second, true, true},
		"unnoticed":                        {time.Hour, true, false},
		"unnoticed, without a snapshot":    {time.Hour, false, false},
		"unnoticed, of less than a minute": {50 * time.Second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{})
				w.hangsInARead(c, v.lasts)
				if !v.noticed {
					c = w.cluster(Config{})
				}
				r := NewRecord("s")
				if v.snapshot {
					r = w.load(c, "s")
				}
				r.Attrs, r.Deadline = attrsOf("b=2"), time.Now().Add(2*time.Second)
				w.save(c, r)
				for range 20 {
					time.Sleep(time.Second)
					if !time.Now().After(r.Deadline) {
						continue
					}
					if got, err := c.Load(context.Background(), "s"); !errors.Is(err, ErrNotFound) {
						w.Fatalf("%v after its end: %q until %v, %v", time.Since(r.Deadline), got.Attrs, got.Deadline, err)
					}
				}
			})
		})
	}
}

// Home nodes that hold the same record do not show that a fallback took the place of one of them
// meanwhile. What the fallback holds must not be taken for the session when both homes are gone.
func TestOrphanIsFoundWhenTheHomesAgree(t *testing.T) {
	for name, v := range map[string]struct {
		fail func(*testenv.Node)
		want error
	}{
		"the homes hang":          {(*testenv.Node).Pause, ErrUnavailable},
		"the homes restart empty": {(*testenv.Node).Restart, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{})
				w.hangsInARead(c, time.Hour)
				time.Sleep(10 * time.Minute)
				w.change(c, "s", "a", "2")
				time.Sleep(20 * time.Minute)
				list := w.preference("s")
				v.fail(list[0])
				v.fail(list[1])
				w.missing(c, "s", v.want)
			})
		})
	}
}

// The same where the primary was suspect, and never down.
func TestOrphanOfASuspectHomeIsFoundWhenTheHomesAgree(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[0].Pause()
		w.sees(c, "s", "a=1")
		w.holds(list[2], "s", "a=1")
		if got := stateOf(c, list[0]); got != StateSuspect {
			w.Fatalf("the primary is %v", got)
		}
		list[0].Resume()
		w.until(c, list[0], StateUp)
		time.Sleep(time.Minute)
		w.change(c, "s", "a", "2")
		w.expires(list[2], "s")
	})
}

// An orphan is kept for a minute. What is found there in that time, both homes being gone, is
// what was saved when it was expired.
func TestExpiringOrphanHoldsTheSavedRecord(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.hangsInARead(c, time.Hour)
		w.create(c, "s", "a=2")
		list := w.preference("s")
		w.holds(list[2], "s", "a=2")
		list[0].Restart()
		list[1].Restart()
		w.sees(c, "s", "a=2")
	})
}

// Nor when the session was saved before it was next loaded: by the request that had loaded it
// before the node hung, or by another instance, or by a clock that is ahead.
func TestOrphanIsFoundWhenTheSessionWasSavedSince(t *testing.T) {
	for name, save := range map[string]func(w *world, a *Cluster, before *Record){
		"by a request that had loaded it before": func(w *world, a *Cluster, before *Record) {
			before.Attrs["a"] = []byte("2")
			w.save(a, before)
		},
		"by another instance": func(w *world, _ *Cluster, _ *Record) {
			w.change(w.cluster(Config{}), "s", "a", "2")
		},
		"by a clock that is ahead": func(w *world, _ *Cluster, _ *Record) {
			w.change(w.cluster(Config{Now: func() time.Time { return time.Now().Add(20 * time.Minute) }}), "s", "a", "2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				before := w.load(c, "s")
				list := w.preference("s")
				list[0].Pause()
				w.sees(c, "s", "a=1")
				list[0].Resume()
				w.until(c, list[0], StateUp)
				save(w, c, before)
				for range 10 {
					time.Sleep(2 * time.Minute)
					w.sees(c, "s", "a=2")
				}
				list[0].Pause()
				list[1].Pause()
				w.missing(c, "s", ErrUnavailable)
			})
		})
	}
}

// One wide read is enough, also for a session that is only read, and for one that is over.
func TestWideReadAfterNodeReturns(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "over", "a=1")
		w.delete(c, "over")
		w.hangsInARead(c, 24*time.Hour)
		for range 50 {
			time.Sleep(time.Minute)
			w.sees(c, "s", "a=1")
			w.missing(c, "over", ErrNotFound)
		}
		before := c.Stats().WideReads
		for range 50 {
			time.Sleep(time.Minute)
			w.sees(c, "s", "a=1")
			w.missing(c, "over", ErrNotFound)
		}
		if got := c.Stats().WideReads - before; got != 0 {
			t.Errorf("%d wide reads long after", got)
		}
	})
}

// Ids that nobody has are not remembered: they would push out those that are.
func TestWideReadThatFindsNothingIsNotRemembered(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.missing(c, "invented", ErrNotFound)
		if c.Stats().WideReads == 0 {
			w.Fatal("it was not read wide")
		}
		if !c.readWide.at(record.KeyOf("invented")).IsZero() {
			w.Error("it is remembered")
		}
	})
}

// An orphan lives no longer than any session: long after, no load reads wide to find one.
func TestNoWideReadOnceEveryOrphanHasEnded(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Lifetime: 2 * time.Hour})
		w.hangsInARead(c, time.Hour)
		time.Sleep(2*time.Hour + time.Minute)
		w.create(c, "new", "a=1")
		before := c.Stats().WideReads
		w.sees(c, "new", "a=1")
		if got := c.Stats().WideReads - before; got != 0 {
			w.Errorf("%d wide reads", got)
		}
	})
}

// What a save does not change on the home nodes, it does not change on the orphan either.
func TestOrphanGetsNoDeadlineThatTheHomesDoNotHold(t *testing.T) {
	story(t, 3, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(a, "s", "a=1") // an hour
		list[0].Pause()
		r := w.load(a, "s")
		list[0].Resume()
		w.until(a, list[0], StateUp)
		longer := w.load(b, "s")
		longer.Deadline = time.Now().Add(10 * time.Hour)
		w.save(b, longer)
		r.Deadline = r.Deadline.Add(5 * time.Second)
		w.save(a, r)
		list[0].Restart()
		if got := w.load(a, "s").Deadline; got.Before(longer.Deadline.Add(-time.Second)) {
			w.Errorf("the session ends in %v", time.Until(got))
		}
	})
}

// A deadline that is earlier than the stored one, though not earlier than the one that was loaded.
func TestDeadlineBeforeThatOfAnotherSaveHolds(t *testing.T) {
	story(t, 3, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		r := NewRecord("s")
		r.Attrs, r.Deadline = attrsOf("a=1"), time.Now().Add(time.Minute)
		w.save(a, r)
		short := w.load(b, "s")
		w.hangsInARead(a, 2*time.Hour)
		short.Attrs["b"], short.Deadline = []byte("2"), time.Now().Add(time.Minute)
		w.save(b, short)
		time.Sleep(5 * time.Minute)
		w.missing(b, "s", ErrNotFound)
	})
}

// A load that meets a live copy beside a tombstone writes the tombstone over it.
func TestLiveCopyBesideATombstoneGetsTheTombstone(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		live := w.on(list[0], "s")
		w.delete(c, "s")
		w.put(list[2], "s", live) // it was away meanwhile
		c.nodes()[w.index("s", 0)].note(health.afterRequest, memcached.TimedOut, nil)
		w.until(c, list[0], StateUp)
		w.forget()
		w.missing(c, "s", ErrNotFound)
		if n := w.count("cas"); n != 0 {
			w.Errorf("%d cas: the copy with the tombstone is not expired as well", n)
		}
		list[0].Restart()
		list[1].Restart()
		w.missing(c, "s", ErrNotFound)
	})
}
