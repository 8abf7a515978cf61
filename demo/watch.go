package main

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what is known of the cluster as a whole: what the apps think of
// the nodes, where the users' sessions lie, and what of it is worth telling.
type watch struct {
	d *demo

	mu      sync.Mutex // guards below
	number  int        // of faults so far
	broken  time.Time  // the latest fault
	cuts    map[[2]string]bool
	touched map[string]time.Time // when something was last done to a node
	killed  map[string]bool      // nodes that a button has ended
	silent  map[ear]uint64       // timeouts so far
	doubts  []doubt              // the latest of them
	doubted int                  // all of them
	out     map[string]bool      // nodes that every app has given up
	moving  map[string]time.Time // of them: those whose sessions may still be on the move, since when
	held    map[string]held      // by node, as of the latest census
	whole   time.Time            // all nodes were whole at this time or later
	lacking map[string]bool      // nodes that were whole once, and are not now
}

const (
	lookEvery   = 100 * time.Millisecond
	censusEvery = 2 * time.Second
	// fillEvery is the time between two censuses while a node fills, so that it can be watched.
	fillEvery = 300 * time.Millisecond
)

func newWatch(d *demo) *watch {
	return &watch{
		d: d, cuts: map[[2]string]bool{}, out: map[string]bool{}, moving: map[string]time.Time{},
		lacking: map[string]bool{}, touched: map[string]time.Time{}, killed: map[string]bool{},
	}
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	next, filled := time.Now().Add(censusEvery), true
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		w.look(ctx)
		filling := w.tellWhole()
		began := time.Now()
		w.listen(began)
		soon := filling || !filled // also once more when the last node has become whole
		if began.Before(next) && !(soon && began.After(next.Add(fillEvery-censusEvery))) {
			continue
		}
		filled = !filling
		w.count(w.census(ctx))
		// With many users on a slow machine the census must not be all that it does.
		next = time.Now().Add(censusEvery + 4*time.Since(began))
	}
}

// touch notes that something is done to a node.
func (w *watch) touch(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched[id] = time.Now()
}

// ended notes that a button is about to end a node, or has started it, and returns
// what was before.
func (w *watch) ended(id string, is bool) (was bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was = w.killed[id]
	if is {
		w.killed[id] = true
	} else {
		delete(w.killed, id)
	}
	return was
}

// fault notes that something was broken and returns how many sessions had not been
// used since the fault before, nor were all nodes whole, so that it may have hit their only copy.
func (w *watch) fault(now time.Time) (exposed int) {
	busy, idle := w.exposed()
	exposed = busy + idle
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	w.broken = now
	return exposed
}

// counted counts a fault that hits no node.
func (w *watch) counted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
}

// faults returns the number of faults so far.
func (w *watch) faults() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.number
}

// exposed returns how many sessions may still miss a copy: none when all nodes were whole since the
// latest fault, otherwise those that were not used since.
func (w *watch) exposed() (busy, idle int) {
	w.mu.Lock()
	broken := w.broken
	covered := w.whole.After(broken)
	w.mu.Unlock()
	if covered {
		return 0, 0
	}
	return w.d.crowd.unused(broken)
}

func (w *watch) cut(node, app string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts[[2]string{node, app}]
}

// allCuts says which apps cannot reach which nodes.
func (w *watch) allCuts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for cut := range w.cuts {
		all = append(all, cut[1]+" is still cut off from "+cut[0])
	}
	sort.Strings(all)
	return all
}

func (w *watch) setCut(node, app string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is {
		w.cuts[[2]string{node, app}] = true
	} else {
		delete(w.cuts, [2]string{node, app})
	}
}

// look tells when the apps have come to agree about a node, and what became of its
// sessions.
func (w *watch) look(ctx context.Context) {
	for _, n := range w.d.nodes.all() {
		var live, down, up int
		var latest time.Time
		for _, in := range w.d.apps {
			s, ok := in.sees(n.ID)
			if !ok {
				continue
			}
			live++
			switch s.State {
			case cluster.StateDown:
				down++
			case cluster.StateUp:
				up++
			}
			if s.Since.After(latest) {
				latest = s.Since
			}
		}
		w.mu.Lock()
		wasOut, broken := w.out[n.ID], w.broken
		alone := w.d.nodes.state(n.ID) == testenv.Down && !w.killed[n.ID]
		switch {
		case live > 0 && down == live && !wasOut:
			w.out[n.ID], w.moving[n.ID] = true, latest
		case live > 0 && up == live && wasOut:
			delete(w.out, n.ID)
			delete(w.moving, n.ID)
		default:
			live = 0
		}
		w.mu.Unlock()
		switch {
		case live == 0:
		case !w.d.nodes.own() && wasOut:
			w.d.mended(n.ID+" is back", "%s answers again, and every app uses it. It fills by itself, and at once for a session that is used.", n.ID)
		case alone:
			w.d.broke(n.ID+" died", "%s ended, and by none of these buttons: its memory is gone. Every app knows that.", n.ID)
		case !w.d.nodes.own():
			w.d.broke(n.ID+" down", "%s does not answer any more, and every app knows that. No request counts on it.", n.ID)
		case wasOut:
			w.d.journal.add(note, "", "Every app uses %s again. It fills by itself, and at once for a session that is used.", n.ID)
		default:
			w.d.journal.add(note, "", "Every app knows that %s does not answer%s. No request counts on it any more.", n.ID, after(latest.Sub(broken)))
		}
	}
	w.tellMoved(ctx)
}

// after says how long it took, where that makes sense.
func after(d time.Duration) string {
	if d <= 0 || d > time.Minute {
		return ""
	}
	return fmt.Sprintf(", %d ms after the fault", max(1, d.Milliseconds()))
}

// settled reports whether every app thinks of every node what is true of it.
func (w *watch) settled() bool {
	for _, n := range w.d.nodes.all() {
		up := w.d.nodes.state(n.ID) == testenv.Up
		for _, in := range w.d.apps {
			want := cluster.StateDown
			if up && !w.cut(n.ID, in.name) {
				want = cluster.StateUp
			}
			if s, ok := in.sees(n.ID); ok && s.State != want {
				return false
			}
		}
	}
	return true
}

// steady returns since when no app has changed its opinion of a node, and whether
// all these opinions are true.
func (w *watch) steady() (since time.Time, ok bool) {
	for _, in := range w.d.apps {
		for _, n := range in.nodes() {
			if n.Since.After(since) {
				since = n.Since
			}
		}
	}
	return since, w.settled()
}

// calm waits until the apps have noticed the latest change, and every session of a user who works
// has been used after that. It is false when ctx ended before.
func (w *watch) calm(ctx context.Context) bool {
	began := time.Now()
	for {
		since, ok := w.steady()
		if since.Before(began) {
			since = began
		}
		if busy, _ := w.d.crowd.unused(since); ok && busy == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(lookEvery):
		}
	}
}
