package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides how a node is emptied of its duties before it is stopped: Drain and Undrain.
//
// The node's marker says that it is draining. Whoever has read that uses the list without the node,
// and goes on reading and writing by the list with it for as long as the node is up. When every
// process has read it (rule 25), the other nodes become whole for the list without the node: then
// all copies that it holds lie elsewhere as well, and it may be stopped.

// Drain prepares a node for a planned stop, and returns nil when it may be stopped: by then each
// session that lies on it lies on Replicas other nodes, idle or not, so that not even the failure of
// one of those loses any. It takes the time for every process to notice, six seconds, and for the
// copies (Config.HealPerSecond). A node that is stopped and comes back empty is in use again at
// once, and fills; so Undrain is for one that was not stopped. The drain ends by itself after an
// hour. The error says what keeps the node from being drained, or which nodes do not become whole
// (see WaitWhole); it is ctx's error when ctx ends, and the node goes on draining. With a ctx that
// has ended already nothing begins.
func (c *Cluster) Drain(ctx context.Context, nodeID string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx != nil && ctx.Err() != nil {
		return fmt.Errorf("cluster: drain: %w", ctx.Err())
	}
	n, err := c.nodeByID(nodeID)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(c.lists.Load().now.nodes), func(o *node) bool { return o == n })
	if len(others) < c.cfg.Replicas {
		return fmt.Errorf("cluster: drain: without node %s only %d nodes are left for the %d copies of each session: add a node first, or stop it without a drain when all nodes are whole (WaitWhole)", n, len(others), c.cfg.Replicas)
	}
	serial := uint64(0)
	if _, err := c.changeMarker(n, func(m *marker.Marker) bool {
		begins := m.Draining == 0
		if begins {
			m.Draining = c.cfg.Rand() | 1
		}
		serial = m.Draining
		return begins
	}); err != nil {
		return fmt.Errorf("cluster: drain: node %s: %w%s", n, err, ifDown(n, "a node that is down cannot be drained, and need not be: "+
			"start it, and wait until it is whole, or take it off the list of nodes"))
	}
	c.pollNow()
	if !c.drains(n) { // another drain was faster, and leaves too few nodes
		_, _ = c.changeMarker(n, func(m *marker.Marker) bool {
			mine := m.Draining == serial
			if mine {
				m.Draining = 0
			}
			return mine
		})
		return fmt.Errorf("cluster: drain: node %s: %w", n, errDrainIgnored)
	}
	var ids []string
	for _, o := range c.lists.Load().now.nodes {
		ids = append(ids, o.ID)
	}
	if err := c.WaitNodesWhole(ctx, ids...); err != nil {
		return fmt.Errorf("cluster: drain: node %s drains, and must not be stopped yet: %w", n, err)
	}
	return nil
}

// ifDown is the way out where the node does not answer, to end an error; empty: it answers.
func ifDown(n *node, wayOut string) string {
	if n.isUp() {
		return ""
	}
	return ": " + wayOut
}

var errDrainIgnored = errors.New("another node drains as well, and too few would be left, or it has been draining for an hour: undrain one of them first")

// Undrain ends a drain: the node fills, and takes its sessions again. It is nil for a node that is
// not draining, as is one that was stopped and came back empty.
func (c *Cluster) Undrain(ctx context.Context, nodeID string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx != nil && ctx.Err() != nil {
		return fmt.Errorf("cluster: undrain: %w", ctx.Err())
	}
	n, err := c.nodeByID(nodeID)
	if err != nil {
		return err
	}
	if _, err = c.changeMarker(n, (*marker.Marker).EndDrain); err != nil {
		return fmt.Errorf("cluster: undrain: node %s: %w%s", n, err, ifDown(n, "start it first; one that comes back empty needs no undrain"))
	}
	c.pollNow()
	return nil
}

// endDrains ends the drains that have lasted too long: else each process that begins later would take
// such a node for draining for another hour.
func (c *Cluster) endDrains() {
	now := time.Now()
	for _, n := range c.nodes() {
		n.mu.Lock()
		serial, over := n.draining.IsOver(now)
		n.mu.Unlock()
		if over && n.isUp() {
			_, _ = c.changeMarker(n, func(m *marker.Marker) bool { return m.Draining == serial && m.EndDrain() })
		}
	}
}
