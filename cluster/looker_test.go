package cluster

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// A process that only looks, as an operator's command, sees a node that hangs, and ends. The others'
// markers say nothing of it afterwards. Of a process that has written past the node, they do.
func TestAProcessThatOnlyLooksLeavesNoWorkBehind(t *testing.T) {
	for name, writes := range map[string]bool{"looks": false, "writes": true} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{})
				home := w.preference("s")[0]
				other := w.preference("s")[1]
				home.Pause()
				if writes {
					w.create(c, "s", "a=1")
				} else {
					_, _ = c.Where(w.Context(), "s")
				}
				w.until(c, home, StateDown)
				time.Sleep(20 * time.Second) // until it is entered that the home is behind
				c.Close()
				b, _ := other.Get(marker.Name)
				m, err := marker.Decode(b, nil, time.Now())
				if err != nil || m.SaysBehind(home.ID()) != writes {
					w.Errorf("%+v, %v", m, err)
				}
			})
		})
	}
}
