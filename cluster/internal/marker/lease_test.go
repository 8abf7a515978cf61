package marker

import "testing"

// These tests tell who heals a node.

// A lease is taken as it was seen, and held until the node is emptied or another healer takes over.
func TestALeaseIsHeldByOneHealer(t *testing.T) {
	m := &Marker{Node: "n1", Incarnation: "i", Lists: []List{{List: "l"}}}
	seen := *m.List("l")
	p, q := Lease{"l", "p", "i"}, Lease{"l", "q", "i"}
	if !p.Take(m, seen) || q.Take(m, seen) || m.List("l").Healer != "p" {
		t.Fatalf("two have seen %+v and taken it: %+v", seen, m.Lists)
	}
	if !p.Keep(m, 1, 2) || q.Keep(m, 1, 2) || q.EnterWhole(m) || q.GiveBack(m, false) {
		t.Errorf("who has not got the lease uses it: %+v", m.Lists)
	}
	if l := m.List("l"); l.Beat != 2 || l.Done != 1 || l.Of != 2 {
		t.Errorf("while p heals: %+v", *l)
	}
	emptied := m.Clone()
	emptied.Incarnation = "j"
	if p.Keep(emptied, 2, 2) || p.EnterWhole(emptied) || emptied.IsWhole("l") {
		t.Error("the node was emptied meanwhile, and is whole")
	}
	if !p.GiveBack(m, true) || m.List("l").Healer != "" || !m.List("l").Unlisted || p.Keep(m, 2, 2) {
		t.Errorf("p has given the node back: %+v", m.Lists)
	}
	if !q.Take(m, *m.List("l")) || !q.EnterWhole(m) || !m.IsWhole("l") || m.List("l").Healer != "" {
		t.Errorf("q has healed it: %+v", m.Lists)
	}
}
