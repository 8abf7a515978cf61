package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// nodesOf are these nodes of the world, as a list.
func (w *world) nodesOf(which ...int) (nodes []Node) {
	w.Helper()
	all, err := ParseNodes(w.env.Nodes())
	if err != nil {
		w.Fatal(err)
	}
	for _, i := range which {
		nodes = append(nodes, all[i])
	}
	return nodes
}

// set gives a cluster another list.
func (w *world) set(c *Cluster, which ...int) {
	w.Helper()
	if err := c.SetNodes(w.nodesOf(which...)); err != nil {
		w.Fatal(err)
	}
}

// settles waits until the present list alone is in force.
func (w *world) settles(cs ...*Cluster) {
	w.Helper()
	for _, c := range cs {
		for c.Stats().Lists > 1 { // WaitWhole would read the markers three times a second meanwhile
			time.Sleep(time.Second)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		err := c.WaitWhole(ctx)
		cancel()
		if err != nil {
			w.Fatal(err)
		}
	}
}

// All nodes are replaced at once, and two instances learn of it five seconds apart. What either
// writes, the other sees at any time; idle sessions, changes and logouts from before hold when the
// old nodes are gone.
func TestAllNodesAreReplacedAtOnce(t *testing.T) {
	story(t, 6, func(w *world) {
		one, two := w.cluster(Config{Nodes: w.nodesOf(0, 1, 2)}), w.cluster(Config{Nodes: w.nodesOf(0, 1, 2)})
		for i := range 20 {
			w.create(one, fmt.Sprint("idle", i), "a=1")
		}
		w.create(one, "busy", "n=0")
		w.create(one, "out", "a=1")
		w.create(one, "gone", "a=1")
		w.delete(two, "gone")
		step := func(n int) {
			w.change(one, "busy", "n", fmt.Sprint(2*n))
			w.sees(two, "busy", fmt.Sprint("n=", 2*n))
			w.change(two, "busy", "n", fmt.Sprint(2*n+1))
			w.sees(one, "busy", fmt.Sprint("n=", 2*n+1))
			w.missing(one, "gone", ErrNotFound)
			w.missing(two, "nobody", ErrNotFound)
		}
		step(1)
		w.set(one, 3, 4, 5)
		for n := range 5 {
			step(2 + n)
			w.create(two, fmt.Sprint("new by the old list", n), "a=1")
			w.sees(one, fmt.Sprint("new by the old list", n), "a=1")
			w.create(one, fmt.Sprint("new by the new list", n), "a=1")
			w.sees(two, fmt.Sprint("new by the new list", n), "a=1")
			time.Sleep(time.Second)
		}
		w.set(two, 3, 4, 5)
		step(10)
		w.delete(one, "out")
		w.settles(one, two)
		for i := range 3 {
			w.env.Node(i).Kill()
		}
		step(11)
		for _, c := range []*Cluster{one, two} {
			for i := range 20 {
				w.sees(c, fmt.Sprint("idle", i), "a=1")
			}
			for n := range 5 {
				w.sees(c, fmt.Sprint("new by the old list", n), "a=1")
				w.sees(c, fmt.Sprint("new by the new list", n), "a=1")
			}
			w.missing(c, "out", ErrNotFound)
			w.missing(c, "gone", ErrNotFound)
			if len(c.Nodes()) != 3 {
				w.Errorf("%d nodes are listed", len(c.Nodes()))
			}
		}
	})
}

// The list is changed and changed back, with changes and a logout in between that lie on nodes of both.
func TestAListThatComesBack(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1)})
		w.create(c, "s", "a=1")
		w.create(c, "out", "a=1")
		w.set(c, 2, 3)
		w.change(c, "s", "a", "2")
		w.settles(c)
		w.change(c, "s", "a", "3") // the first list knows nothing of it
		w.delete(c, "out")
		w.set(c, 0, 1)
		w.sees(c, "s", "a=3")
		w.settles(c)
		w.env.Node(2).Kill()
		w.env.Node(3).Kill()
		w.sees(c, "s", "a=3")
		w.missing(c, "out", ErrNotFound)
		w.env.Node(0).Kill()
		w.sees(c, "s", "a=3")
	})
}

