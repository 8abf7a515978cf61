package cluster

import (
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// nodesInZones makes so many nodes in each of the zones, one after the other of each.
func nodesInZones(perZone ...int) (nodes []Node) {
	for i, zone := 0, 0; zone < len(perZone); i++ {
		zone = 0
		for z, most := range perZone {
			if i >= most {
				zone++
				continue
			}
			id := fmt.Sprintf("%c%d", 'a'+z, i+1)
			nodes = append(nodes, Node{ID: id, Addr: id + ":1", Zone: string(rune('a' + z))})
		}
	}
	return nodes
}

// What zones cost: how even the nodes are, what moves when a node is added or removed, and what is
// left to the others when a zone is lost. No session has both homes in one zone.
func TestScaleZones(t *testing.T) {
	keys := scaleKeys(t)
	t.Logf("%d keys, %d copies each", keys, DefaultReplicas)
	t.Logf("%16s %22s %24s %24s", "nodes by zone", "fullest / emptiest", "copies moved, one added", "copies moved, one removed")
	for _, perZone := range [][]int{{2, 2}, {3, 3}, {3, 2}, {2, 2, 2}, {10, 10, 10}, {12, 10, 8}, {34, 33, 33}} {
		nodes := nodesInZones(perZone...)
		before := newPlacement(nodes)
		for i := range min(keys, 10_000) {
			home := before.preference(record.KeyOf(fmt.Sprint(i)), DefaultReplicas, nil)
			if nodes[home[0]].Zone == nodes[home[1]].Zone {
				t.Fatalf("%v: both homes of key %d lie in zone %s", perZone, i, nodes[home[0]].Zone)
			}
		}
		more := append(nodes[:len(nodes):len(nodes)], Node{ID: "new", Addr: "new:1", Zone: "a"})
		h, added, removed := place(keys, before, nil, 0), place(keys, newPlacement(more), before, 0), place(keys, newPlacement(nodes[1:]), before, 1)
		most, least, _ := h.evenness()
		copies := float64(keys * DefaultReplicas)
		t.Logf("%16s %13.4f / %.4f %13.3f%% (%5.3f%%) %13.3f%% (%5.3f%%)", fmt.Sprint(perZone), most, least,
			100*float64(added.moved)/copies, 100/float64(len(more)), 100*float64(removed.moved)/copies, 100*float64(h.perNode[0])/copies)
		if added.both+removed.both != 0 {
			t.Errorf("%v: %d keys lost both homes at once", perZone, added.both+removed.both)
		}
	}
}

// The preference list of a key where nodes have zones.
func BenchmarkPreferenceInZones(b *testing.B) {
	for _, perZone := range []int{1, 10, 33, 100} {
		b.Run(fmt.Sprint(3*perZone), func(b *testing.B) {
			p := newPlacement(nodesInZones(perZone, perZone, perZone))
			key := record.KeyOf("session")
			var room [8]int
			b.ReportAllocs()
			for b.Loop() {
				p.preference(key, 2*DefaultReplicas+2, room[:0])
			}
		})
	}
}
