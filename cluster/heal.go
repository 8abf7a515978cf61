package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// ErrKeysNotListed: a server does not list its keys (it runs with -X, or is a managed service), so
// that only the sessions that this process has used of late can be healed.
var ErrKeysNotListed = errors.New("cluster: keys cannot be listed")

// HealReport says what one pass over the keys of all nodes has done for one of them.
type HealReport struct {
	Node     string        // its ID
	Sessions int           // that have the node among their homes
	Written  int           // copies written, to this node or others that lacked something
	Failed   int           // sessions that could not be restored now
	Took     time.Duration // by this process's clock
}

// healer is what this process does about nodes that are not whole.
type healer struct {
	mu      sync.Mutex // guards below
	current *pass      // under way; nil: none
	plans   map[*node]*plan
}

// plan is what is known of healing one node.
type plan struct {
	reason string    // why the last pass was not enough
	next   time.Time // when another one may be tried
	// rest is when a node that is whole may be healed again for entries of processes that are gone: a
	// server that makes such entries up all the time must not keep everybody healing.
	rest      time.Time
	tries     int         // in a row that were not enough
	knownOnly time.Time   // when all known sessions were healed, since keys cannot be listed; zero: never
	lost      []lostEntry // that were seen before
	marker    string      // the incarnation that this is about
}

// done is the plan after a pass that was enough.
func (p *plan) done() plan { return plan{marker: p.marker, rest: time.Now().Add(marker.DeadAfter)} }

// mostBetweenPasses is the longest wait before a node is tried again.
const mostBetweenPasses = 5 * time.Minute

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
		wait := c.healer.current != nil || n.pass.Load() != nil || taken || now.Before(p.next) || l.Whole && now.Before(p.rest)
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

// plan returns the plan for the node in that incarnation. The lock is held.
func (h *healer) plan(n *node, incarnation string) *plan {
	p := h.plans[n]
	if p == nil || p.marker != incarnation {
		p = &plan{marker: incarnation}
		if h.plans == nil {
			h.plans = map[*node]*plan{}
		}
		h.plans[n] = p
	}
	return p
}

// tryAgain has every node that could not be healed tried again at once.
func (h *healer) tryAgain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.plans {
		p.next, p.tries = time.Time{}, 0
	}
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
	c.healer.current = p
	c.healer.mu.Unlock()
	go func() {
		defer c.running.Done()
		_, err := p.run()
		c.healer.mu.Lock()
		c.healer.current = nil
		c.healer.mu.Unlock()
		if err == nil {
			c.kick()
		}
	}()
}

// outlived reports whether every session has ended that may be missing on a node, of that incarnation,
// whose keys could not be restored by a list; then the lost entries of that time have done their work.
func (h *healer) outlived(n *node, incarnation string, longest time.Duration) (lost []lostEntry, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plan(n, incarnation)
	return p.lost, !p.knownOnly.IsZero() && time.Since(p.knownOnly) > longest
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

// knownOnly reports whether all known sessions of the node are healed, and more cannot be done.
func (h *healer) knownOnly(n *node) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plans[n]
	return p != nil && !p.knownOnly.IsZero()
}

// restored is how many sessions the pass under way for the node has restored, and of how many: of
// zero where none is known. A pass of another process is known by its marker.
func (n *node) restored(l *marker.List) (done, of int64) {
	if p := n.pass.Load(); p != nil {
		return p.progress.done.Load(), p.progress.of.Load()
	}
	if l != nil && l.Healer != "" {
		return l.Done, l.Of
	}
	return 0, 0
}

// reason says why the node, whose marker does not say that it is whole for the list, is not.
func (h *healer) reason(n *node, l *marker.List) string {
	if done, of := n.restored(l); of > 0 {
		return fmt.Sprintf("it is filling: %d of %d sessions", done, of)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.plans[n]; p != nil && p.reason != "" {
		return "it is filling: " + p.reason
	}
	if l != nil && l.Unlisted {
		return "it is filling: keys cannot be listed by every server: known sessions only"
	}
	return "it is filling"
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
