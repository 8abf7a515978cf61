package cluster

import (
	"maps"
	"time"
)

// This file decides when another process is taken for dead: by a beat in a marker that stands still.

// beatOf names something that a process keeps alive in a marker.
type beatOf struct {
	on, about *node
	process   string
}

// beatSeen is when the present beat was first seen. It is this process's own time: clocks are never
// compared.
type beatSeen struct {
	beat uint64
	at   time.Time
}

// isDead notes the beat and reports whether it has stood still for too long. The lock is held.
func (h *healer) isDead(of beatOf, beat uint64, now time.Time) bool {
	seen, known := h.beats[of]
	if !known || seen.beat != beat {
		if h.beats == nil {
			h.beats = map[beatOf]beatSeen{}
		}
		maps.DeleteFunc(h.beats, func(_ beatOf, seen beatSeen) bool { return now.Sub(seen.at) > forgetBeat })
		h.beats[of] = beatSeen{beat, now}
		return false
	}
	return now.Sub(seen.at) > deadAfter
}

// forgetBeat is when a beat that stands still is forgotten: its entry is long gone, or begins anew.
const forgetBeat = time.Hour

// lostEntry is an entry in a marker whose process is gone.
type lostEntry struct {
	on    *node
	entry behindMark
}

// lostEntries are those that say that the node is behind.
func (c *Cluster) lostEntries(n *node, now time.Time) (lost []lostEntry) {
	c.healer.mu.Lock()
	defer c.healer.mu.Unlock()
	for _, on := range c.nodes() {
		m, _ := on.lastMarker()
		if m == nil {
			continue
		}
		for _, b := range m.Behind {
			if b.Node != n.ID || b.Process == c.name && c.hints.knows(n, on) {
				continue
			}
			if b.Process == "" || c.healer.isDead(beatOf{on, n, b.Process}, b.Beat, now) {
				lost = append(lost, lostEntry{on, b})
			}
		}
	}
	return lost
}
