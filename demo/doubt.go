package main

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides whether the machine is too busy for what is shown on it: whether
// nodes that are well kept silent.

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
