package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell of a node that hangs while a session is given an earlier end: it goes on
// holding the longer copy, and must not bring the session back.

const longLife = 2 * time.Hour

// hangs has the primary hang with a copy of a session of such a life.
func (w *world) hangs(c *Cluster, life time.Duration) []*testenv.Node {
	w.Helper()
	w.createFor(c, "s", "a=1", life)
	time.Sleep(time.Second)
	list := w.preference("s")
	list[0].Pause()
	return list
}

// endsIn saves the session with an end so soon.
func (w *world) endsIn(c *Cluster, life time.Duration) time.Time {
	w.Helper()
	r := w.load(c, "s")
	r.Attrs["short"], r.Deadline = []byte("1"), time.Now().Add(life)
	w.save(c, r)
	return r.Deadline
}

// staysEnded fails where the session is found by one of them, now or until it could have ended last.
func (w *world) staysEnded(cs ...*Cluster) {
	w.Helper()
	for began := time.Now(); ; time.Sleep(30 * time.Minute) {
		for i, c := range cs {
			if r, err := c.Load(context.Background(), "s"); !errors.Is(err, ErrNotFound) {
				w.Fatalf("instance %d, after %v: %q until %v, %v", i+1, time.Since(began), r.Attrs, r.Deadline, err)
			}
		}
		if time.Since(began) > longLife {
			return
		}
	}
}

func TestAHungNodeDoesNotBringAShortenedSessionBack(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: a dozen stories of hours of virtual time")
	}
	for name, v := range map[string]struct {
		nodes   int
		hangs   time.Duration
		shorten func(w *world, c *Cluster)
	}{
		"saved by another request since": {2, 25 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, 10*time.Minute)
			w.change(w.cluster(Config{}), "s", "b", "1")
		}},
		"saved again by the same request": {2, 25 * time.Minute, func(w *world, c *Cluster) {
			r := w.load(c, "s")
			r.Deadline = time.Now().Add(10 * time.Minute)
			w.save(c, r)
			r.Attrs["b"] = []byte("1")
			w.save(c, r)
		}},
		"saved anew, twice": {2, 25 * time.Minute, func(w *world, c *Cluster) {
			w.createFor(c, "s", "b=1", 10*time.Minute)
			w.createFor(w.cluster(Config{}), "s", "b=2", 10*time.Minute)
		}},
		"prolonged for a little": {2, 25 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, time.Minute)
			w.endsIn(w.cluster(Config{}), 20*time.Minute)
		}},
		"shortened twice": {3, 25 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, time.Hour)
			w.endsIn(w.cluster(Config{}), time.Minute)
		}},
		"and refreshed within the slack": {3, 25 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, 10*time.Minute)
			slack := w.cluster(Config{RefreshSlack: time.Minute})
			w.endsIn(slack, 10*time.Minute)
			w.save(slack, w.load(slack, "s"))
		}},
		"and evidence of it brought to a node that lost it": {3, 25 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, time.Minute)
			time.Sleep(10 * time.Minute)
			list := w.preference("s")
			// One home hangs, and the other one was emptied: neither can say that the session did not
			// go on.
			list[1].Restart()
			w.missing(c, "s", ErrUnavailable)
			list[2].Restart()
			w.missing(c, "s", ErrUnavailable)
		}},
		"and deleted": {3, 75 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, time.Minute)
			w.delete(w.cluster(Config{Lifetime: time.Minute}), "s")
		}},
		"and deleted after its end": {2, 75 * time.Minute, func(w *world, c *Cluster) {
			w.endsIn(c, time.Minute)
			time.Sleep(10 * time.Minute)
			w.delete(w.cluster(Config{Lifetime: time.Minute}), "s")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, v.nodes, func(w *world) {
				c := w.cluster(Config{})
				list := w.hangs(c, longLife)
				v.shorten(w, c)
				time.Sleep(v.hangs)
				list[0].Resume()
				w.until(c, list[0], StateUp)
				w.staysEnded(c, w.cluster(Config{}))
			})
		})
	}
}

// The clocks by which the longer copy was written, and is judged, are behind: its node keeps it
// longer than its end, and so must those that know of the earlier end.
func TestEvidenceOutlastsALongerCopyByClocksThatAreBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: hours of virtual time")
	}
	for name, end := range map[string]func(w *world, c *Cluster){
		"shortened": func(w *world, c *Cluster) { w.endsIn(c, time.Minute) },
		"shortened and deleted": func(w *world, c *Cluster) {
			w.endsIn(c, time.Minute)
			w.delete(c, "s")
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				behind := w.cluster(Config{Now: func() time.Time { return time.Now().Add(-29 * time.Minute) }})
				c := w.cluster(Config{Lifetime: time.Minute})
				// Longer than the earlier end, and the skew behind it, would have it remembered.
				const life = clockSkew + 10*time.Minute
				list := w.hangs(behind, life)
				end(w, c)
				time.Sleep(life - 5*time.Minute) // by c's clock it ended long before
				list[0].Resume()
				w.until(behind, list[0], StateUp)
				w.missing(behind, "s", ErrNotFound)
			})
		})
	}
}

