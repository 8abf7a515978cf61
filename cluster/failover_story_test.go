package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what becomes of a session when its nodes fail and return.

func TestASessionOutlivesItsNodesOneAfterTheOther(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=0")
		for i, want := range []string{"n=1", "n=2", "n=3", "n=4", "n=5", "n=6"} {
			n := w.env.Node(i % 3)
			n.Kill()
			w.change(c, "s", "n", want[2:])
			n.Restart()
			w.until(c, n, StateUp)
			w.sees(c, "s", want)
			for _, home := range w.preference("s")[:2] {
				w.holds(home, "s", want)
			}
		}
	})
}

func TestAPrimaryThatRestartedEmptyIsRepairedByARead(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		homes := w.preference("s")[:2]
		homes[0].Restart()
		w.sees(c, "s", "a=1")
		w.holds(homes[0], "s", "a=1")
		homes[1].Restart()
		w.sees(c, "s", "a=1")
		if s := c.Stats(); s.Repairs != 2 || s.RepairFailures != 0 {
			w.Errorf("stats %+v", s)
		}
		if s := stateOf(c, homes[0]); s != StateUp {
			w.Errorf("a restart made the node %v", s)
		}
	})
}

// oldMemory gives a session whose primary was out of reach while it changed: the
// primary comes back with the copy from before.
func oldMemory(w *world, c *Cluster) {
	primary := w.preference("s")[0]
	w.create(c, "s", "a=old")
	primary.Pause()
	w.change(c, "s", "a", "new")
	w.until(c, primary, StateDown)
	primary.Resume()
	w.holds(primary, "s", "a=old")
}

func TestANodeThatReturnsWithOldMemoryNeverWins(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		oldMemory(w, c)
		w.sees(other, "s", "a=new") // one that never saw the node fail
		w.holds(w.preference("s")[0], "s", "a=new")
		w.until(c, w.preference("s")[0], StateUp)
		w.sees(c, "s", "a=new")
	})
}

// And its partner has just lost its own: only the fallback knows better.
func TestWideReadFindsTheFallbacksCopy(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		oldMemory(w, c)
		w.preference("s")[1].Restart()
		w.sees(other, "s", "a=new")
		if other.Stats().WideReads != 1 {
			w.Errorf("stats %+v", other.Stats())
		}
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", "a=new")
		}
	})
}

// A save that finds a gap must read as wide as a load does: the old copy that it would
// write into the gap looks whole.
func TestSaveThatFindsAGapReadsWide(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		homes := w.preference("s")[:2]
		w.create(c, "s", "a=old b=0")
		r := w.load(other, "s")
		homes[0].Pause()
		w.change(c, "s", "a", "new")
		w.until(c, homes[0], StateDown)
		homes[0].Resume()
		homes[1].Restart()
		r.Attrs["b"] = []byte("1")
		w.save(other, r) // its tokens fit the old copy only
		w.sees(other, "s", "a=new b=1")
		for _, n := range homes {
			w.holds(n, "s", "a=new b=1")
		}
	})
}

func TestHomeNodesThoughtDownAreAskedWhenANodeFailsInThisCall(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		homes := w.preference("s")[:2]
		// The primary was away and is back, but this process does not know yet.
		primary := c.nodes()[w.index("s", 0)]
		primary.note(health.afterRequest, memcached.NoConnection, errors.New("away"))
		primary.mu.Lock()
		primary.probing = true // no prober will find out
		primary.mu.Unlock()
		if stateOf(c, homes[0]) != StateDown {
			w.Fatal("not thought down")
		}
		homes[1].Kill()
		w.sees(c, "s", "a=1")
	})
}

// A node that answers a wide read is up for this process, too: what is saved then must lie where
// those look who know so.
func TestNodeThatAnswersAWideReadIsATargetAtOnce(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		home := w.preference("s")[0]
		w.think(c, w.index("s", 0), memcached.NoConnection) // it was away for a moment, and no prober will find out
		if stateOf(c, home) != StateDown {
			w.Fatal("not thought down")
		}
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.holds(home, "s", "a=2")
		if s := stateOf(c, home); s != StateUp {
			w.Errorf("it is %v", s)
		}
		if b := w.on(w.preference("s")[2], "s"); b != nil {
			w.Errorf("a fallback holds %s, and nobody would expire that", show(b))
		}
	})
}

