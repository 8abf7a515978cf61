package cluster

import (
	"testing"
	"time"
)

// These tests tell when a process takes a node for whole, poll by poll.

func TestWholenessCountsAfterTwoPolls(t *testing.T) {
	const settle = 300 * time.Millisecond
	type poll struct {
		at     time.Duration
		epoch  uint64
		reason string // by the markers
		whole  bool
	}
	for _, c := range []struct {
		name  string
		polls []poll
	}{
		{"two polls, two Timeouts apart", []poll{{0, 1, "", false}, {settle, 1, "", true}, {settle + 1, 1, "", true}}},
		{"two polls at nearly one moment", []poll{{0, 1, "", false}, {settle - 1, 1, "", false}, {settle, 1, "", true}}},
		{"an entry in between", []poll{{0, 1, "", false}, {settle, 1, "it missed writes", false}, {2 * settle, 1, "", false}, {3 * settle, 1, "", true}}},
		{"it may have been emptied in between", []poll{{0, 1, "", false}, {settle, 2, "", false}, {2 * settle, 2, "", true}}},
		{"it may have been emptied when it was whole", []poll{{0, 1, "", false}, {settle, 1, "", true}, {2 * settle, 2, "", false}, {3 * settle, 2, "", true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w wholeness
			began := time.Now()
			for i, p := range c.polls {
				w.epoch = p.epoch
				w.judge(p.reason, began.Add(p.at), began.Add(p.at), settle)
				if (w.reason == "") != p.whole {
					t.Errorf("poll %d: %q, want whole: %t", i, w.reason, p.whole)
				}
			}
		})
	}
}

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
			other := m.clone()
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
