package cluster

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what a node costs that contradicts itself: what it shows and what
// it refuses do not fit together. Nobody can save on it, and it never says so.

// contradictions are the ways to do so: what happens to the node's copy before the
// turn-th command is answered. The old copy comes under a new token each time.
var contradictions = map[string]func(env *testenv.Env, n *testenv.Node, cmd sentCommand, turn int, old []byte){
	"a miss, then not stored": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, _ int, _ []byte) {
		if cmd.verb == "gets" {
			n.Delete(cmd.key)
		} else {
			n.Set(cmd.key, []byte("somebody's"))
		}
	},
	"an old copy, then exists": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, _ int, old []byte) {
		n.Set(cmd.key, old)
	},
	"an old copy, then not found": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, _ int, old []byte) {
		if n.Set(cmd.key, old); cmd.verb == "cas" {
			n.Delete(cmd.key)
		}
	},
	"garbage, then exists": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, _ int, _ []byte) {
		n.Set(cmd.key, []byte("garbage"))
	},
	"now a miss, now an old copy": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, turn int, old []byte) {
		if n.Set(cmd.key, old); cmd.verb == "gets" && turn%4 < 2 {
			n.Delete(cmd.key)
		}
	},
	"a copy about to expire, and then not": func(env *testenv.Env, n *testenv.Node, cmd sentCommand, turn int, old []byte) {
		n.Set(cmd.key, old)
		if turn%4 < 2 {
			setOrphan(env, n, cmd.key, old)
		}
	},
}

// setOrphan puts a copy on the node as an orphan, which is about to expire.
func setOrphan(env *testenv.Env, n *testenv.Node, key string, copy []byte) {
	c, err := env.DialContext(context.Background(), "tcp", n.Addr())
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "set %s %d 0 %d\r\n%s\r\n", key, memcached.OrphanFlag, len(copy), copy)
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "STORED\r\n" {
		panic(fmt.Sprint(line, err))
	}
}

// like returns another id whose sessions live on the same nodes.
func (w *world) like(id string) string {
	for i := 0; ; i++ {
		if other := fmt.Sprint("like", i); slices.Equal(w.preference(other), w.preference(id)) {
			return other
		}
	}
}

func TestNodeThatContradictsItselfIsPassedOver(t *testing.T) {
	for name, contradict := range contradictions {
		for _, pace := range []struct {
			name string
			wait time.Duration
		}{{"at once", 0}, {"just in time", DefaultTimeout * 9 / 10}} {
			// Without a third node there is nobody to take over, and so one chance more.
			for nodes, most := range map[int]time.Duration{2: 7 * DefaultTimeout, 3: 4 * DefaultTimeout} {
				t.Run(fmt.Sprint(name, " ", pace.name, ", ", nodes, " nodes"), func(t *testing.T) {
					story(t, nodes, func(w *world) {
						// Nothing is healed: what lies where is what the requests have done.
						c, other := w.cluster(Config{unwatched: true}), w.cluster(Config{unwatched: true})
						list, primary := w.preference("s"), w.index("s", 0)
						held := w.create(c, "s", "a=1 b=1")
						old, _ := list[0].Get(record.KeyOf("s").Name(""))
						w.change(other, "s", "b", "2")
						var turn atomic.Int64 // a wide read asks beside a poll
						w.onCommand(func(cmd sentCommand) {
							if cmd.node == primary && slices.Contains([]string{"gets", "add", "cas"}, cmd.verb) {
								contradict(w.env, list[0], cmd, int(turn.Add(1))-1, old)
								time.Sleep(pace.wait)
							}
						})
						inTime := func(what string, do func()) {
							w.Helper()
							began := time.Now()
							do()
							if took := time.Since(began); took > most {
								w.Errorf("%s took %v, want at most %v", what, took, most)
							}
						}
						inTime("a load", func() { w.sees(other, "s", "a=1 b=2") })
						inTime("a save after an old load", func() {
							held.Attrs["a"] = []byte("2")
							w.save(c, held)
						})
						r := w.sees(other, "s", "a=2 b=2")
						inTime("a save", func() {
							r.Attrs["a"] = []byte("3")
							w.save(other, r)
						})
						inTime("a new session's save", func() { w.create(c, w.like("s"), "x=1") })
						w.sees(c, w.like("s"), "x=1")

						// All that was acknowledged lies on the others alone.
						w.holds(list[1], "s", "a=3 b=2")
						if nodes > 2 {
							w.holds(list[2], "s", "a=3 b=2")
							list[1].Kill()
							w.sees(c, "s", "a=3 b=2")
						}
						w.onCommand(nil)
						w.sees(other, "s", "a=3 b=2")
						w.delete(c, "s")
						w.missing(other, "s", ErrNotFound)
						if s := c.Nodes()[primary]; !strings.Contains(w.logs.String(), errConflicts.Error()) {
							w.Errorf("nobody is told: %+v", s)
						}
						if key := record.KeyOf("s").Name(""); strings.Contains(w.logs.String(), key) {
							w.Errorf("the log shows the key: %s", w.logs)
						}
					})
				})
			}
		}
	}
}

