package main

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how the harness does what an operator does: wait until every node is whole,
// drain a node and undrain it.

// wholeWithin is how long nodes may take to become whole. A healer that died keeps others from its
// node for 15 seconds.
const wholeWithin = 60 * time.Second

// operate has an operator's command done for each system of this library, all at once, and reports
// whether every one succeeded. The command has a Cluster of its own, which heals nothing: that is
// the instances' part.
func (a *arena) operate(what string, do func(ctx context.Context, sys *system, c *cluster.Cluster) error) bool {
	ok := make([]bool, len(a.systems))
	a.allSystems(func(sys *system) {
		if sys.kind.promising() {
			err := sys.operate(a.nodes, func(ctx context.Context, c *cluster.Cluster) error { return do(ctx, sys, c) })
			if err != nil {
				a.tally.refuse(fmt.Sprintf("%s, %s: %s: %v", a.phase.name, sys.kind, what, err))
			}
			ok[sys.number] = err == nil
			return
		}
		ok[sys.number] = true
	})
	for _, done := range ok {
		if !done {
			return false
		}
	}
	return true
}

func (sys *system) operate(nodes []cluster.Node, do func(ctx context.Context, c *cluster.Cluster) error) error {
	app := sys.instances[0].app
	c, err := cluster.New(cluster.Config{Nodes: nodes, KeyPrefix: app.Prefix, Timeout: app.Timeout, HealPerSecond: -1, Logger: quiet})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), wholeWithin)
	defer cancel()
	return do(ctx, c)
}

// whole waits until every node is whole: from then on the next one may fail without a loss of idle
// sessions.
func (a *arena) whole() bool {
	return a.operate("waiting until every node is whole", func(ctx context.Context, sys *system, c *cluster.Cluster) error {
		err := c.WaitWhole(ctx)
		if err == nil {
			a.tally.whole(a.phase, sys.kind)
		}
		return err
	})
}

// drainOne drains a node.
func (a *arena) drainOne(n *testenv.Node) bool {
	return a.operate("draining "+n.ID(), func(ctx context.Context, _ *system, c *cluster.Cluster) error { return c.Drain(ctx, n.ID()) })
}

// undrain ends a drain.
func (a *arena) undrain(n *testenv.Node) bool {
	return a.operate("undraining "+n.ID(), func(ctx context.Context, _ *system, c *cluster.Cluster) error { return c.Undrain(ctx, n.ID()) })
}

// refuse keeps what an operator's command failed with: the text names the nodes and the reasons.
func (t *tally) refuse(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals = append(t.refusals, text)
}