func TestAtMostThreeListsAreInForce(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1)})
		w.create(c, "s", "a=1")
		w.set(c, 1, 2)
		w.set(c, 2, 3)
		if err := c.SetNodes(w.nodesOf(3, 4)); err == nil || !strings.Contains(err.Error(), "again in 2m") {
			w.Errorf("a fourth list: %v", err)
		}
		w.sees(c, "s", "a=1")
		w.settles(c)
		w.set(c, 3, 4)
		w.sees(c, "s", "a=1")
		for _, bad := range [][]Node{nil, w.nodesOf(1), w.nodesOf(1, 1)} {
			if err := c.SetNodes(bad); err == nil {
				w.Errorf("%v: no error", bad)
			}
		}
		w.sees(c, "s", "a=1")
	})
}

// A replacement under the same ID is another node: it begins empty, and the old one is read until it
// has everything.
func TestANodeIsReplacedUnderItsID(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1)})
		for i := range 10 {
			w.create(c, fmt.Sprint(i), "a=1")
		}
		next := w.nodesOf(0, 2)
		next[1].ID = w.nodesOf(1)[0].ID
		if err := c.SetNodes(next); err != nil {
			w.Fatal(err)
		}
		w.settles(c)
		w.env.Node(1).Kill()
		w.env.Node(0).Kill()
		for i := range 10 {
			w.sees(c, fmt.Sprint(i), "a=1")
		}
	})
}

// An instance that begins during a transition has the new list alone. It learns of the former one from the
// markers where these are sealed, and where it knows the servers. Where it does not, the sessions that
// it cannot find yet are an outage, and no missing sessions.
func TestAnInstanceBeginsDuringATransition(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		for _, overlap := range []bool{true, false} {
			story(t, 6, func(w *world) {
				before, after := []int{0, 1, 2}, []int{3, 4, 5}
				cfg := Config{Nodes: w.nodesOf(before...)}
				if sealed {
					cfg.SealKeys = [][]byte{sealKeyOf(1)}
				}
				if overlap { // nodes only leave
					cfg.Nodes = w.nodesOf(0, 1, 2, 3, 4, 5)
					after = []int{4, 5}
				}
				one := w.cluster(cfg)
				for i := range 20 {
					w.create(one, fmt.Sprint("idle", i), "a=1")
				}
				w.set(one, after...)
				time.Sleep(10 * time.Second)
				cfg.Nodes, cfg.unwatched = w.nodesOf(after...), true
				late := w.cluster(cfg)
				late.running.Go(late.watch)
				late.pollNow()
				lost := 0
				for i := range 20 {
					_, err := late.Load(context.Background(), fmt.Sprint("idle", i))
					if err != nil {
						lost++
					}
					if err != nil && !errors.Is(err, ErrUnavailable) {
						w.Errorf("sealed %v, overlap %v: %v", sealed, overlap, err)
					}
				}
				if sealed && lost > 0 || !sealed && !overlap && lost < 20 { // else any server can be named there
					w.Errorf("sealed %v, overlap %v: %d sessions are not found", sealed, overlap, lost)
				}
				w.settles(one)
				w.settles(late)
				for i := range 20 {
					w.sees(late, fmt.Sprint("idle", i), "a=1")
				}
				w.missing(late, "nobody", ErrNotFound)
			})
		}
	}
}

// While a transition is under way, the homes by the former list know more than those by the present one.
func TestTheFormerHomesAreMissedDuringATransition(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1, 2)})
		w.create(c, "s", "a=1")
		w.set(c, 3, 4, 5)
		for i := range 3 {
			w.env.Node(i).Pause()
		}
		w.missing(c, "s", ErrUnavailable)
		for i := range 3 {
			w.env.Node(i).Resume()
		}
		w.settles(c)
		w.sees(c, "s", "a=1")
	})
}

