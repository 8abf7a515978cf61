package main

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what is done to all nodes at once: more than two copies cover, so that it shows what
// an outage is, with sticky mode and without.

// toEveryNode kills or hangs all nodes, or brings all of them back.
func (d *demo) toEveryNode(action string) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if !d.nodes.own() {
		return refuse("The nodes run elsewhere: this page can show them, but not break them.")
	}
	switch action {
	case "kill":
		return d.breakAll(action, testenv.Down)
	case "hang":
		return d.breakAll(action, testenv.Paused)
	case "start":
		return d.bringBack()
	}
	return unknown("button", action, []string{"kill", "hang", "start"})
}

// breakAll kills or hangs every node that is not yet in that state.
func (d *demo) breakAll(action string, state testenv.State) error {
	if err := d.inTheWay(); err != nil {
		return err
	}
	if d.faults.Load() {
		return refuse("Random faults are on, and would bring the nodes back. Switch them off first.")
	}
	var errs []error
	n := 0
	for _, id := range d.nodes.ids() {
		node := d.nodes.env.ByID(id)
		if node.State() == state || node.State() == testenv.Down {
			continue
		}
		d.watch.touch(id)
		if state == testenv.Down {
			d.watch.ended(id, true)
			errs = append(errs, try(node.Kill))
		} else {
			errs = append(errs, try(node.Pause))
		}
		d.watch.touch(id)
		n++
	}
	if n == 0 {
		return refuse("There is no node left to %s. Bring them back.", action)
	}
	d.watch.fault(time.Now())
	if state == testenv.Down {
		d.allDown.Store(true)
	}
	what := "All nodes hang" + by(d.nodes.env, "SIGSTOP") + ": they accept connections and answer nothing."
	if state == testenv.Down {
		what = "All nodes were killed" + by(d.nodes.env, "SIGKILL") + ", and with them all copies that they had."
	}
	d.journal.add(fault, action+" all", "%s %s", what, d.meanwhile(state))
	return errors.Join(errs...)
}

// meanwhile says what becomes of the users while no node is up.
func (d *demo) meanwhile(state testenv.State) string {
	switch {
	case d.sticky.Load():
		return "Users go on with the copies of their instances."
	case state == testenv.Down:
		return "Every request is an error, which logs nobody out. Back empty, the nodes know no session: sticky mode is for that."
	}
	return "Every request is an error, which logs nobody out: what the nodes remember counts when they go on."
}

// bringBack starts the nodes that are down, and has those go on that hang.
func (d *demo) bringBack() error {
	var errs []error
	started, resumed := 0, 0
	for _, id := range d.nodes.ids() {
		node := d.nodes.env.ByID(id)
		switch node.State() {
		case testenv.Down:
			errs = append(errs, try(node.Restart))
			d.watch.ended(id, false)
			d.comesBack()
			started++
		case testenv.Paused:
			errs = append(errs, try(node.Resume))
			resumed++
		default:
			continue
		}
		d.watch.touch(id)
	}
	text := "All nodes are back, with the memory that they had."
	switch {
	case started+resumed == 0:
		return refuse("All nodes are up already.")
	case started == len(d.nodes.ids()):
		text = "All nodes are back, with an empty memory."
		if d.sticky.Load() {
			text += " They get the users' sessions from the instances, also of users who did nothing meanwhile."
		}
	case started > 0:
		text = "All nodes are back; those that were down have an empty memory."
	}
	d.mended("all back", "%s", text)
	return errors.Join(errs...)
}

// comesBack notes that a node was started: after all were down, the idle users are to look.
func (d *demo) comesBack() {
	if !d.allDown.Swap(false) {
		return
	}
	select {
	case d.forgot <- struct{}{}:
	default: // they are waited for already
	}
}

// lookAfterOutages has the idle users look after all nodes have lost their memory at once, until ctx ends.
func (d *demo) lookAfterOutages(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.forgot:
		}
		if d.watch.waitWhole(ctx) != nil {
			continue
		}
		ours, other, err := d.crowd.lookAtIdle(ctx)
		if err != nil {
			return
		}
		result := &rolled{"all nodes were empty at once", time.Now(), ours, other}
		d.rolling.mu.Lock()
		d.rolling.last = result
		d.rolling.mu.Unlock()
		known := "Of sessions that nobody used meanwhile they know nothing."
		if d.sticky.Load() {
			known = "They have the sessions from the instances, also those that nobody used meanwhile."
		}
		d.journal.add(note, "", "All nodes are whole again. %s %s", known, result)
	}
}
