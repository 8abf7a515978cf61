package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides how a node becomes whole without a request (rule 22): its healer makes a pass
// over the keys of all nodes, and reads and repairs each session that has the node among its homes,
// exactly as a load does.
//
// Every process can heal. One at a time does so for a node: its name is in the node's marker, and it
// raises its beat there. When the pass is done it enters, by cas, that the node is whole: a node
// that was emptied meanwhile, and a healer that stood still until another one took over, fail there.

// heal begins a pass for a node that needs one, if there is any.
func (c *Cluster) heal() {
	if c.cfg.HealPerSecond < 0 {
		return
	}
	now := time.Now()
	for _, n := range c.nodes() {
		m, err := n.lastMarker()
		if err != nil || m == nil || !n.isUp() {
			continue
		}
		ls := c.lists.Load()
		l, lost := m.List(ls.now.name), c.lostEntries(n, now)
		if l == nil || l.Whole && len(lost) == 0 || !ls.now.has(n) || now.Before(ls.now.settled) || c.isRollout(ls, m) {
			continue
		}
		if lost, outlived := c.healer.outlived(n, m.Incarnation, c.longestLife()); outlived {
			c.enterOutlived(n, m.Incarnation, lost)
			continue
		}
		c.healer.mu.Lock()
		p := c.healer.plan(n, m.Incarnation)
		taken := l.Healer != "" && l.Healer != c.name && !c.beats.IsDead(beatOf{n, n, l.Healer}, l.Beat, now)
		wait := c.healer.busy || n.pass.Load() != nil || taken || now.Before(p.next) || l.Whole && now.Before(p.rest)
		c.healer.mu.Unlock()
		if !wait && c.take(n, *l) {
			c.startPass(n, m.Incarnation, lost)
		}
	}
}

// isRollout reports whether other instances may still write by a list that this process does not know:
// it has begun not long ago, and the node was whole for another list, or markers tell of a former one.
// In the latter case those who know it make the pass, if there are any. A list that this process itself
// had in force, as while a node drained, it knows: it has waited for the others when it changed.
func (c *Cluster) isRollout(ls *lists, m *marker.Marker) bool {
	knows := func(name string) bool {
		return ls.base.name == name || ls.now.name == name || slices.Contains(ls.had, name) || slices.ContainsFunc(ls.former, func(l *list) bool { return l.name == name })
	}
	age := time.Since(c.made)
	return ls.joins && age < 2*c.cfg.TransitionFor ||
		age < c.cfg.TransitionFor && slices.ContainsFunc(m.Lists, func(l marker.List) bool { return l.Whole && !knows(l.List) })
}

// take enters this process as the node's healer, unless another one was faster.
func (c *Cluster) take(n *node, seen marker.List) bool {
	lease, taken := marker.Lease{List: c.listName(), Healer: c.name}, false
	_, err := c.changeMarker(n, func(m *marker.Marker) bool { taken = lease.Take(m, seen); return taken })
	return err == nil && taken
}

// startPass makes a pass for the node in the background.
func (c *Cluster) startPass(n *node, incarnation string, lost []lostEntry) {
	if c.begin() != nil {
		return
	}
	p := c.newPass(context.Background(), n, incarnation, lost)
	c.healer.mu.Lock()
	c.healer.busy = true
	c.healer.mu.Unlock()
	go func() {
		defer c.running.Done()
		_, err := p.run()
		c.healer.mu.Lock()
		c.healer.busy = false
		c.healer.mu.Unlock()
		if err == nil {
			c.kick()
		}
	}()
}

// enterOutlived enters that the node is whole, if it was not emptied meanwhile.
func (c *Cluster) enterOutlived(n *node, incarnation string, lost []lostEntry) {
	_, err := c.changeMarker(n, func(m *marker.Marker) bool {
		l := m.List(c.listName())
		if l == nil || m.Incarnation != incarnation {
			return false
		}
		l.Whole = true
		return true
	})
	if err == nil && c.endLost(lost) == nil {
		c.healer.mu.Lock()
		defer c.healer.mu.Unlock()
		p := c.healer.plan(n, incarnation)
		*p = p.done()
	}
}

// Heal makes a pass over all keys for the node, also where it is whole, and returns when that is
// done. While another process heals the node it waits. The error says why the node may still lack
// sessions: a node did not list its keys (ErrKeysNotListed) or is down, a session could not be
// restored, or another process has taken over; it is ctx's error when that ends, or ErrClosed. The
// report tells what was done until then.
func (c *Cluster) Heal(ctx context.Context, nodeID string) (HealReport, error) {
	if err := c.begin(); err != nil {
		return HealReport{}, err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	n, err := c.nodeByID(nodeID)
	if err != nil {
		return HealReport{}, err
	}
	for {
		if err := ctx.Err(); err != nil {
			return HealReport{Node: n.ID}, fmt.Errorf("cluster: heal: %w", err)
		}
		m, err := c.changeMarker(n, func(*marker.Marker) bool { return false })
		if err == nil {
			l := m.List(c.listName())
			taken := l == nil || l.Healer != "" && !c.beats.IsDead(beatOf{n, n, l.Healer}, l.Beat, time.Now())
			if !taken && c.take(n, *l) {
				report, err := c.newPass(ctx, n, m.Incarnation, c.lostEntries(n, time.Now())).run()
				if err != nil && !errors.Is(err, ErrClosed) {
					err = fmt.Errorf("cluster: heal: node %s: %w", n, err)
				}
				return report, err
			}
		}
		if err != nil {
			return HealReport{Node: n.ID}, fmt.Errorf("cluster: heal: node %s: %w%s", n, err, ifDown(n, "start it first: it fills by itself"))
		}
		t := time.NewTimer(c.settle())
		select {
		case <-t.C:
		case <-c.closing:
			t.Stop()
			return HealReport{Node: n.ID}, ErrClosed
		case <-ctx.Done():
			t.Stop()
		}
	}
}
