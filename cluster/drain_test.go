package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// A node is drained and stopped, and another one fails at once: each session has a third copy by
// then, idle or not, also those of an instance that was idle all the time.
func TestADrainedNodeMayBeStopped(t *testing.T) {
	for _, nodes := range []int{3, 4} {
		story(t, nodes, func(w *world) {
			c, idle := w.cluster(Config{}), w.cluster(Config{})
			for i := range 30 {
				w.create(c, fmt.Sprint("idle", i), "a=1")
			}
			old := w.load(idle, "idle0")
			n := w.preference("idle0")[0]
			time.Sleep(30 * time.Minute)
			w.drain(c, n)
			old.Attrs["a"] = []byte("2")
			w.save(idle, old) // it knew nothing of the drain
			w.create(c, "new", "a=1")
			if s := c.Nodes()[w.index("idle0", 0)]; s.Whole || !strings.Contains(s.Reason, "draining") {
				w.Errorf("it is drained: %+v", s)
			}
			n.Kill()
			w.preference("idle0")[1].Kill()
			w.sees(c, "idle0", "a=2")
			w.sees(c, "new", "a=1")
			for i := 1; i < 30; i++ {
				w.sees(c, fmt.Sprint("idle", i), "a=1")
			}
		})
	}
}

// Undrain takes the node into use again: it fills, and is whole. A node that was stopped and came
// back empty needs none.
func TestAnUndrainedNodeIsWholeAgain(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "a=1")
			n := w.preference("s")[0]
			w.drain(c, n)
			if restarts {
				n.Kill()
				w.change(c, "s", "a", "2")
				n.Restart()
			} else {
				w.change(c, "s", "a", "2")
			}
			w.undrain(c, n)
			if m, _, err := c.readMarker(c.nodes()[w.indexOf(n)]); err != nil || m.IsWhole(c.lists.Load().base.name) {
				w.Errorf("it begins as %+v, %v", m, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := c.WaitWhole(ctx); err != nil {
				w.Fatal(err)
			}
			w.preference("s")[1].Kill()
			w.sees(c, "s", "a=2")
		})
	}
}

// A second drain does not take the copies of the first for its own.
func TestANodeIsDrainedTwice(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n := w.preference("s")[0]
		for i := range 2 {
			id := fmt.Sprint("s", i)
			w.create(c, id, "a=1")
			w.drain(c, n)
			if i == 0 {
				w.undrain(c, n)
				w.whole(c)
				for j := range 10 {
					w.create(c, fmt.Sprint("later", j), "a=1")
				}
			}
		}
		n.Kill()
		w.preference("s")[1].Kill()
		for j := range 10 {
			w.sees(c, fmt.Sprint("later", j), "a=1")
		}
	})
}

func TestWhatCannotBeDrained(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		if err := c.Drain(context.Background(), "n1"); err == nil || !strings.Contains(err.Error(), "add a node first") {
			w.Errorf("drain: %v", err)
		}
		if err := c.Drain(context.Background(), "n9"); err == nil || !strings.Contains(err.Error(), "n9") {
			w.Errorf("drain: %v", err)
		}
		if err := c.Undrain(context.Background(), "n1"); err != nil {
			w.Errorf("undrain: %v", err)
		}
	})
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.Drain(ctx, "n1"); !isErr(err, context.Canceled) {
			w.Errorf("drain: %v", err)
		}
		if m := w.markerOn(c, w.env.Node(0)); m != nil && m.Draining != 0 {
			w.Errorf("nobody waits for it, and it drains: %+v", m)
		}
	})
}

// Markers still tell of the list without a node that drained. A process that had that list in force
// itself knows it, also in its first minutes: it need not wait for others that may know more.
func TestAYoungProcessKnowsTheListsOfDrainsThatHaveEnded(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{TransitionFor: time.Hour})
		w.create(c, "s", "a=1")
		w.waitWhole(c)
		w.drain(c, w.env.Node(0))
		w.env.Node(1).Restart()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.WaitNodesWhole(ctx, "n2", "n3", "n4"); err != nil {
			w.Fatal(err)
		}
		w.undrain(c, w.env.Node(0)) // n2 is whole for the list without n1 alone
		w.waitWhole(c)
	})
}

// A drain that was forgotten ends by itself.
func TestADrainEndsByItself(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		if err := c.Drain(context.Background(), "n1"); err != nil {
			w.Fatal(err)
		}
		time.Sleep(marker.DrainFor + marker.DrainFor)
		if m, _, err := c.readMarker(c.nodes()[0]); err != nil || m.Draining != 0 {
			w.Errorf("a process that begins now takes the node for draining: %+v, %v", m, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.WaitWhole(ctx); err != nil {
			w.Error(err)
		}
	})
}

// A node that drains still takes writes. One that it missed is entered: the drain may end by itself, and
// then the node is a home again.
func TestADrainedNodeThatMissedAWriteIsNotWholeWhenTheDrainEnds(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		r.Deadline = r.Deadline.Add(24 * time.Hour)
		w.save(c, r)
		n := w.preference("s")[0]
		w.drain(c, n)
		n.Pause()
		r = w.load(c, "s")
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		n.Resume()
		w.until(c, n, StateUp)
		time.Sleep(2 * marker.DrainFor)
		w.waitWhole(c)
		w.holds(n, "s", "a=2")
	})
}

// Both homes are drained at once. A process that has not read of it yet goes on reading and writing there,
// and sees what others write meanwhile.
func TestAProcessThatKnowsOfNoDrainSeesWhatOthersWrite(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		n1, n2 := w.env.Node(0), w.env.Node(1)
		id := w.idWith("s", n1, n2)
		w.create(c, id, "a=1")
		other.pollNow()
		for _, n := range []string{n1.ID(), n2.ID()} {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := c.Drain(ctx, n); !isErr(err, context.DeadlineExceeded) {
				w.Fatal(err)
			}
		}
		if len(c.lists.Load().now.nodes) != 2 || other.drains(other.nodes()[0]) {
			w.Fatal("the test has no point")
		}
		w.change(c, id, "a", "2")
		w.sees(other, id, "a=2")
		w.change(other, id, "a", "3")
		w.sees(c, id, "a=3")
	})
}

// A process may go by the list with the node for six seconds more. Until then no pass begins that would
// miss what it writes.
func TestADrainWaitsForProcessesThatDoNotKnow(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		n := w.preference("s")[0]
		r := w.load(other, "s")
		r.Attrs["a"] = []byte("2")
		other.pollNow()
		w.drain(c, n)
		w.save(other, r)
		n.Kill()
		w.preference("s")[1].Kill()
		w.sees(c, "s", "a=2")
	})
}

// One look may come a moment before the entry of a write that is under way.
func TestThoseWhoWaitLookTwice(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		began := time.Now()
		w.waitWhole(c)
		if took := time.Since(began); took < c.settle() {
			w.Errorf("whole after %v, want two looks %v apart", took, c.settle())
		}
	})
}
