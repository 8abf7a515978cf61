package cluster

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
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
		w.until(c, ranks[0], StateUp)
		w.sees(c, "s", "a=2")
		w.holds(ranks[0], "s", "a=2")
		w.expires(ranks[2], "s")
	})
}

// Also by an instance that did not notice that the target was away.
func TestAStandInIsFoundByWhoSeesHomesThatDiffer(t *testing.T) {
	story(t, 4, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		ranks := w.rank("s")
		w.create(a, "s", "a=1")
		ranks[0].Pause()
		w.change(a, "s", "a", "2")
		w.holds(ranks[2], "s", "a=2")
		ranks[0].Resume()
		w.sees(b, "s", "a=2")
		w.expires(ranks[2], "s")
	})
}

// expires waits until a stray has had its time, and fails if it is there still.
func (w *world) expires(n *testenv.Node, id string) {
	w.Helper()
	time.Sleep((orphanTTL + 2) * time.Second)
	if s := w.on(n, id); s != nil {
		w.Errorf("the stray is still there: %s", show(s))
	}
}

// A home node that one process suspects may be a target of others: its copy is not
// given a short life.
func TestASuspectedHomeKeepsItsCopy(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		w.think(c, w.index("s", 0), memcached.TimedOut) // and nothing is wrong with it
		w.sees(c, "s", "a=1")
		time.Sleep((orphanTTL + 2) * time.Second)
		w.holds(ranks[0], "s", "a=1")
		w.holds(ranks[1], "s", "a=1")
	})
}
