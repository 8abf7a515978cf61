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
// back does not count among those that a wide read asks.
func TestWideReadGoesPastNodesThatHaveJustComeBack(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=old")
		for _, n := range list[2:4] {
			n.Kill()
		}
		if err := c.Ping(context.Background()); err != nil {
			w.Fatal(err)
		}
		for _, n := range list[2:4] {
			w.until(c, n, StateDown)
		}
		list[0].Pause()
		w.change(c, "s", "a", "new")
		w.holds(list[4], "s", "a=new") // the first node behind the homes that is up
		w.until(c, list[0], StateDown)
		list[0].Resume()
		list[1].Restart()
		for _, n := range list[2:4] {
			n.Restart()
		}
		for _, n := range list {
			w.until(c, n, StateUp)
		}
		w.sees(c, "s", "a=new")
	})
}

// The limit on unverified ids is none on sessions of which something was found.
func TestLimitOnUnverifiedIDsSparesNoWideReadOfASessionFound(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{UnknownPerSecond: 1})
		oldMemory(w, c)
		w.preference("s")[1].Restart()
		for i := 0; other.Stats().Throttled == 0; i++ {
			_, _ = other.Load(context.Background(), fmt.Sprint("invented", i))
		}
		w.sees(other, "s", "a=new")
	})
}

// A save knows of its session by more than an id, also where no node does any more.
func TestLimitOnUnverifiedIDsSparesSaves(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{UnknownPerSecond: 1})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		for _, n := range w.env.All() {
			n.Restart() // they are empty
		}
		for i := 0; c.Stats().Throttled == 0; i++ {
			_, _ = c.Load(context.Background(), fmt.Sprint("invented", i))
		}
		before, began := c.Stats().WideReads, time.Now()
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		if took := time.Since(began); took != 0 || c.Stats().WideReads != before+1 {
			w.Errorf("it took %v and %d wide reads", took, c.Stats().WideReads-before)
		}
		w.sees(c, "s", "a=2")
	})
}

func TestExpiringNeverProlongsAnOrphan(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		r := NewRecord("s")
		r.Deadline = time.Now().Add(10 * time.Second)
		list[0].Kill()
		w.save(c, r)
		list[0].Restart()
		w.until(c, list[0], StateUp)
		w.load(c, "s")
		if w.on(list[2], "s") == nil {
			w.Fatal("the fallback has no copy: the story shows nothing")
		}
		time.Sleep(15 * time.Second)
		if s := w.on(list[2], "s"); s != nil {
			w.Errorf("the fallback still holds %s", show(s))
		}
	})
}

// Orphans, which are about to expire, are no reason not to look for the homes, which are back
// from an outage that this process still believes in.
func TestExpiringOrphansDoNotHideTheHomes(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		key := record.KeyOf("s").Name("")
		held, _ := list[0].Get(key)
		for _, n := range list[2:] {
			setOrphan(w.env, n, key, held)
		}
		for _, n := range list[:2] {
			n.Pause()
		}
		w.missing(c, "s", ErrUnavailable)
		for _, n := range list[:2] {
			w.until(c, n, StateDown)
		}
		for _, n := range list[:2] {
			n.Resume()
		}
		w.sees(c, "s", "a=1")
	})
}

// Nodes that are down are asked again where no other node is left: the first request
// after an outage finds them.
func TestNodesThatAreAllDownAreAsked(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		for i, n := range list {
			n.Pause()
			w.think(c, w.index("s", i), memcached.TimedOut)
			w.think(c, w.index("s", i), memcached.TimedOut)
		}
		w.missing(c, "s", ErrUnavailable)
		for _, n := range list {
			n.Resume()
		}
		w.sees(c, "s", "a=1")
	})
}

// Copies that differ show that somebody was away: then a node that is down may know more.
func TestDownNodeIsAskedWhereCopiesDiffer(t *testing.T) {
	story(t, 4, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(a, "s", "a=1")
		w.put(list[2], "s", w.on(list[0], "s"))
		w.change(a, "s", "a", "2")
		older := w.on(list[1], "s")
		w.change(a, "s", "a", "3")
		w.put(list[1], "s", older)
		w.think(b, w.index("s", 0), memcached.TimedOut) // and it is back
		w.think(b, w.index("s", 0), memcached.TimedOut)
		w.sees(b, "s", "a=3")
	})
}

// What an unknown id waits for at this process's own door is no node's time: whoever looks at the times of
// requests would take nodes for slow.
func TestTheWaitForUnknownIDsIsNoNodesTime(t *testing.T) {
	story(t, 3, func(w *world) {
		asked := 0
		app := w.cluster(Config{UnknownPerSecond: 10, Trace: &Trace{RequestDone: func(_ context.Context, d RequestDone) {
			asked++
			if took := time.Since(d.Began); took != 0 {
				w.Errorf("%s has answered at once, and %v is counted", d.Node, took)
			}
		}}})
		began := time.Now()
		for i := range 12 { // ten at once, and one each 100 ms
			w.missing(app, fmt.Sprint("unknown", i), ErrNotFound)
		}
		if time.Since(began) == 0 || asked < 36 {
			w.Errorf("nobody has waited: %d requests in %v", asked, time.Since(began))
		}
	})
}
