package cluster

import (
	"context"
	"slices"
	"testing"
	"time"
)

// These stories tell what a save remembers from one round to the next, and what it
// leaves behind.

// The answer of a node that answered in one round and died before the next still counts.
func TestAnswerOfANodeThatDiedSinceCounts(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		homes := w.preference("s")[:2]
		primary, backup := w.index("s", 0), w.index("s", 1)
		r := w.create(c, "s", "a=1")
		old := w.on(homes[0], "s")
		w.change(other, "s", "b", "1")
		homes[1].Restart()
		r.Attrs["a"] = []byte("2")
		dead, conflict := false, false
		w.onCommand(func(cmd sentCommand) {
			w.mu.Lock()
			kill := cmd.verb == "cas" && cmd.node == primary && !dead
			race := cmd.verb == "add" && cmd.node == backup && !conflict
			dead, conflict = dead || kill, conflict || race
			w.mu.Unlock()
			if kill {
				homes[0].Kill()
			}
			if race {
				w.put(homes[1], "s", old) // somebody was faster, with less
			}
		})
		w.save(c, r)
		if !dead || !conflict {
			w.Fatal("the save went another way: the story shows nothing")
		}
		w.sees(other, "s", "a=2 b=1")
	})
}

func TestRoundsAfterCASConflictsBackOff(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{Rand: func() uint64 { return 1 << 63 }}) // half of each wait
		w.create(c, "s", "a=0")
		r := w.load(c, "s")
		r.Attrs["a"] = []byte("1")
		w.conflicts("s")
		began := time.Now()
		if err := c.Save(context.Background(), r); !isErr(err, ErrConflict) {
			w.Errorf("save: %v", err)
		}
		if took, want := time.Since(began), (2+4+8+16+32+64+64)*time.Millisecond; took != want {
			w.Errorf("eight rounds took %v, want %v", took, want)
		}
	})
}

func TestMinCopiesCountsNodesThatHangAsWell(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		list[1].Pause()
		list[2].Pause()
		_ = c.Ping(context.Background())
		w.until(c, list[1], StateDown)
		w.until(c, list[2], StateDown)
		r := w.load(c, "s")
		r.Attrs["a"] = []byte("2")
		for _, r := range []*Record{r, NewRecord("new")} {
			if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
				w.Errorf("one copy is not two: %v", err)
			}
		}
		w.sees(c, "s", "a=1") // nothing was half done
	})
}

// Loads that look while a save is under way find nothing yet; once it has returned,
// that must not be remembered.
func TestLoadsDuringASaveDoNotHideIt(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "add" {
				time.Sleep(latency)
			}
		})
		done := make(chan error)
		go func() { done <- c.Save(context.Background(), NewRecord("s")) }()
		time.Sleep(latency / 2)
		for range 4 {
			w.missing(c, "s", ErrNotFound)
		}
		if err := <-done; err != nil {
			w.Fatal(err)
		}
		w.load(c, "s")
	})
}

// A round that is lost to nodes that fail costs no wait: the next nodes have nothing to do with it. By
// chance a save also meets a conflict, which costs one: hardly three times in a row.
func TestNodesThatFailOneAfterTheOtherCostNoWait(t *testing.T) {
	var took time.Duration
	for range 3 {
		story(t, 6, func(w *world) {
			c := w.cluster(Config{})
			list := w.preference("s")
			w.onCommand(func(cmd sentCommand) {
				if n := w.env.Node(cmd.node); cmd.verb == "add" && slices.Contains(list[:4], n) {
					n.Kill()
				}
			})
			began := time.Now()
			w.create(c, "s", "a=1")
			took = time.Since(began)
			w.holds(list[4], "s", "a=1")
		})
		if took == 0 {
			return
		}
	}
	t.Errorf("each of three saves has waited, the last for %v", took)
}
