package cluster

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// These stories tell how saves of one session take turns in one process.

// saves loads the session so many times. What it returns saves all of these at once, each
// with a change of its own, and has every answer looked at.
func (w *world) saves(c *Cluster, n int) (save func(look func(error))) {
	w.Helper()
	var rs []*Record
	for i := range n {
		r := w.load(c, "s")
		r.Attrs[fmt.Sprint(i)] = []byte("1")
		rs = append(rs, r)
	}
	return func(look func(error)) {
		var wg sync.WaitGroup
		for _, r := range rs {
			wg.Go(func() { look(c.Save(context.Background(), r)) })
		}
		wg.Wait()
	}
}

func TestSavesOfOneSessionTakeTurnsInOneProcess(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=0")
		save := w.saves(c, 10)
		w.slow()
		w.forget()
		save(func(err error) {
			if err != nil {
				w.Errorf("save: %v", err)
			}
		})
		// The first goes through, each other is refused once, gathers and writes.
		if got := w.count("cas"); got != 2+9*4 {
			w.Errorf("%d cas for ten saves, want %d", got, 2+9*4)
		}
		if len(c.lanes.busy) != 0 {
			w.Errorf("%d lanes are left", len(c.lanes.busy))
		}
	})
}

// Saves of one session take turns, but not in failing.
func TestManySavesOfOneSessionFailTogether(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		save := w.saves(c, 100)
		for _, n := range w.env.All() {
			n.Pause()
		}
		began := time.Now()
		save(func(err error) {
			if !isErr(err, ErrUnavailable) {
				w.Errorf("save: %v", err)
			}
		})
		if took := time.Since(began); took > 5*c.cfg.Timeout {
			w.Errorf("it took %v: %d Timeouts", took, took/c.cfg.Timeout)
		}
	})
}

// Nor in getting in each other's way when the nodes are back.
func TestManySavesThatWentWithoutATurnTakeOneAgain(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		w.create(c, "s", "a=1")
		save := w.saves(c, 60)
		w.slow()
		n := w.env.Node(0)
		n.Kill()
		var back sync.Once
		save(func(err error) {
			switch {
			case isErr(err, ErrUnavailable):
				back.Do(n.Restart)
			case err != nil:
				w.Errorf("save: %v", err)
			}
		})
	})
}
