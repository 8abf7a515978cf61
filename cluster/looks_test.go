package cluster

import (
	"bytes"
	"context"
	"testing"
)

// A process that heals nothing, as a command that only looks, may have been started with other settings
// than the app: it changes nothing on the nodes, and says what is wrong.
func TestAProcessThatOnlyLooksLeavesMarkersAlone(t *testing.T) {
	for name, other := range map[string]func(w *world) Config{
		"other ids": func(w *world) Config {
			nodes := w.nodesOf(0, 1, 2)
			for i := range nodes {
				nodes[i].ID = "x" + nodes[i].ID
			}
			return Config{Nodes: nodes}
		},
		"fewer nodes":    func(w *world) Config { return Config{Nodes: w.nodesOf(0, 1)} },
		"a seal key":     func(*world) Config { return Config{SealKeys: [][]byte{bytes.Repeat([]byte{7}, 32)}} },
		"another number": func(*world) Config { return Config{Replicas: 3} },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app := w.cluster(Config{})
				w.create(app, "s", "a=1")
				if err := app.WaitWhole(context.Background()); err != nil {
					t.Fatal(err)
				}
				before := app.Nodes()
				cfg := other(w)
				cfg.HealPerSecond = -1
				looks := w.cluster(cfg)
				for range 5 {
					looks.pollNow()
					app.pollNow()
				}
				for _, n := range looks.Nodes() {
					if n.Whole || n.Reason != notMarked {
						t.Errorf("to the one that looks %s is whole %t: %s", n.ID, n.Whole, n.Reason)
					}
				}
				for i, n := range app.Nodes() {
					if !n.Whole || n.Incarnation != before[i].Incarnation {
						t.Errorf("to the app %s is whole %t: %s, and its memory is %q, before %q", n.ID, n.Whole, n.Reason, n.Incarnation, before[i].Incarnation)
					}
				}
			})
		})
	}
}
