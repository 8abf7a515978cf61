package cluster

import (
	"fmt"
	"testing"
	"time"
)

// These tests tell what a marker's entries mean, and when they end.

func TestABehindEntryEndsByItsProcessOrByALook(t *testing.T) {
	m := &marker{Node: "n2"}
	m.setBehind("n1", "p", 1)
	m.setBehind("n1", "q", 7)
	if !m.says("n1") || m.says("n2") || m.behind("n1", "p").Serial != 1 {
		t.Fatalf("%+v", m.Behind)
	}
	m.setBehind("n1", "p", 2) // a later time
	if m.endBehind("n1", "p", 1) || m.behind("n1", "p") == nil {
		t.Error("what ends an earlier time ends a later one")
	}
	seen := append([]behindMark(nil), m.Behind...)
	m.setBehind("n1", "p", 2) // it lives
	if !m.endLost(seen) || m.behind("n1", "p") == nil || m.behind("n1", "q") != nil {
		t.Errorf("of two entries one has shown a sign of life: %+v", m.Behind)
	}
	if !m.endBehind("n1", "p", 2) || m.says("n1") {
		t.Errorf("it has ended: %+v", m.Behind)
	}
}

// What a marker cannot hold is not forgotten: some entry still says that the node is behind.
func TestAMarkerIsBounded(t *testing.T) {
	m := &marker{Node: "n2", Incarnation: "i"}
	for i := range 3 * mostBehind {
		m.setBehind(fmt.Sprint("n", i%3), fmt.Sprint("p", i), 1)
		if node := fmt.Sprint("n", i%3); !m.says(node) {
			t.Fatalf("after %d entries: %s is not behind", i+1, node)
		}
	}
	for i := range 2 * mostLists {
		m.addList(listMark{List: fmt.Sprint("l", i)}, "l0")
	}
	if m.list("l0") == nil || m.list(fmt.Sprint("l", 2*mostLists-1)) == nil {
		t.Errorf("lists: %+v", m.Lists)
	}
	b, err := m.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeMarker(b, nil, time.Now()); err != nil || len(m.Behind) > mostBehind+1 || len(m.Lists) > mostLists {
		t.Errorf("%d entries, %d lists: %v", len(m.Behind), len(m.Lists), err)
	}
}

// Two processes change a marker at once: neither change is lost.
func TestAMarkerIsChangedOnWhatItSays(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		calls := 0
		m, err := c.changeMarker(c.nodes()[0], func(m *marker) bool {
			if calls++; calls == 1 {
				if _, err := other.changeMarker(other.nodes()[0], func(m *marker) bool { m.setBehind("n2", "other", 1); return true }); err != nil {
					w.Error(err)
				}
			}
			m.setBehind("n2", "one", 1)
			return true
		})
		if err != nil || calls != 2 || m.behind("n2", "one") == nil || m.behind("n2", "other") == nil {
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