// A load that finds a session ended brings what says so to the node with the longer copy, and
// takes that from nodes behind the targets.
func TestLoadRepairsNodesThatMissedAnEarlierEnd(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.createFor(c, "s", "a=1", longLife)
		list := w.preference("s")
		longer := w.on(list[0], "s")
		list[0].Pause()
		end := w.endsIn(c, time.Minute)
		time.Sleep(2 * time.Minute)
		list[0].Resume()
		w.until(c, list[0], StateUp)
		w.put(list[2], "s", longer) // it hung as well
		w.missing(c, "s", ErrNotFound)
		for _, n := range list[:2] {
			if s := w.on(n, "s"); s == nil || s.Deadline() != end.UnixMilli() || s.LatestEnd() != longer.Deadline() {
				t.Errorf("%s holds %s, want the end %d and the latest end %d", n.ID(), show(s), end.UnixMilli(), longer.Deadline())
			}
		}
		w.expires(list[2], "s")
		w.forget()
		w.missing(c, "s", ErrNotFound)
		if n := w.count("cas", "add", "set"); n > 0 {
			t.Errorf("%d writes where all is said", n)
		}
		// When the latest end and the skew are over, nobody writes it any more.
		time.Sleep(longLife + clockSkew + time.Minute)
		for _, n := range list {
			if s := w.on(n, "s"); s != nil {
				t.Errorf("%s still holds %s", n.ID(), show(s))
			}
		}
	})
}

// So does a late save that finds its session ended, whether the node with the longer copy takes its
// changes first or not.
func TestLateSaveRepairsNodesThatMissedAnEarlierEnd(t *testing.T) {
	for name, fits := range map[string]bool{"the node takes it": true, "the node refuses it": false} {
		t.Run(name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				c, other := w.cluster(Config{}), w.cluster(Config{})
				w.createFor(c, "s", "a=1", longLife)
				late := w.load(other, "s")
				list := w.preference("s")
				longer := w.on(list[0], "s")
				list[0].Pause()
				w.endsIn(c, time.Minute)
				time.Sleep(10 * time.Minute)
				list[0].Resume()
				if !fits {
					w.put(list[0], "s", longer) // the same under another token
				}
				w.until(other, list[0], StateUp)
				late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(longLife)
				w.findsDestroyed(other, late)
				list[1].Restart()
				w.missing(w.cluster(Config{}), "s", ErrNotFound)
			})
		})
	}
}

// What tells of an earlier end is brought to nobody any more once no copy can say otherwise.
func TestEvidenceOfAnEarlierEndIsKeptUntilTheLatestEnd(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		longer := liveAt(time.Now().Add(longLife).UnixMilli(), value("a", "1", 1))
		s := record.Change(longer, longer.Values(), time.Now().Add(time.Minute).UnixMilli(), record.Timestamp{Clock: 2, Writer: 1})
		w.put(w.preference("s")[1], "s", s)
		w.forget()
		time.Sleep(longLife + clockSkew)
		w.missing(c, "s", ErrNotFound)
		if n := w.count("cas", "add", "set"); n > 0 {
			t.Errorf("%d writes", n)
		}
	})
}

// A save without a snapshot begins an ended session anew, as ever, and nobody forgets the longer
// copy of the one before it.
func TestSessionBegunAnewKeepsTheLatestEnd(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		list := w.hangs(c, longLife)
		w.endsIn(c, time.Minute)
		time.Sleep(10 * time.Minute)
		w.missing(c, "s", ErrNotFound)
		w.createFor(c, "s", "b=1", 10*time.Minute)
		w.sees(w.cluster(Config{}), "s", "b=1")
		time.Sleep(20 * time.Minute)
		list[0].Resume()
		w.until(c, list[0], StateUp)
		w.staysEnded(c, w.cluster(Config{}))
	})
}

// A deletion by one that saw no copy is remembered for as long as it thinks. Who finds a longer
// copy beside the tombstone has it remembered for as long as that could live.
func TestATombstoneLastsAsLongAsTheCopyItMeets(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := w.createFor(c, "s", "a=1", 30*24*time.Hour)
		list := w.preference("s")
		longer := w.on(list[0], "s")
		list[0].Pause()
		list[1].Restart()
		w.delete(w.cluster(Config{Lifetime: time.Hour}), "s")
		list[0].Resume()
		w.until(c, list[0], StateUp)
		w.missing(c, "s", ErrNotFound)
		time.Sleep(29 * 24 * time.Hour)
		w.put(list[2], "s", longer) // from a node that hung all the time
		list[0].Restart()
		w.missing(c, "s", ErrNotFound)
		if s := w.on(list[0], "s"); s == nil || !s.IsTombstone() || s.Deadline() < r.Deadline.Add(clockSkew).UnixMilli() {
			t.Errorf("%s holds %s", list[0].ID(), show(s))
		}
	})
}

// Where clocks differ by a little, saves move the end back by a little. The next one that moves
// it on leaves nothing of that.
func TestLaterEndRemovesTheLatestEndMark(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.createFor(c, "s", "a=1", time.Hour)
		size := func() int {
			b, _ := w.preference("s")[0].Get(record.KeyOf("s").Name(""))
			return len(b)
		}
		before := size()
		r := w.load(c, "s")
		r.Deadline = r.Deadline.Add(-20 * time.Millisecond)
		w.save(c, r)
		if got := size() - before; got <= 0 || got > 64 {
			t.Errorf("an earlier end costs %d bytes", got)
		}
		r.Deadline = r.Deadline.Add(time.Second)
		w.save(c, r)
		if got := size() - before; got > 16 { // the save's own timestamp
			t.Errorf("%d bytes more after a later end", got)
		}
	})
}
