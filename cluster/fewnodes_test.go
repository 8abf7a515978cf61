package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// These stories tell which nodes fill in where too few are up.

// think makes the cluster think so of a node, and keeps its prober away.
func (w *world) think(c *Cluster, i int, v memcached.Verdict) {
	n := c.nodes()[i]
	n.mu.Lock()
	n.probing = true
	n.mu.Unlock()
	n.note(health.afterRequest, v, errors.New("as the test says"))
}

func TestASuspectIsUsedWhereThereAreTooFewOthers(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.think(c, 1, memcached.TimedOut)
		if s := stateOf(c, w.env.Node(1)); s != StateSuspect {
			w.Fatalf("it is %v", s)
		}
		w.create(c, "s", "a=1")
		w.holds(w.env.Node(0), "s", "a=1")
		w.holds(w.env.Node(1), "s", "a=1")
	})
}

func TestASuspectIsSparedWhereThereAreOthers(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.think(c, w.index("s", 0), memcached.TimedOut)
		w.create(c, "s", "a=1")
		if w.on(list[0], "s") != nil {
			w.Error("the suspect was asked")
		}
		w.holds(list[1], "s", "a=1")
		w.holds(list[2], "s", "a=1")
	})
}

// A node that refused may have been restarted since, and asking it costs no wait.
func TestANodeThatRefusedIsTriedWhereThereAreTooFewOthers(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		for _, v := range []string{"2", "3", "4", "5"} {
			n := w.env.Node(int(v[0]) % 2)
			began := time.Now()
			n.Kill()
			w.change(c, "s", "a", v)
			n.Restart()
			w.change(c, "s", "b", v)
			w.holds(w.env.Node(0), "s", "a="+v+" b="+v)
			w.holds(w.env.Node(1), "s", "a="+v+" b="+v)
			if took := time.Since(began); took != 0 {
				w.Errorf("it took %v: a prober may have helped", took)
			}
		}
	})
}

// The node may have been restarted since the load of the request that saves.
func TestANodeRestartedBetweenLoadAndSaveGetsItsCopy(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n := w.env.Node(0)
		n.Kill()
		r := w.load(c, "s")
		n.Restart()
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.holds(n, "s", "a=2")
	})
}

func TestANodeThatHangsIsNotTriedWhereThereAreTooFewOthers(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n := w.env.Node(0)
		n.Pause()
		w.sees(c, "s", "a=1")
		w.until(c, n, StateDown)
		began := time.Now()
		for range 5 {
			w.change(c, "s", "a", "2")
		}
		if took := time.Since(began); took != 0 {
			w.Errorf("five requests waited %v for a node that hangs", took)
		}
	})
}