// A node that keeps every old copy can show them one by one, each newer than the last, so
// that each write looks like a CAS conflict. Seals do not stop that.
func TestNodeThatShowsOldCopiesOneByOneIsPassedOver(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		list, primary, key := w.preference("s"), w.index("s", 0), record.KeyOf("s").Name("")
		w.create(c, "s", "a=0")
		var kept [][]byte
		for i := range 2 * saveRounds {
			b, _ := list[0].Get(key)
			kept = append(kept, b)
			w.change(c, "s", "a", fmt.Sprint("old", i))
		}
		w.onCommand(func(cmd sentCommand) {
			if cmd.node == primary && cmd.verb == "cas" && len(kept) > 0 {
				list[0].Set(key, kept[0])
				kept = kept[1:]
			}
		})
		r := w.sees(c, "s", fmt.Sprint("a=old", 2*saveRounds-1))
		r.Attrs["a"] = []byte("new")
		w.save(c, r)
		w.sees(c, "s", "a=new")
	})
}

// Where other saves win on both home nodes each time, neither is passed over for the other: no
// process would look for a session that lies on fallbacks alone.
func TestCASConflictsOnBothHomesAreNoContradiction(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=0")
		r.Attrs["a"] = []byte("1")
		w.conflicts("s")
		if err := c.Save(context.Background(), r); !isErr(err, ErrConflict) {
			w.Errorf("save: %v", err)
		}
		w.onCommand(nil)
		w.change(c, "s", "a", "2")
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", "a=2")
		}
	})
}

// A node that refused a cas for a newer record, and lost that record since, has done nothing wrong.
func TestCASConflictWithARecordLostSinceIsNoContradiction(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		r.Attrs["a"] = []byte("2")
		primary, adds := w.index("s", 0), 0
		list := w.preference("s")
		w.onCommand(func(cmd sentCommand) {
			if cmd.node != primary {
				return
			}
			switch n := w.env.Node(cmd.node); cmd.verb {
			case "cas":
				n.Delete(cmd.key) // evicted: the copy is gone, and says so
			case "add":
				if adds++; adds == 1 {
					w.put(n, "s", w.on(list[1], "s")) // another instance repaired it
				}
			case "gets":
				if adds == 1 {
					n.Delete(cmd.key) // evicted again
				}
			}
		})
		if err := c.Save(context.Background(), r); err != nil || adds != 2 {
			w.Fatalf("%v after %d adds", err, adds)
		}
		w.holds(list[0], "s", "a=2")
		w.holds(list[1], "s", "a=2")
		if w.on(list[2], "s") != nil {
			w.Error("a fallback was used although all homes are well")
		}
	})
}

// One copy is evicted once and repaired by a reader, then another instance's save comes
// between. The node has done nothing wrong, and a save is on both nodes that are up.
func TestNodeIsNotPassedOverForOneEviction(t *testing.T) {
	story(t, 2, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list, n1 := w.preference("s"), w.index("s", 0)
		key := record.KeyOf("s").Name("")
		w.create(a, "s", "a=1 b=1")
		r := w.load(a, "s")
		list[0].Delete(key)  // evicted
		w.load(b, "s")       // a reader repairs it: the same record, a new token
		at := w.load(b, "s") // and another request begins, which will save below
		at.Attrs["b"] = []byte("2")
		theirs := record.Change(at.snap.base, at.Attrs, at.snap.base.Deadline(), record.Timestamp{Clock: at.snap.base.Newest() + 5, Writer: 7})
		turn := 0
		w.onCommand(func(cmd sentCommand) {
			if cmd.node == n1 && cmd.verb == "cas" {
				if turn++; turn == 2 {
					// the first half of the other instance's fast save: its cas fits
					w.put(list[0], "s", theirs)
				}
			}
		})
		r.Attrs["a"] = []byte("2")
		w.save(a, r) // acknowledged
		for _, n := range list {
			if got := w.on(n, "s"); string(got.Values()["a"]) != "2" {
				w.Errorf("acknowledged, both nodes are up, but %s holds %s", n.ID(), show(got))
			}
		}
		list[1].Kill()
		w.sees(b, "s", "a=2 b=2")
	})
}

// Where both home nodes look as if they contradicted themselves, a save on fallbacks alone
// would be lost: the homes agree on the old record, and nobody looks further.
func TestSaveOnFallbacksAloneIsNotAcknowledged(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		key := record.KeyOf("s").Name("")
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		old, _ := list[0].Get(key)
		list[2].Set(key, old)
		h1, h2 := w.index("s", 0), w.index("s", 1)
		w.onCommand(func(cmd sentCommand) {
			if (cmd.node == h1 || cmd.node == h2) && cmd.verb == "cas" {
				w.env.Node(cmd.node).Delete(key)   // evicted
				w.env.Node(cmd.node).Set(key, old) // and repaired by a reader
			}
		})
		r.Attrs["a"] = []byte("2")
		err := c.Save(context.Background(), r)
		w.onCommand(nil)
		if err == nil {
			w.sees(other, "s", "a=2")
		}
	})
}

// The record that caused the CAS conflict was written by a newer version of this package: that is
// no contradiction.
func TestCASConflictWithANewerFormatIsNoContradiction(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list, h1 := w.preference("s"), w.index("s", 0)
		key := record.KeyOf("s").Name("")
		r := w.create(c, "s", "a=1")
		old, _ := list[0].Get(key)
		newer := newerVersion(old)
		if _, err := record.Decode(newer, record.KeyOf("s"), nil, readAt); !isErr(err, ErrVersion) {
			w.Fatal(err)
		}
		list[1].Kill()
		list[2].Kill()
		list[3].Kill()
		turn := 0
		w.onCommand(func(cmd sentCommand) {
			if cmd.node == h1 && cmd.verb == "cas" {
				if turn++; turn == 1 {
					list[0].Set(key, newer)
				}
			}
		})
		r.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), r); !isErr(err, ErrVersion) {
			w.Errorf("save: %v, want ErrVersion; %v", err, w.logs.String())
		}
	})
}
