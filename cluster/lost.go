package cluster

import (
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides which entries in markers belong to processes that are gone, and ends them when a pass
// has done what they ask for.

// beatOf names something that a process keeps alive in a marker.
type beatOf struct {
	on, about *node
	process   string
}

// lostEntry is an entry in a marker whose process is gone.
type lostEntry struct {
	on    *node
	entry marker.Behind
}

// lostEntries are those that say that the node is behind.
func (c *Cluster) lostEntries(n *node, now time.Time) (lost []lostEntry) {
	for _, on := range c.nodes() {
		m, _ := on.lastMarker()
		if m == nil {
			continue
		}
		for _, b := range m.Behind {
			if b.Node != n.ID || b.Process == c.name && c.hints.knows(n, on) {
				continue
			}
			if b.Process == "" || c.beats.IsDead(beatOf{on, n, b.Process}, b.Beat, now) {
				lost = append(lost, lostEntry{on, b})
			}
		}
	}
	return lost
}

// endLost ends entries whose processes are gone.
func (c *Cluster) endLost(all []lostEntry) error {
	for _, on := range c.nodes() {
		var lost []marker.Behind
		for _, l := range all {
			if l.on == on {
				lost = append(lost, l.entry)
			}
		}
		if len(lost) > 0 {
			if _, err := c.changeMarker(on, func(m *marker.Marker) bool { return m.EndLost(lost) }); err != nil {
				return err
			}
		}
	}
	return nil
}
