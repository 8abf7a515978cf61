package main

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides when one more fault is the only one: when all nodes are whole, so that each
// session has its copies, whether it was used or not.

// witnessFor is how long one app is asked before another one may be.
const witnessFor = 5 * time.Second

// waitWhole returns when every node is whole, as an app that can reach all of them says by what it
// read after the call. The error is ctx's when that ends,
// and otherwise why none can become whole.
func (w *watch) waitWhole(ctx context.Context) error {
	for {
		if c := w.witness(); c != nil {
			began := time.Now()
			one, cancel := context.WithTimeout(ctx, witnessFor)
			err := c.WaitWhole(one)
			cancel()
			again := errors.Is(err, cluster.ErrClosed) || errors.Is(err, context.DeadlineExceeded) // the app was killed, or got another list
			if err == nil {
				w.wereWhole(began)
				return nil
			}
			if ctx.Err() == nil && !again {
				return err
			}
		}
		if !wait(ctx, lookEvery) {
			return ctx.Err()
		}
	}
}

// witness returns the Cluster of a running app that is cut off from no node; nil: there is none.
func (w *watch) witness() *cluster.Cluster {
	for _, in := range w.d.apps {
		cut := in.remote != nil
		for _, id := range w.d.nodes.ids() {
			cut = cut || w.cut(id, in.name)
		}
		if c := in.sessions(); c != nil && !cut {
			return c
		}
	}
	return nil
}

// followWhole notes when all nodes were whole after a fault, until ctx ends.
func (w *watch) followWhole(ctx context.Context) {
	for wait(ctx, lookEvery) {
		if w.isSafe() {
			continue
		}
		if w.d.ownApps() {
			_ = w.waitWhole(ctx) // where none can become whole, nothing is safe
		} else if now := time.Now(); w.allSeeWhole() {
			w.wereWhole(now)
		}
	}
}

// wereWhole notes that all nodes were whole at that time, or later.
func (w *watch) wereWhole(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.After(w.whole) {
		w.whole = at
	}
}

// allSeeWhole reports whether every app that runs elsewhere says that all nodes are whole.
func (w *watch) allSeeWhole() bool {
	seen := false
	for _, in := range w.d.apps {
		for _, n := range in.nodes() {
			if !n.Whole {
				return false
			}
			seen = true
		}
	}
	return seen
}

// isSafe reports whether all nodes were whole since the latest fault.
func (w *watch) isSafe() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.whole.After(w.broken)
}

// safe waits until all nodes were whole since the latest fault. It is false when ctx ended before.
func (w *watch) safe(ctx context.Context) bool {
	for !w.isSafe() {
		if !wait(ctx, lookEvery) {
			return false
		}
	}
	return true
}

// tellWhole tells of nodes that have become whole again, and reports whether one that is up fills.
func (w *watch) tellWhole() (filling bool) {
	for _, n := range w.d.nodes.all() {
		s := w.d.nodeState(n)
		w.mu.Lock()
		was, known := w.lacking[n.ID]
		if known || s.Whole {
			w.lacking[n.ID] = !s.Whole
		}
		w.mu.Unlock()
		if was && s.Whole {
			w.d.journal.add(note, "", "%s is whole again: it has a copy of every session that belongs on it.", n.ID)
		}
		filling = filling || s.State == "up" && !s.Whole
	}
	return filling
}
