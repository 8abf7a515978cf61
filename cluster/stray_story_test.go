package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// A target that comes back with old memory has a copy, so two copies come; that they
// differ is the sign that another node has stood in. Its copy is found and retired: left
// alone, it would be believed in a later outage of both homes.
func TestAStandInIsFoundAlsoWhenItsTargetKeptItsMemory(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		ranks[0].Pause()
		w.change(c, "s", "a", "2") // the stand-in holds it now
		w.holds(ranks[2], "s", "a=2")
		ranks[0].Resume()
		w.until(c, ranks[0], Up)
		w.sees(c, "s", "a=2")
		w.holds(ranks[0], "s", "a=2")
		time.Sleep((strayTTL + 2) * time.Second)
		if s := w.on(ranks[2], "s"); s != nil {
			w.Errorf("the stand-in's copy is still there: %s", show(s))
		}
	})
}

// A home node that one process suspects may be a target of others: its copy is not
// given a short life.
func TestASuspectedHomeKeepsItsCopy(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		w.think(c, w.index("s", 0), timedOut) // and nothing is wrong with it
		w.sees(c, "s", "a=1")
		time.Sleep((strayTTL + 2) * time.Second)
		w.holds(ranks[0], "s", "a=1")
		w.holds(ranks[1], "s", "a=1")
	})
}

// hiccup has the primary hang while the session is read: a copy of it lies on a stand-in
// then, for as long as the session was to last, and both home nodes hold the same.
func (w *world) hiccup(c *Cluster, lasts time.Duration) {
	w.Helper()
	r := NewRecord("s")
	r.Attrs, r.Deadline = attrsOf("a=1"), time.Now().Add(lasts)
	w.save(c, r)
	ranks := w.rank("s")
	ranks[0].Pause()
	w.sees(c, "s", "a=1")
	w.holds(ranks[2], "s", "a=1")
	ranks[0].Resume()
	w.until(c, ranks[0], Up)
}

// A session that has ended stays ended: no copy behind the home nodes outlives it, also
// where who gives it an earlier end has not noticed that a node was away.
func TestASessionThatWasGivenAnEarlierEndStaysEnded(t *testing.T) {
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
				w.hiccup(c, v.lasts)
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

// Home nodes that say the same do not show that another one has stood in for one of them
// since. What it holds must not be taken for the session when both are gone.
func TestAStandInOfAHiccupIsFoundAlsoWhenTheHomesSayTheSame(t *testing.T) {
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
				w.hiccup(c, time.Hour)
				time.Sleep(10 * time.Minute)
				w.change(c, "s", "a", "2")
				time.Sleep(20 * time.Minute)
				ranks := w.rank("s")
				v.fail(ranks[0])
				v.fail(ranks[1])
				w.missing(c, "s", v.want)
			})
		})
	}
}

// The same where the primary was but suspected.
func TestAStandInOfAMomentIsFoundAlsoWhenTheHomesSayTheSame(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		ranks[0].Pause()
		w.sees(c, "s", "a=1")
		w.holds(ranks[2], "s", "a=1")
		if got := stateOf(c, ranks[0]); got != Suspect {
			w.Fatalf("the primary is %v", got)
		}
		ranks[0].Resume()
		w.until(c, ranks[0], Up)
		time.Sleep(time.Minute)
		w.change(c, "s", "a", "2")
		time.Sleep((strayTTL + 2) * time.Second)
		if s := w.on(ranks[2], "s"); s != nil {
			w.Errorf("the stand-in's copy is still there: %s", show(s))
		}
	})
}

// A stray is kept for a minute. What is found there in that time, both homes being gone, is
// what was saved when it was retired.
func TestARetiredStrayHoldsWhatWasSaved(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.hiccup(c, time.Hour)
		w.create(c, "s", "a=2")
		ranks := w.rank("s")
		w.holds(ranks[2], "s", "a=2")
		ranks[0].Restart()
		ranks[1].Restart()
		w.sees(c, "s", "a=2")
	})
}
