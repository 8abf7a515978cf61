package cluster

import (
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides what is known of healing each node: why the last pass was not enough, and when another one
// may be made.

// healer is what this process does about nodes that are not whole.
type healer struct {
	mu    sync.Mutex // guards below
	busy  bool       // a pass is under way
	plans map[*node]*plan
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

// outlived reports whether every session has ended that may be missing on a node, of that incarnation,
// whose keys could not be restored by a list; then the lost entries of that time have done their work.
func (h *healer) outlived(n *node, incarnation string, longest time.Duration) (lost []lostEntry, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plan(n, incarnation)
	return p.lost, !p.knownOnly.IsZero() && time.Since(p.knownOnly) > longest
}

// knownOnly reports whether all known sessions of the node are healed, and more cannot be done.
func (h *healer) knownOnly(n *node) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plans[n]
	return p != nil && !p.knownOnly.IsZero()
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
