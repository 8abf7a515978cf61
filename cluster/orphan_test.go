package cluster

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// A target that comes back with old memory has a copy, so two copies come; that they
// differ is the sign that a fallback has taken a write. The fallback's copy is found and expired:
// left alone, it would be believed in a later outage of both homes.
func TestOrphanIsFoundWhenItsTargetKeptItsMemory(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[0].Pause()
		w.change(c, "s", "a", "2") // the fallback holds it now
		w.holds(list[2], "s", "a=2")
		list[0].Resume()
		w.until(c, list[0], StateUp)
		w.sees(c, "s", "a=2")
		w.holds(list[0], "s", "a=2")
		w.expires(list[2], "s")
	})
}

// Also by an instance that did not notice that the target was away.
func TestOrphanIsFoundByAnInstanceThatSeesHomesDiffer(t *testing.T) {
	story(t, 4, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(a, "s", "a=1")
		list[0].Pause()
		w.change(a, "s", "a", "2")
		w.holds(list[2], "s", "a=2")
		list[0].Resume()
		w.sees(b, "s", "a=2")
		w.expires(list[2], "s")
	})
}

// expires waits until an orphan has had its time, and fails if it is there still.
func (w *world) expires(n *testenv.Node, id string) {
	w.Helper()
	time.Sleep((orphanTTL + 2) * time.Second)
	if s := w.on(n, id); s != nil {
		w.Errorf("the orphan is still there: %s", show(s))
	}
}

// A home node that one process suspects may be a target of others: its copy is not
// given a short life.
func TestCopyOnASuspectHomeIsNotExpired(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		w.think(c, w.index("s", 0), memcached.TimedOut) // and nothing is wrong with it
		w.sees(c, "s", "a=1")
		time.Sleep((orphanTTL + 2) * time.Second)
		w.holds(list[0], "s", "a=1")
		w.holds(list[1], "s", "a=1")
	})
}

// A save finds an orphan too, and expires it: otherwise no operation would, once the homes agree.
func TestSaveExpiresTheOrphanItFinds(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[0].Pause()
		rec := w.load(c, "s")
		w.holds(list[2], "s", "a=1")
		list[0].Resume()
		w.until(c, list[0], StateUp)
		rec.Attrs["a"] = []byte("2")
		w.save(c, rec)
		w.holds(list[0], "s", "a=2")
		w.holds(list[1], "s", "a=2")
		time.Sleep((orphanTTL + 2) * time.Second)
		if s := w.on(list[2], "s"); s != nil {
			w.Errorf("the orphan is still there: %s", show(s))
		}
	})
}
