package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// While a node was away, sessions went to those behind it: a node that has just come
// back does not count among those that a second look asks.
func TestTheSecondLookGoesPastNodesThatHaveJustComeBack(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=old")
		for _, n := range ranks[2:4] {
			n.Kill()
		}
		if err := c.Ping(context.Background()); err != nil {
			w.Fatal(err)
		}
		for _, n := range ranks[2:4] {
			w.until(c, n, StateDown)
		}
		ranks[0].Pause()
		w.change(c, "s", "a", "new")
		w.holds(ranks[4], "s", "a=new") // the first of the rank that is up behind the homes
		w.until(c, ranks[0], StateDown)
		ranks[0].Resume()
		ranks[1].Restart()
		for _, n := range ranks[2:4] {
			n.Restart()
		}
		for _, n := range ranks {
			w.until(c, n, StateUp)
		}
		w.sees(c, "s", "a=new")
	})
}

// The limit on invented ids is none on sessions of which something was found.
func TestTheLimitOnInventedIDsSparesNoSecondLookThatIsNeeded(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{UnknownPerSecond: 1})
		oldMemory(w, c)
		w.rank("s")[1].Restart()
		for i := 0; other.Stats().Throttled == 0; i++ {
			_, _ = other.Load(context.Background(), fmt.Sprint("invented", i))
		}
		w.sees(other, "s", "a=new")
	})
}

func TestRetiringNeverProlongsACopy(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		r := NewRecord("s")
		r.Deadline = time.Now().Add(10 * time.Second)
		ranks[0].Kill()
		w.save(c, r)
		ranks[0].Restart()
		w.until(c, ranks[0], StateUp)
		w.load(c, "s")
		if w.on(ranks[2], "s") == nil {
			w.Fatal("the stand-in has no copy: the story shows nothing")
		}
		time.Sleep(15 * time.Second)
		if s := w.on(ranks[2], "s"); s != nil {
			w.Errorf("the stand-in still holds %s", show(s))
		}
	})
}

// Copies that are about to expire are no reason not to look for the homes, which are back
// from an outage that this process still believes in.
func TestRetiredCopiesDoNotHideTheHomes(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		key := record.KeyOf("s").Name("")
		held, _ := ranks[0].Get(key)
		for _, n := range ranks[2:] {
			setRetired(w.env, n, key, held)
		}
		for _, n := range ranks[:2] {
			n.Pause()
		}
		w.missing(c, "s", ErrUnavailable)
		for _, n := range ranks[:2] {
			w.until(c, n, StateDown)
		}
		for _, n := range ranks[:2] {
			n.Resume()
		}
		w.sees(c, "s", "a=1")
	})
}

// Nodes that have fallen silent are asked again where nobody else is left: the first request
// after an outage finds them.
func TestNodesThatAreAllSilentAreAsked(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		for i, n := range ranks {
			n.Pause()
			w.think(c, w.index("s", i), memcached.TimedOut)
			w.think(c, w.index("s", i), memcached.TimedOut)
		}
		w.missing(c, "s", ErrUnavailable)
		for _, n := range ranks {
			n.Resume()
		}
		w.sees(c, "s", "a=1")
	})
}

// Copies that differ show that somebody was away: then a silent node may know more.
func TestASilentNodeIsAskedWhereCopiesDiffer(t *testing.T) {
	story(t, 4, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		ranks := w.rank("s")
		w.create(a, "s", "a=1")
		w.put(ranks[2], "s", w.on(ranks[0], "s"))
		w.change(a, "s", "a", "2")
		older := w.on(ranks[1], "s")
		w.change(a, "s", "a", "3")
		w.put(ranks[1], "s", older)
		w.think(b, w.index("s", 0), memcached.TimedOut) // and it is back
		w.think(b, w.index("s", 0), memcached.TimedOut)
		w.sees(b, "s", "a=3")
	})
}
