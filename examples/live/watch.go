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
	copies  map[string]int       // sessions by node, as of the latest census
}

// ear is one instance, from one start or change of its configuration to the next,
// and a node that it talks to.
type ear struct {
	c    *cluster.Cluster
	node string
}

// doubt is an exchange with a healthy node that timed out.
type doubt struct {
	at        time.Time
	node, app string
	driver    string
}

// keptDoubts is far more than can have a part in one loss.
const keptDoubts = 100

// grace is how long after something was done to a node its timeouts have a reason.
const grace = 3 * time.Second

const (
	lookEvery   = 100 * time.Millisecond
	censusEvery = 2 * time.Second
)

func newWatch(d *demo) *watch {
	return &watch{
		d: d, cuts: map[[2]string]bool{}, out: map[string]bool{}, moving: map[string]time.Time{}, copies: map[string]int{},
		touched: map[string]time.Time{}, killed: map[string]bool{},
	}
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	look, count := time.NewTicker(lookEvery), time.NewTicker(censusEvery)
	defer look.Stop()
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			w.look(ctx)
			w.listen(time.Now())
		case <-count.C:
			w.count(w.census(ctx))
		}
	}
}

// listen counts the exchanges that timed out although nothing is wrong with the node:
// on a machine with too much to do, that is one more fault, and nobody's button.
func (w *watch) listen(now time.Time) {
	if !w.d.nodes.own() {
		return // who can say whether they are well
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	heard, first := map[ear]uint64{}, w.doubted == 0
	for _, in := range w.d.apps {
		c := in.sessions()
		if c == nil {
			continue
		}
		for _, n := range c.Nodes() {
			e := ear{c, n.ID}
			heard[e] = n.Timeouts
			before, known := w.silent[e]
			excused := w.cuts[[2]string{n.ID, in.name}] || now.Sub(w.touched[n.ID]) < grace
			if known && !excused && n.Timeouts > before && w.d.nodes.healthy(n.ID) {
				w.doubted += int(n.Timeouts - before)
				w.doubts = append(w.doubts, doubt{now, n.ID, in.name, in.driver})
			}
		}
	}
	w.silent = heard
	w.doubts = w.doubts[max(0, len(w.doubts)-keptDoubts):]
	if first && w.doubted > 0 {
		w.d.journal.add(note, "", "This machine is busy: a healthy node did not answer within %v. Holdfast takes that for a fault, on top of those made here.", patienceWithNodes)
	}
}

// busy returns how many exchanges with healthy nodes timed out.
func (w *watch) busy() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doubted
}

// excuse says why a session of that driver's app could be lost since then: a healthy
// node did not answer, and another one was broken or did not answer either. That is
// two nodes at once, and two copies cover one. It is empty when that was not so: then
// the loss is holdfast's.
func (w *watch) excuse(driver string, since time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, one := range w.doubts {
		if one.driver != driver || one.at.Before(since) {
			continue
		}
		said := fmt.Sprintf("This machine was too busy: %s, which is well, did not answer %s in time", one.node, one.app)
		for id, at := range w.touched {
			if id != one.node && at.After(since) {
				return said + ", when something had just been done to " + id + "."
			}
		}
		for _, other := range w.doubts[i+1:] {
			if other.driver == driver && other.node != one.node {
				return said + ", nor did " + other.node + "."
			}
		}
	}
	return ""
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
// used since the fault before, so that it may have hit their only copy.
func (w *watch) fault(now time.Time) (exposed int) {
	exposed = w.exposed()
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

// exposed returns how many sessions were not used since the latest fault.
func (w *watch) exposed() int {
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	return w.d.crowd.exposed(broken)
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
			case cluster.Down:
				down++
			case cluster.Up:
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
			w.d.mended(n.ID+" is back", "%s answers again, and every app uses it. A session gets its copy back there with its next request.", n.ID)
		case alone:
			w.d.broke(n.ID+" died", "%s ended, and by none of these buttons: its memory is gone. Every app knows that.", n.ID)
		case !w.d.nodes.own():
			w.d.broke(n.ID+" down", "%s does not answer any more, and every app knows that. No request counts on it.", n.ID)
		case wasOut:
			w.d.journal.add(note, "", "Every app uses %s again. A session gets its copy back there with its next request.", n.ID)
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
			want := cluster.Down
			if up && !w.cut(n.ID, in.name) {
				want = cluster.Up
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

// calm waits until the apps have noticed the latest change and every session has
// been used after that: until then, one more fault would be the second. It is false
// when ctx ended before.
func (w *watch) calm(ctx context.Context) bool {
	began := time.Now()
	for {
		since, ok := w.steady()
		if since.Before(began) {
			since = began
		}
		if ok && w.d.crowd.exposed(since) == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(lookEvery):
		}
	}
}
