package marker

import (
	"fmt"
	"testing"
	"time"
)

// These tests tell what a marker's entries mean, and when they end.

func TestABehindEntryEndsByItsProcessOrByALook(t *testing.T) {
	m := &Marker{Node: "n2"}
	m.SetBehind("n1", "p", 1)
	m.SetBehind("n1", "q", 7)
	if !m.SaysBehind("n1") || m.SaysBehind("n2") || m.Entry("n1", "p").Serial != 1 {
		t.Fatalf("%+v", m.Behind)
	}
	m.SetBehind("n1", "p", 2) // a later time
	if m.EndBehind("n1", "p", 1) || m.Entry("n1", "p") == nil {
		t.Error("what ends an earlier time ends a later one")
	}
	seen := append([]Behind(nil), m.Behind...)
	m.SetBehind("n1", "p", 2) // it lives
	if !m.EndLost(seen) || m.Entry("n1", "p") == nil || m.Entry("n1", "q") != nil {
		t.Errorf("of two entries one has shown a sign of life: %+v", m.Behind)
	}
	if !m.EndBehind("n1", "p", 2) || m.SaysBehind("n1") {
		t.Errorf("it has ended: %+v", m.Behind)
	}
}

// What a marker cannot hold is not forgotten: some entry still says that the node is behind.
func TestAMarkerIsBounded(t *testing.T) {
	m := &Marker{Node: "n2", Incarnation: "i"}
	for i := range 3 * mostBehind {
		m.SetBehind(fmt.Sprint("n", i%3), fmt.Sprint("p", i), 1)
		if node := fmt.Sprint("n", i%3); !m.SaysBehind(node) {
			t.Fatalf("after %d entries: %s is not behind", i+1, node)
		}
	}
	for i := range 2 * mostLists {
		m.AddList(List{List: fmt.Sprint("l", i)}, "l0")
	}
	if m.List("l0") == nil || m.List(fmt.Sprint("l", 2*mostLists-1)) == nil {
		t.Errorf("lists: %+v", m.Lists)
	}
	b, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(b, nil, time.Now()); err != nil || len(m.Behind) > mostBehind+1 || len(m.Lists) > mostLists {
		t.Errorf("%d entries, %d lists: %v", len(m.Behind), len(m.Lists), err)
	}
}