// By the former list, another process may count on a copy that lies outside all targets of this one.
func TestNoOrphanIsExpiredDuringATransition(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		far := list[3] // no home by either list
		w.put(far, "s", w.on(list[0], "s"))
		var left []int
		for i := range w.env.All() {
			if w.env.Node(i) != list[4] {
				left = append(left, i)
			}
		}
		w.set(c, left...)
		list[0].Restart() // so that the read is wide, and finds it
		w.sees(c, "s", "a=1")
		time.Sleep((orphanTTL + 10) * time.Second)
		w.holds(far, "s", "a=1")
	})
}

// A drain begins while a transition is under way, and one ends after it. An instance that has the former
// list, or has not read of the drain, may still write by it, so no pass begins earlier.
func TestADrainDoesNotShortenATransition(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1, 2)})
		w.create(c, "s", "a=1")
		w.set(c, 1, 2, 3, 4)
		began := time.Now()
		drained := w.nodesOf(4)[0].ID
		if err := c.Drain(context.Background(), drained); err != nil {
			w.Fatal(err)
		}
		if took := time.Since(began); took < DefaultTransitionFor {
			w.Errorf("a pass began after %v", took)
		}
		began = time.Now()
		if err := c.Undrain(context.Background(), drained); err != nil {
			w.Fatal(err)
		}
		w.settles(c)
		if took := time.Since(began); took < staleAfter {
			w.Errorf("after the drain a pass began after %v", took)
		}
	})
}

// Nodes leave the list while entries in their markers, and entries about them, are being ended.
func TestANodeLeavesWhileEntriesEnd(t *testing.T) {
	home, on, gone := &node{}, &node{index: 1}, &node{index: 2}
	hs := &hints{}
	h := hs.begin(home)
	h.ended, h.busy = []endedEntry{{on, 1, false}, {gone, 1, false}}, true
	done := slices.Clone(h.ended[:1])
	hs.drop(gone)
	h.ended = append(h.ended, endedEntry{on, 2, false}) // another time has ended meanwhile
	hs.finish(h, done)
	if !slices.Equal(h.ended, []endedEntry{{on, 2, false}}) || h.busy {
		t.Errorf("left are %v, busy: %v", h.ended, h.busy)
	}
}

// Lists that change all the time fill no log.
func TestChangesOfTheListFillNoLog(t *testing.T) {
	story(t, 3, func(w *world) {
		logs := &syncBuffer{}
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1), Logger: slog.New(slog.NewTextHandler(logs, nil)), unwatched: true})
		for i := range 100 {
			_ = c.SetNodes(w.nodesOf(i%2, 2))
			c.tellChange(time.Now()) // as after each poll
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(tellEvery)
		c.tellChange(time.Now())
		for _, line := range linesOfLists {
			if n := strings.Count(logs.String(), line); n > 3 {
				w.Errorf("%q: %d lines", line, n)
			}
		}
	})
}

// A source that fails all the time, or whose lists cannot be used, fills no log.
func TestASourceThatFailsFillsNoLog(t *testing.T) {
	for _, line := range linesOfLists[2:4] {
		story(t, 2, func(w *world) {
			logs := &syncBuffer{}
			asked := 0
			w.cluster(Config{
				Replicas: 2, DiscoverEvery: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(logs, nil)),
				Discover: func(context.Context) ([]Node, error) {
					if asked++; line == linesOfLists[2] {
						return nil, errors.New("no answer")
					}
					return w.nodesOf(0), nil // fewer than Replicas
				},
			})
			time.Sleep(3 * time.Second)
			if n := strings.Count(logs.String(), line); n < 2 || n > 5 {
				w.Errorf("%q: %d lines of %d answers", line, n, asked)
			}
		})
	}
}

var linesOfLists = []string{
	"the list of nodes changes", "the list of nodes has changed: every node is whole for it, and the former list is out of force",
	"the list of nodes cannot be asked for, and stays as it is", "the list of nodes that was found is not used",
	"the list of nodes is changing",
}