func TestOrphansAreExpiredNotDeleted(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[0].Kill()
		w.change(c, "s", "a", "2") // the fallback holds it now
		w.holds(list[2], "s", "a=2")
		list[0].Restart()
		w.until(c, list[0], StateUp)
		w.forget()
		w.sees(c, "s", "a=2")
		w.holds(list[0], "s", "a=2")
		if w.count("delete") != 0 || w.count("set") != 0 || w.count("touch") != 0 {
			w.Errorf("sent %v", w.sent)
		}
		time.Sleep((orphanTTL - 2) * time.Second)
		w.holds(list[2], "s", "a=2")
		time.Sleep(4 * time.Second)
		if s := w.on(list[2], "s"); s != nil {
			w.Errorf("the fallback's copy outlives its minute: %s", show(s))
		}
		w.sees(c, "s", "a=2")
		for _, n := range list[:2] {
			w.holds(n, "s", "a=2")
		}
	})
}

func TestAnOutageIsNoMissingSession(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.missing(c, "s", ErrNotFound)
		list[0].Kill()
		w.missing(c, "s", ErrNotFound) // the backup says so
		time.Sleep(time.Second)
		list[1].Kill()
		w.missing(c, "s", ErrUnavailable) // the fallbacks cannot know
		w.missing(c, "s", ErrUnavailable)
		list[2].Kill()
		list[3].Kill()
		w.missing(c, "s", ErrUnavailable)
		w.until(c, list[3], StateDown)
		err := c.Save(context.Background(), NewRecord("s"))
		if !isErr(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		for _, n := range list {
			if err == nil || !strings.Contains(err.Error(), n.ID()+" ("+n.Addr()+")") {
				w.Errorf("the error does not name %s: %v", n.ID(), err)
			}
		}
		if err := c.Delete(context.Background(), "s"); !isErr(err, ErrUnavailable) {
			w.Errorf("delete: %v", err)
		}
		if err := c.Ping(context.Background()); !isErr(err, ErrUnavailable) {
			w.Errorf("ping: %v", err)
		}
		if s := c.Stats(); s.Unavailable != 5 {
			w.Errorf("stats %+v", s)
		}
		list[3].Restart()
		if err := c.Ping(context.Background()); err != nil {
			w.Errorf("one node is enough to save: %v", err)
		}
	})
}

func TestAnOutageIsNotRememberedAsMissing(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		for _, n := range w.env.All() {
			n.Pause()
		}
		for range 4 {
			w.missing(c, "s", ErrUnavailable)
		}
		for _, n := range w.env.All() {
			n.Resume()
		}
		w.until(c, w.env.Node(0), StateUp)
		w.until(c, w.env.Node(1), StateUp)
		w.sees(c, "s", "a=1")
	})
}

func TestLiveRecordsAreNeverSetBlindly(t *testing.T) {
	story(t, 4, func(w *world) {
		apps := []*Cluster{w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(time.Minute) }})}
		w.create(apps[0], "s", "a=0")
		for i := range 40 {
			n := w.env.Node(i % 4)
			switch i % 5 {
			case 0:
				n.Kill()
			case 1:
				n.Pause()
			case 2:
				n.Set(record.KeyOf("s").Name(""), []byte("damage"))
			case 3:
				n.Flush()
			}
			r := w.load(apps[i%2], "s")
			r.Attrs["a"] = []byte{byte(i)}
			w.change(apps[(i+1)%2], "s", "b", "1")
			w.save(apps[i%2], r)
			switch i % 5 {
			case 0:
				n.Restart()
			case 1:
				n.Resume()
			}
			for _, c := range apps {
				for _, n := range w.env.All() {
					w.until(c, n, StateUp)
				}
			}
		}
		damage := 8 // by the test itself
		if got := w.count("set") - damage; got != 0 || w.count("delete") != 0 {
			w.Errorf("%d blind sets, %d deletes", got, w.count("delete"))
		}
	})
}
