package cluster

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/pace"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how a home that is back is brought up to date with what this process has written
// past it.

// tendHints renews the entries, and has homes that are back brought up to date.
func (c *Cluster) tendHints() {
	c.renewEntries()
	c.hints.mu.Lock()
	defer c.hints.mu.Unlock()
	for _, h := range c.hints.all {
		if !h.busy && (len(h.ended) > 0 || h.home.isUp() && len(h.entered) > 0) && c.begin() == nil {
			h.busy = true
			go func() {
				defer c.running.Done()
				c.bringUp(h)
			}()
		}
	}
}

// bringUp brings a home up to date with what this process has written past it, as far as it can at
// the moment, and removes the entries when all is done.
func (c *Cluster) bringUp(h *hint) {
	if c.canReplay(h) {
		c.replay(h)
	}
	c.hints.mu.Lock()
	if h.home.isUp() && h.writing == 0 && (len(h.keys) == 0 || h.tooMany) && len(h.entered) > 0 {
		for on := range h.entered {
			h.ended = append(h.ended, endedEntry{on, h.serial, h.tooMany})
		}
		h.serial++
		h.entered, h.keys, h.tooMany = map[*node]*entry{}, map[record.Key]struct{}{}, false
		slices.SortFunc(h.ended, func(a, b endedEntry) int { return a.on.index - b.on.index })
	}
	ended := slices.Clone(h.ended)
	c.hints.mu.Unlock()
	done := slices.DeleteFunc(ended, func(e endedEntry) bool { return c.endEntry(h.home, e) != nil })
	c.hints.finish(h, done)
	if len(done) > 0 {
		c.kick()
	}
}

// finish forgets the entries that are ended. Others may have come, or gone, meanwhile.
func (hs *hints) finish(h *hint, done []endedEntry) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.ended = slices.DeleteFunc(h.ended, func(e endedEntry) bool { return slices.Contains(done, e) })
	h.busy = false
}

// canReplay reports whether the home, and all nodes that took the writes, are up.
func (c *Cluster) canReplay(h *hint) bool {
	c.hints.mu.Lock()
	defer c.hints.mu.Unlock()
	up := h.home.isUp() && !h.tooMany
	for on := range h.entered {
		up = up && on.isUp()
	}
	return up
}

// mostAsked is how many nodes are asked for a missed write beyond those that a wide read asks.
const mostAsked = 8

// replay reads and repairs each key that the home has missed. What fails is left for the next time.
func (c *Cluster) replay(h *hint) {
	c.hints.mu.Lock()
	keys := slices.Collect(maps.Keys(h.keys))
	h.keys = map[record.Key]struct{}{}
	takers := slices.Collect(maps.Keys(h.entered))
	c.hints.mu.Unlock()
	slices.SortFunc(keys, record.Key.Compare)
	slices.SortFunc(takers, func(a, b *node) int { return a.index - b.index })
	asked := takers
	if len(asked) > mostAsked {
		asked = nil
	}
	var p pace.Healing
	done := make([]bool, len(keys))
	c.restoreEach(context.Background(), &p, len(keys), func(i int) {
		op, _, err := c.restore(keys[i], append(slices.Clone(takers), h.home), asked)
		c.stats.healed.Add(uint64(op.copiesWritten))
		done[i] = err == nil
	})
	c.hints.mu.Lock()
	defer c.hints.mu.Unlock()
	for i, key := range keys {
		if !done[i] { // it has failed, or this process ends before it came to it
			h.add(key)
		}
	}
}

// handOverHints leaves to others, at the end of this process, what it has not brought up to date. A home
// that this process has only seen down, and has not written past, has missed nothing of it: a command
// that looks at the cluster costs no pass over all keys.
func (c *Cluster) handOverHints() {
	var wg sync.WaitGroup
	for home, h := range c.hints.all {
		ended := h.ended
		for on := range h.entered {
			ended = append(ended, endedEntry{on, h.serial, len(h.keys) > 0 || h.tooMany})
		}
		for _, e := range ended {
			wg.Go(func() { _ = c.endEntry(home, e) }) // else its beat stands still, which says the same later
		}
	}
	wg.Wait()
}
