package cluster

import "testing"

// These stories tell what makes a node stop being whole.

// Three things may have emptied a node. None of them waits for a poll to count.
func TestANodeIsNotWholeOnceItMayHaveBeenEmptied(t *testing.T) {
	for name, happens := range map[string]func(w *world, c *Cluster){
		"a connection broke": func(w *world, c *Cluster) {
			w.env.Node(0).Restart()
			w.load(c, "s")
		},
		"it was suspect": func(w *world, c *Cluster) {
			w.env.Node(0).Pause()
			w.load(c, "s")
			w.env.Node(0).Resume()
			w.until(c, w.env.Node(0), StateUp)
		},
		"it has another incarnation": func(w *world, c *Cluster) {
			n := c.nodes()[0]
			m, _ := n.lastMarker()
			other := m.Clone()
			other.Incarnation = "another"
			n.noteMarker(other, n.epochNow(), nil)
			n.noteMarker(other, n.epochNow(), nil) // again: no news
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				n := c.nodes()[0]
				if !n.isWhole() {
					w.Fatal("the story begins with whole nodes")
				}
				happens(w, c)
				if n.isWhole() {
					w.Errorf("%s", "it is still whole")
				}
			})
		})
	}
}
