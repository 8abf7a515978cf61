package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides how an entry that says that a home is behind is written into a node's marker, kept
// and ended (rule 21).

// entryCounts is for how long an entry that was written or renewed is known to be there. It is
// shorter than marker.DeadAfter: nobody else has removed it.
const entryCounts = 7 * time.Second

// enterMissed has the markers of all targets say which homes are not among them, by any list in force
// (rule 21). Ok is false where a target could not take the entry: it is passed over.
func (op *operation) enterMissed(v *view) (ok bool) {
	ok = true
	for _, home := range op.missingHomes(v.targets) {
		h := op.missedBy(home)
		errs := make([]error, len(v.targets))
		var wg sync.WaitGroup
		for j, on := range v.targets {
			if op.c.hasEntered(h, on) {
				continue
			}
			wg.Go(func() { errs[j] = op.c.enter(h, on) })
		}
		wg.Wait()
		for j, err := range errs {
			if err != nil {
				op.passOver(v.targets[j], err)
				ok = false
			}
		}
	}
	return ok
}

// hasEntered reports whether the node's marker is known to say that the home is behind.
func (c *Cluster) hasEntered(h *hint, on *node) bool {
	c.hints.mu.Lock()
	defer c.hints.mu.Unlock()
	e := h.entered[on]
	return e != nil && e.counts(on, entryCounts)
}

// enter has the node's marker say that the home is behind, unless it is known to say so.
func (c *Cluster) enter(h *hint, on *node) error {
	c.hints.mu.Lock()
	e := h.entered[on]
	if e == nil {
		e = &entry{turn: make(chan struct{}, 1)}
		h.entered[on] = e
	}
	c.hints.mu.Unlock()
	return c.writeEntry(h, e, on, entryCounts)
}

// writeEntry writes or renews an entry that does not count for so long any more. One goroutine at a
// time does so.
func (c *Cluster) writeEntry(h *hint, e *entry, on *node, most time.Duration) error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	c.hints.mu.Lock()
	counts, serial := e.counts(on, most), h.serial
	c.hints.mu.Unlock()
	if counts {
		return nil // another one has written it meanwhile
	}
	at, epoch := time.Now(), on.epochNow()
	if _, err := c.changeMarker(on, func(m *marker.Marker) bool { m.SetBehind(h.home.ID, c.name, serial); return true }); err != nil {
		return err
	}
	c.hints.mu.Lock()
	defer c.hints.mu.Unlock()
	e.at, e.epoch = at, epoch
	return nil
}

// enterDown has the markers of all nodes say that a node is behind which this process takes for
// down (rule 24): it will write past it, and nobody should take the node for whole meanwhile.
func (c *Cluster) enterDown() {
	var wg sync.WaitGroup
	for _, home := range c.nodes() {
		if state, _ := home.state(); state != StateDown {
			continue
		}
		h := c.hints.begin(home)
		defer c.hints.end(h)
		for _, on := range c.nodes() {
			if on.isUp() && !c.hasEntered(h, on) {
				wg.Go(func() { _ = c.enter(h, on) }) // else whoever writes there does so first
			}
		}
	}
	wg.Wait()
}

// renewEntries raises the beat in each entry. No entry ends meanwhile: it would be written anew, and
// forgotten.
func (c *Cluster) renewEntries() {
	type renewal struct {
		h  *hint
		e  *entry
		on *node
	}
	var renewals []renewal
	c.hints.mu.Lock()
	for _, h := range c.hints.all {
		for on, e := range h.entered {
			if on.isUp() && !e.counts(on, marker.BeatEvery) {
				renewals = append(renewals, renewal{h, e, on})
				h.writing++
			}
		}
	}
	c.hints.mu.Unlock()
	slices.SortFunc(renewals, func(a, b renewal) int {
		return (a.h.home.index-b.h.home.index)*len(c.nodes()) + a.on.index - b.on.index
	})
	for _, r := range renewals {
		_ = c.writeEntry(r.h, r.e, r.on, marker.BeatEvery) // an operation that needs it tries again
		c.hints.end(r.h)
	}
}

// endEntry removes an entry from a node's marker, or hands it over.
func (c *Cluster) endEntry(home *node, e endedEntry) error {
	if !e.on.isUp() {
		return errNotAsked
	}
	_, err := c.changeMarker(e.on, func(m *marker.Marker) bool {
		any := m.EndBehind(home.ID, c.name, e.serial)
		if any && e.handOver {
			m.SetBehind(home.ID, "", c.cfg.Rand())
		}
		return any
	})
	return err
}
