package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what goes wrong by itself when nobody presses buttons: one thing
// at a time, and the next when every node is whole again: until then it would be the second.

// trouble is one thing that goes wrong and how it ends; end may be nil.
type trouble struct {
	weight     int
	begin, end func(d *demo, node cluster.Node, app *instance) error
}

var troubles = []trouble{
	{
		4,
		func(d *demo, n cluster.Node, _ *instance) error { return d.toNode("kill", n.ID) },
		func(d *demo, n cluster.Node, _ *instance) error { return d.toNode("restart", n.ID) },
	},
	{2, func(d *demo, n cluster.Node, _ *instance) error { return d.toNode("restart", n.ID) }, nil},
	{
		3,
		func(d *demo, n cluster.Node, _ *instance) error { return d.toNode("hang", n.ID) },
		func(d *demo, n cluster.Node, _ *instance) error { return d.toNode("resume", n.ID) },
	},
	{
		2,
		func(d *demo, n cluster.Node, in *instance) error { return d.cutOff(n.ID, in.name) },
		func(d *demo, n cluster.Node, in *instance) error { return d.reconnect(n.ID, in.name) },
	},
	{
		2,
		func(d *demo, _ cluster.Node, in *instance) error { return d.killApp(in.name) },
		func(d *demo, _ cluster.Node, in *instance) error { return d.startApp(in.name) },
	},
	{1, func(d *demo, n cluster.Node, _ *instance) error {
		if len(d.nodes.all()) > 3 {
			return d.toNode("remove", n.ID)
		}
		return d.addNode("", false)
	}, nil},
}

// rest is how long everything is left alone between two faults, random ones or those of a rolling
// restart.
const rest = 1500 * time.Millisecond

// breakThings makes random faults while they are wanted, until ctx ends.
func (d *demo) breakThings(ctx context.Context) {
	for wait(ctx, rest) {
		if !d.faults.Load() || !d.nodes.own() {
			continue
		}
		if !d.watch.calm(ctx) || !d.putRight(ctx) || !d.watch.safe(ctx) {
			return
		}
		all := d.nodes.all()
		node, app := all[rand.IntN(len(all))], d.apps[rand.IntN(len(d.apps))]
		t := pick()
		d.tell(t.begin(d, node, app))
		if !d.watch.calm(ctx) || !wait(ctx, rest) {
			return
		}
		if t.end != nil {
			d.tell(t.end(d, node, app))
		}
	}
}

// tell writes down what did not work. A refusal is none of it: somebody else may
// have pressed a button meanwhile.
func (d *demo) tell(err error) {
	var no *refused
	if err != nil && !errors.As(err, &no) {
		d.journal.add(refusal, "", "%v", err)
	}
}

func pick() trouble {
	sum := 0
	for _, t := range troubles {
		sum += t.weight
	}
	n := rand.IntN(sum)
	for _, t := range troubles {
		if n -= t.weight; n < 0 {
			return t
		}
	}
	return troubles[0]
}

// putRight ends what somebody has left broken, one thing after the other, so that
// the next fault is the only one.
func (d *demo) putRight(ctx context.Context) bool {
	var errs []error
	for _, n := range d.nodes.all() {
		switch d.nodes.state(n.ID) {
		case testenv.Down:
			errs = append(errs, d.toNode("restart", n.ID))
		case testenv.Paused:
			errs = append(errs, d.toNode("resume", n.ID))
		}
		for _, in := range d.apps {
			if d.watch.cut(n.ID, in.name) {
				errs = append(errs, d.reconnect(n.ID, in.name))
			}
		}
	}
	for _, in := range d.apps {
		if in.url() == "" {
			errs = append(errs, d.startApp(in.name))
		}
	}
	d.tell(errors.Join(errs...))
	return d.watch.calm(ctx)
}

// wait is false when ctx ended before d was over.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
