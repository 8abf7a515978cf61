package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what becomes of a save where one node refuses each write and has a reason
// each time: something newer, or a connection that broke.

// refuses has a node refuse each write: it holds something newer before each.
func (w *world) refuses(n *testenv.Node, id string) {
	w.onCommand(func(cmd sentCommand) {
		if cmd.verb == "cas" && w.env.Node(cmd.node) == n {
			was := w.on(n, id)
			w.put(n, id, record.Change(was, was.Values(), was.Deadline()+1, record.Timestamp{Clock: was.Newest() + 1, Writer: 7}))
		}
	})
}

// Of two nodes one shows something newer each time. The other has what it refuses.
func TestOneOfTwoNodesWithCASConflictsForEverIsPassedOver(t *testing.T) {
	for place := range 2 {
		story(t, 2, func(w *world) {
			c := w.cluster(Config{})
			r := w.create(c, "s", "a=1")
			w.refuses(w.preference("s")[place], "s")
			r.Attrs["a"] = []byte("2")
			w.save(c, r)
			w.onCommand(nil)
			w.sees(w.cluster(Config{}), "s", "a=2")
			w.holds(w.preference("s")[place], "s", "a=2")
		})
	}
}

// Two copies that were asked for are two.
func TestMinCopiesHoldsBesideCASConflictsForEver(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		r := w.create(c, "s", "a=1")
		w.refuses(w.preference("s")[0], "s")
		r.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
	})
}

// Where there is no other home, what is newer each time is what others save.
func TestLastHomeIsNotPassedOverForCASConflicts(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		w.refuses(w.preference("s")[0], "s")
		w.preference("s")[1].Kill()
		r.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), r); !isErr(err, ErrConflict) {
			w.Errorf("save: %v", err)
		}
	})
}

// A home is left when another one is down, or has a copy that cannot be read: nobody is told that it
// is passed over, and it is not.
func TestLastHomeThatAnswersIsNotPassedOver(t *testing.T) {
	for name, leave := range map[string]func(w *world, c *Cluster, n *testenv.Node){
		"the other hangs": func(w *world, c *Cluster, n *testenv.Node) {
			n.Pause()
			_ = c.Ping(context.Background())
			w.until(c, n, StateDown)
		},
		"the other's copy cannot be read": func(w *world, _ *Cluster, n *testenv.Node) {
			key := record.KeyOf("s").Name("")
			b, _ := n.Get(key)
			n.Set(key, newerVersion(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 5, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				leave(w, c, w.preference("s")[1])
				r := w.load(c, "s")
				r.Attrs["a"] = []byte("2")
				w.refuses(w.preference("s")[0], "s")
				if err := c.Save(context.Background(), r); !isErr(err, ErrConflict) {
					w.Errorf("save: %v", err)
				}
				if strings.Contains(w.logs.String(), errConflicts.Error()) {
					w.Errorf("the last home is passed over: %s", w.logs)
				}
			})
		})
	}
}

// Nor is a home passed over whose place only a node could take that is down.
func TestNodeThatIsDownTakesNoPlace(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		third := w.preference("s")[2]
		third.Pause()
		_ = c.Ping(context.Background())
		w.until(c, third, StateDown)
		w.conflicts("s")
		r.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), r); !isErr(err, ErrConflict) {
			w.Errorf("save: %v", err)
		}
		if strings.Contains(w.logs.String(), errConflicts.Error()) {
			w.Errorf("a home is passed over: %s", w.logs)
		}
	})
}

// A node that closes the connection under each write leaves no token that is good: each save
// would find it changed, and read it once more.
func TestNodeThatHangsUpOnEachWriteIsPassedOver(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		for place := range 2 {
			t.Run(fmt.Sprint(nodes, " nodes, place ", place), func(t *testing.T) {
				story(t, nodes, func(w *world) {
					h := &hostileNode{policy: truthfully(policy{writes: always(lie{then: hangsUp})})}
					cfg := Config{DialContext: w.takeOver(place, "s", h), Logger: slog.New(slog.NewTextHandler(w.logs, nil))}
					c, other := w.cluster(cfg), w.cluster(cfg)
					w.create(c, "s", "a=1")
					h.turned.Store(true)
					w.change(c, "s", "a", "2")
					w.change(other, "s", "b", "3")
					w.sees(c, "s", "a=2 b=3")
					w.holds(w.preference("s")[1-place], "s", "a=2 b=3")
					if !strings.Contains(w.logs.String(), errConflicts.Error()) {
						w.Errorf("nobody is told: %s", w.logs)
					}
				})
			})
		}
	}
}

// A sound home has one CAS conflict after the other, until the save passes it over. Then the other
// home dies: what the first one refused was for others' saves, so it is used again and gets its
// copy. An error would say that no home can be reached, while one answers at once.
func TestHomePassedOverForCASConflictsIsUsedAgainWhenTheOtherDies(t *testing.T) {
	for place := range 2 {
		story(t, 4, func(w *world) {
			c := w.cluster(Config{})
			r := w.create(c, "s", "a=1")
			refusing, dies := w.preference("s")[place], w.preference("s")[1-place]
			var lost atomic.Int32
			var died atomic.Bool
			w.onCommand(func(cmd sentCommand) {
				switch n := w.env.Node(cmd.node); {
				case n == refusing && cmd.verb == "cas" && lost.Load() < mostConflicts:
					lost.Add(1)
					was := w.on(n, "s")
					w.put(n, "s", record.Change(was, was.Values(), was.Deadline()+1, record.Timestamp{Clock: was.Newest() + 1, Writer: 7}))
				case n == dies && cmd.verb == "gets" && strings.Contains(w.logs.String(), errConflicts.Error()) && died.CompareAndSwap(false, true):
					n.Kill()
				}
			})
			r.Attrs["a"] = []byte("2")
			w.save(c, r)
			w.onCommand(nil)
			if lost.Load() != mostConflicts || !died.Load() {
				w.Fatalf("it lost %d races; the other died: %v", lost.Load(), died.Load())
			}
			w.holds(refusing, "s", "a=2")
			w.sees(w.cluster(Config{}), "s", "a=2")
		})
	}
}

// What was read before such a home is taken back still counts when its node has died since.
func TestWhatWasReadBeforeAHomeIsTakenBackStillCounts(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		list := w.preference("s")
		fought, dies, fallback := list[0], list[1], list[3] // it is asked when the other home has failed
		theirs := changed(w.on(fought, "s"), "b", "1")
		var died, read atomic.Bool
		w.onCommand(func(cmd sentCommand) {
			passedOver := strings.Contains(w.logs.String(), errConflicts.Error())
			switch n := w.env.Node(cmd.node); {
			case n == fought && cmd.verb == "cas" && !passedOver:
				w.put(n, "s", w.on(n, "s")) // the same under another token
			case n == dies && cmd.verb == "gets" && passedOver && died.CompareAndSwap(false, true):
				w.put(fallback, "s", theirs)
				n.Kill()
			case n == fallback && cmd.verb == "gets" && died.Load() && read.CompareAndSwap(false, true):
			case n == fallback && read.Load():
				n.Kill()
			}
		})
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.onCommand(nil)
		if !died.Load() || !read.Load() {
			w.Fatalf("the other home died: %v, and the fallback was read: %v", died.Load(), read.Load())
		}
		w.holds(fought, "s", "a=2 b=1")
	})
}
