package cluster

import (
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// These stories tell how processes change one marker at once, and that it can always be read.

// Two processes change a marker at once: neither change is lost.
func TestAMarkerIsChangedOnWhatItSays(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		calls := 0
		m, err := c.changeMarker(c.nodes()[0], func(m *marker.Marker) bool {
			if calls++; calls == 1 {
				if _, err := other.changeMarker(other.nodes()[0], func(m *marker.Marker) bool { m.SetBehind("n2", "other", 1); return true }); err != nil {
					w.Error(err)
				}
			}
			m.SetBehind("n2", "one", 1)
			return true
		})
		if err != nil || calls != 2 || m.Entry("n2", "one") == nil || m.Entry("n2", "other") == nil {
			w.Errorf("after %d calls: %+v, %v", calls, m, err)
		}
	})
}

// Seal keys are rotated, as docs/hardening.md says, while nothing happens to any node. When the former key
// is removed, every marker can be read, and no node is filled anew.
func TestMarkersOutliveARotationOfSealKeys(t *testing.T) {
	story(t, 3, func(w *world) {
		old := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		incarnation := old.Nodes()[0].Incarnation
		both := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(2), sealKeyOf(1)}})
		old.Close()
		for range 100 {
			both.pollNow()
		}
		w.create(both, "s", "a=1")
		both.Close()
		c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(2)}})
		for _, s := range c.Nodes() {
			if !s.Whole {
				w.Errorf("%s: %s", s.ID, s.Reason)
			}
		}
		if now := c.Nodes()[0].Incarnation; now != incarnation {
			w.Errorf("another incarnation: %s, before %s", now, incarnation)
		}
		w.sees(c, "s", "a=1")
	})
}
