package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how all nodes are restarted, one after the other: each loses its memory, and the
// next one is restarted only when every node is whole again. Afterwards the idle users are looked
// at: nobody has asked for their sessions meanwhile, so that no request has made up for a copy.

// rolling is the rolling restart that is under way, and what came of the one before. It is safe for
// concurrent use.
type rolling struct {
	asked chan struct{} // has room for one: a rolling restart is to begin

	mu      sync.Mutex // guards below
	now     *rollState // nil: none is under way
	stopped bool       // it is to end early
	cancel  context.CancelFunc
	last    *rolled // nil: none was finished yet
}

// rollState is how far a rolling restart is.
type rollState struct {
	Node string   `json:"node"` // the latest that was restarted; empty: none yet
	Done int      `json:"done"` // nodes restarted, and all whole again
	Of   int      `json:"of"`
	Rest []string `json:"rest"` // nodes that are still to be restarted
}

// Fills reports whether the latest node that was restarted is waited for.
func (s *rollState) Fills() bool { return s.Of-len(s.Rest) > s.Done }

// rolled is what the idle users had lost after a rolling restart, or an outage.
type rolled struct {
	After    string // what happened before that
	At       time.Time
	Holdfast idleLook
	OneCopy  idleLook
}

func newRolling() *rolling { return &rolling{asked: make(chan struct{}, 1)} }

// state returns how far the present rolling restart is, and what came of the last one; nil: there
// is none.
func (r *rolling) state() (*rollState, *rolled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return nil, r.last
	}
	now := *r.now
	return &now, r.last
}

// set notes how far it is.
func (r *rolling) set(now *rollState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

// inTheWay refuses what would be a second fault beside a rolling restart. The turn is held.
func (d *demo) inTheWay() error {
	if now, _ := d.rolling.state(); now != nil {
		return refuse("A rolling restart of all nodes is under way, and a fault on top of it would be the second one. Wait for its end, or cancel it.")
	}
	return nil
}

// startRolling begins a rolling restart, unless something is broken.
func (d *demo) startRolling() error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if !d.nodes.own() {
		return refuse("The nodes run elsewhere: this page can show them, but not restart them.")
	}
	if now, _ := d.rolling.state(); now != nil {
		return refuse("A rolling restart is under way already. Wait for its end, or cancel it.")
	}
	if d.faults.Load() {
		return refuse("Random faults are on, and a rolling restart on top of one would be the second fault. Switch them off first.")
	}
	for _, n := range d.nodes.all() {
		switch d.nodes.state(n.ID) {
		case testenv.Down:
			return refuse("%s is down, and would be missing while another node is restarted. Start it first.", n.ID)
		case testenv.Paused:
			return refuse("%s hangs, and would be missing while another node is restarted. Let it go on first.", n.ID)
		}
	}
	if cuts := d.watch.allCuts(); len(cuts) > 0 {
		return refuse("%s, and would miss that copy while another node is restarted. Reconnect them first.", cuts[0])
	}
	ids := d.nodes.ids()
	d.rolling.mu.Lock()
	defer d.rolling.mu.Unlock()
	d.rolling.now, d.rolling.stopped = &rollState{Of: len(ids), Rest: ids}, false
	d.rolling.asked <- struct{}{} // there is room: none was under way
	return nil
}

// cancelRolling ends a rolling restart early: no further node is restarted.
func (d *demo) cancelRolling() error {
	d.rolling.mu.Lock()
	defer d.rolling.mu.Unlock()
	if d.rolling.now == nil {
		return refuse("No rolling restart is under way.")
	}
	d.rolling.stopped = true
	if d.rolling.cancel != nil {
		d.rolling.cancel()
	}
	return nil
}

// rollNodes makes the rolling restarts that are asked for, until ctx ends.
func (d *demo) rollNodes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.rolling.asked:
		}
		one, cancel := context.WithCancel(ctx)
		d.rolling.mu.Lock()
		if d.rolling.cancel = cancel; d.rolling.stopped {
			cancel()
		}
		now := *d.rolling.now
		d.rolling.mu.Unlock()
		result, err := d.rollOver(one, &now)
		d.rolling.mu.Lock()
		d.rolling.now, d.rolling.cancel = nil, nil
		if err == nil {
			d.rolling.last = result
		}
		d.rolling.mu.Unlock()
		cancel()
		switch {
		case ctx.Err() != nil:
		case err == nil:
			d.journal.add(note, "", "The rolling restart is over: every node lost its memory once. %s", result)
		case errors.Is(err, context.Canceled):
			d.journal.add(note, "", "The rolling restart was cancelled: %d of %d nodes were restarted and are whole again.", now.Done, now.Of)
		default:
			d.journal.add(refusal, "", "The rolling restart ended early: %v", err)
		}
	}
}

// rollOver restarts one node after the other, empty, and looks at the idle users at the end.
func (d *demo) rollOver(ctx context.Context, now *rollState) (*rolled, error) {
	d.journal.add(note, "", "Rolling restart of %s: each is restarted empty, the next one when all are whole again.", strings.Join(now.Rest, ", "))
	if err := d.watch.waitWhole(ctx); err != nil {
		return nil, err
	}
	// What was lost before is not counted among what this restart costs. All nodes are whole: to be
	// looked at gives no session a copy that it lacks.
	if _, _, err := d.crowd.lookAtIdle(ctx); err != nil {
		return nil, err
	}
	for len(now.Rest) > 0 {
		id := now.Rest[0]
		if err := d.emptied(ctx, id); err != nil {
			return nil, err
		}
		now.Node, now.Rest = id, now.Rest[1:]
		d.rolling.set(&rollState{now.Node, now.Done, now.Of, now.Rest})
		if err := d.watch.waitWhole(ctx); err != nil {
			return nil, err
		}
		now.Done++
		d.rolling.set(&rollState{now.Node, now.Done, now.Of, now.Rest})
		if !wait(ctx, rest) { // for whoever watches
			return nil, ctx.Err()
		}
	}
	ours, other, err := d.crowd.lookAtIdle(ctx)
	return &rolled{"the rolling restart", time.Now(), ours, other}, err
}

// emptied restarts a node, unless ctx has ended.
func (d *demo) emptied(ctx context.Context, id string) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	d.watch.touch(id)
	defer d.watch.touch(id)
	return nodeActions["restart"](d, id)
}

func (r *rolled) String() string {
	if r.Holdfast.Users == 0 {
		return "There was no idle user to look at."
	}
	return fmt.Sprintf("Of %d idle users holdfast lost %d, and the one-copy store %s.", r.Holdfast.Users, r.Holdfast.Lost, r.OneCopy.share(r.Holdfast.Users))
}
