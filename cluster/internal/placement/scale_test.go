package placement

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file measures what grows with the number of nodes: the preference list, the balance, and the keys that move
// when nodes come and go. The simulations run when HOLDFAST_SCALE says over how many keys.

const scaleVariable = "HOLDFAST_SCALE"

// scaleNodes are the sizes of clusters that are looked at.
var scaleNodes = []int{3, 30, 100, 300, 1000}

// replicas are the copies of each session.
const replicas = 2

func manyNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprintf("n%d", i+1)}
	}
	return nodes
}

func BenchmarkPreference(b *testing.B) {
	for _, n := range scaleNodes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := New(manyNodes(n))
			var room [8]int
			key := record.KeyOf("session")
			b.ReportAllocs()
			for b.Loop() {
				key[0]++
				key[1] += key[0] & 1
				r.Preference(key, 2*replicas+2, room[:0])
			}
		})
	}
}

func TestPreferenceListOfManyNodesAllocatesNothing(t *testing.T) {
	r := New(manyNodes(100))
	var room [8]int
	key := record.KeyOf("session")
	if n := testing.AllocsPerRun(100, func() { r.Preference(key, 6, room[:0]) }); n != 0 {
		t.Errorf("a preference list of 100 nodes makes %v allocations", n)
	}
}

// homes counts where the copies of keys lie.
type homes struct {
	perNode []int // copies
	moved   int   // copies that lie elsewhere than before
	both    int   // keys that have none of their homes of before
}

// place looks at the homes of keys in one ring and, if there is one, in the ring
// before it. Nodes are told apart by their index in the longer list, which begins with
// the shorter one, shifted where the first nodes were removed.
func place(keys int, now, before *List, shift int) homes {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]homes, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			p := homes{perNode: make([]int, len(now.seeds))}
			var roomA, roomB [replicas]int
			for i := w; i < keys; i += workers {
				key := record.KeyOf(strconv.Itoa(i))
				a := now.Preference(key, replicas, roomA[:0])
				for _, n := range a {
					p.perNode[n]++
				}
				if before == nil {
					continue
				}
				moved := 0
				b := before.Preference(key, replicas, roomB[:0])
				for _, n := range a {
					if n+shift != b[0] && n+shift != b[1] {
						moved++
					}
				}
				p.moved += moved
				if moved == replicas {
					p.both++
				}
			}
			parts[w] = p
		})
	}
	wg.Wait()
	all := homes{perNode: make([]int, len(now.seeds))}
	for _, p := range parts {
		all.moved += p.moved
		all.both += p.both
		for n, k := range p.perNode {
			all.perNode[n] += k
		}
	}
	return all
}

// evenness returns the fullest and the emptiest node and the standard deviation, as
// parts of the mean.
func (h homes) evenness() (most, least, deviation float64) {
	total, high, low := 0, 0, math.MaxInt
	for _, n := range h.perNode {
		total, high, low = total+n, max(high, n), min(low, n)
	}
	mean := float64(total) / float64(len(h.perNode))
	for _, n := range h.perNode {
		deviation += (float64(n) - mean) * (float64(n) - mean)
	}
	return float64(high) / mean, float64(low) / mean, math.Sqrt(deviation/float64(len(h.perNode))) / mean
}

func scaleKeys(t *testing.T) int {
	text := os.Getenv(scaleVariable)
	if text == "" {
		t.Skipf("set %s to a number of keys", scaleVariable)
	}
	keys, err := strconv.Atoi(text)
	if err != nil || keys < 1 {
		t.Fatalf("%s=%q: want a number of keys", scaleVariable, text)
	}
	return keys
}

func TestScaleBalanceAndMoves(t *testing.T) {
	keys := scaleKeys(t)
	t.Logf("%d keys, %d copies each", keys, replicas)
	t.Logf("%6s %22s %10s %28s %28s", "nodes", "fullest / emptiest", "deviation", "copies moved, one added", "copies moved, one removed")
	for _, n := range scaleNodes {
		nodes := manyNodes(n + 1)
		before := New(nodes[:n])
		added := place(keys, New(nodes), before, 0)
		h := place(keys, before, nil, 0)
		most, least, deviation := h.evenness()
		removed := place(keys, New(nodes[1:n]), before, 1)
		copies := float64(keys * replicas)
		t.Logf("%6d %11.4f / %.4f %9.2f%% %13.3f%% (least %.3f%%) %13.3f%% (least %.3f%%)", n, most, least, 100*deviation,
			100*float64(added.moved)/copies, 100/float64(n+1), 100*float64(removed.moved)/copies, 100/float64(n))
		if added.both+removed.both != 0 {
			t.Errorf("%d nodes: %d keys lost both homes at once", n, added.both+removed.both)
		}
		if min(added.moved, removed.moved) == 0 {
			t.Errorf("%d nodes: nothing moved", n)
		}
	}
}

// When a node dies, the copies it held go to all others alike, and not to one neighbour.
func TestScaleLoadAfterADeath(t *testing.T) {
	keys := scaleKeys(t)
	for _, n := range scaleNodes {
		nodes := manyNodes(n)
		before, after := place(keys, New(nodes), nil, 0), place(keys, New(nodes[1:]), nil, 0)
		most := 0.0
		for i, k := range after.perNode {
			most = max(most, float64(k)/float64(before.perNode[i+1]))
		}
		t.Logf("%6d nodes, one dead: the others hold up to %.4f times as many copies (least %.4f)", n, most, float64(n)/float64(n-1))
	}
}

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
			nodes = append(nodes, Node{ID: id, Zone: string(rune('a' + z))})
		}
	}
	return nodes
}

// What zones cost: how even the nodes are, what moves when a node is added or removed, and what is
// left to the others when a zone is lost. No session has both homes in one zone.
func TestScaleZones(t *testing.T) {
	keys := scaleKeys(t)
	t.Logf("%d keys, %d copies each", keys, replicas)
	t.Logf("%16s %22s %24s %24s", "nodes by zone", "fullest / emptiest", "copies moved, one added", "copies moved, one removed")
	for _, perZone := range [][]int{{2, 2}, {3, 3}, {3, 2}, {2, 2, 2}, {10, 10, 10}, {12, 10, 8}, {34, 33, 33}} {
		nodes := nodesInZones(perZone...)
		before := New(nodes)
		for i := range min(keys, 10_000) {
			home := before.Preference(record.KeyOf(fmt.Sprint(i)), replicas, nil)
			if nodes[home[0]].Zone == nodes[home[1]].Zone {
				t.Fatalf("%v: both homes of key %d lie in zone %s", perZone, i, nodes[home[0]].Zone)
			}
		}
		more := append(nodes[:len(nodes):len(nodes)], Node{ID: "new", Zone: "a"})
		h, added, removed := place(keys, before, nil, 0), place(keys, New(more), before, 0), place(keys, New(nodes[1:]), before, 1)
		most, least, _ := h.evenness()
		copies := float64(keys * replicas)
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
			p := New(nodesInZones(perZone, perZone, perZone))
			key := record.KeyOf("session")
			var room [8]int
			b.ReportAllocs()
			for b.Loop() {
				p.Preference(key, 2*replicas+2, room[:0])
			}
		})
	}
}
