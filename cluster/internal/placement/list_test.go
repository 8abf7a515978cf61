package placement

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func nodesNamed(n int, standby ...int) []Node {
	var nodes []Node
	for i := range n {
		nodes = append(nodes, Node{ID: fmt.Sprintf("n%d", i+1), Standby: slices.Contains(standby, i)})
	}
	return nodes
}

func listOf(r *List, i int) []int {
	return r.Preference(record.KeyOf(fmt.Sprint("session", i)), 1000, nil)
}

// Instances of different versions share nodes: they must agree where a session lives.
func TestGoldenPreferenceLists(t *testing.T) {
	r := New(nodesNamed(7, 1, 5))
	for i, want := range goldenLists {
		if got := fmt.Sprint(listOf(r, i)); got != want {
			t.Errorf("session%d: %s, want %s", i, got, want)
		}
	}
}

var goldenLists = []string{
	"[0 6 2 4 3 5 1]",
	"[4 6 0 3 2 1 5]",
	"[2 4 3 0 6 1 5]",
	"[0 6 2 3 4 1 5]",
	"[6 4 3 0 2 1 5]",
}

func TestKeysSpreadEvenly(t *testing.T) {
	for _, n := range []int{3, 10} {
		const keys = 100_000
		r := New(nodesNamed(n))
		first, pair := make([]float64, n), make([]float64, n*n)
		var order [2]int
		for i := range keys {
			o := r.Preference(record.KeyOf(fmt.Sprint(i)), 2, order[:0])
			first[o[0]]++
			pair[o[0]*n+o[1]]++
		}
		// Chi-square: the mean is the degrees of freedom d, the deviation √2d. Six
		// deviations away is not chance.
		check := func(what string, counts []float64, cells int) {
			want, sum := float64(keys)/float64(cells), 0.0
			for _, c := range counts {
				if c > 0 {
					sum += (c - want) * (c - want) / want
				}
			}
			d := float64(cells - 1)
			if away := sum - d; away*away > 36*2*d {
				t.Errorf("%d nodes, %s: chi-square %.0f for %.0f degrees of freedom", n, what, sum, d)
			}
		}
		check("primaries", first, n)
		check("primaries with their backups", pair, n*(n-1))
	}
}

func TestANodeMovesOnlyTheKeysItWinsOrHeld(t *testing.T) {
	small, large := New(nodesNamed(9)), New(nodesNamed(10))
	moved := 0
	const keys = 20_000
	for i := range keys {
		before, after := listOf(small, i), listOf(large, i)
		if after[0] == 9 {
			moved++
		}
		without := slices.DeleteFunc(slices.Clone(after), func(n int) bool { return n == 9 })
		if !slices.Equal(before, without) {
			t.Fatalf("session%d: %v became %v", i, before, after)
		}
	}
	if moved < keys/10*8/10 || moved > keys/10*12/10 {
		t.Errorf("the tenth node is primary of %d keys of %d", moved, keys)
	}
}

func TestTheOrderOfTheListDoesNotMatter(t *testing.T) {
	nodes := nodesNamed(8, 3)
	turned := slices.Clone(nodes)
	slices.Reverse(turned)
	a, b := New(nodes), New(turned)
	for i := range 1000 {
		x, y := listOf(a, i), listOf(b, i)
		for j := range x {
			if nodes[x[j]].ID != turned[y[j]].ID {
				t.Fatalf("session%d: %v and %v", i, x, y)
			}
		}
	}
}

func TestStandbyNodesComeLastInThePreferenceList(t *testing.T) {
	r := New(nodesNamed(6, 0, 4))
	firstOfStandby := map[int]int{}
	for i := range 5000 {
		o := listOf(r, i)
		for _, n := range o[:4] {
			if n == 0 || n == 4 {
				t.Fatalf("session%d: %v", i, o)
			}
		}
		firstOfStandby[o[4]]++
	}
	if firstOfStandby[0] < 2000 || firstOfStandby[4] < 2000 {
		t.Errorf("standby nodes do not share: %v", firstOfStandby)
	}
	// A node keeps its place among its like when it becomes a standby node.
	all := New(nodesNamed(6))
	for i := range 100 {
		want := slices.DeleteFunc(listOf(all, i), func(n int) bool { return n == 0 || n == 4 })
		if got := listOf(r, i)[:4]; !slices.Equal(got, want) {
			t.Fatalf("session%d: %v, want %v", i, got, want)
		}
	}
}

func TestShortPreferenceListBeginsALongOne(t *testing.T) {
	for _, nodes := range [][]Node{nodesNamed(1), nodesNamed(5, 1), nodesNamed(40, 3, 5, 7), nodesNamed(25, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)} {
		r := New(nodes)
		for i := range 200 {
			all := listOf(r, i)
			if len(all) != len(nodes) {
				t.Fatalf("%d of %d nodes", len(all), len(nodes))
			}
			seen := slices.Clone(all)
			slices.Sort(seen)
			if len(slices.Compact(seen)) != len(nodes) {
				t.Fatalf("a node twice: %v", all)
			}
			for _, most := range []int{0, 1, 2, 3, 10, 16, 17, 33, len(nodes), 1000} {
				got := r.Preference(record.KeyOf(fmt.Sprint("session", i)), most, nil)
				if want := all[:min(most, len(all))]; !slices.Equal(got, want) {
					t.Fatalf("first %d of %d: %v, want %v", most, len(nodes), got, want)
				}
			}
		}
	}
}

func TestPreferenceListAllocatesNothing(t *testing.T) {
	r := New(nodesNamed(100, 7, 8))
	order, key := make([]int, 0, 16), record.KeyOf("x")
	if n := testing.AllocsPerRun(100, func() { order = r.Preference(key, 6, order[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The preference list is what it is said to be: by how many of its zone come before a node, then by score;
// regular nodes before standby nodes, and without zones by score alone.
func TestThePreferenceListTakesZonesInTurn(t *testing.T) {
	for _, zones := range []string{"aabb", "aaaab", "aabbccc", "aab-", "a--b", "aaabbbAABB", "ab" + strings.Repeat("-", 20)} {
		var nodes []Node
		for i, z := range zones {
			n := Node{ID: fmt.Sprint("n", i), Zone: strings.ToLower(strings.Trim(string(z), "-")), Standby: z >= 'A' && z <= 'Z'}
			nodes = append(nodes, n)
		}
		p := New(nodes)
		for k := range 200 {
			key := record.KeyOf(fmt.Sprint(k))
			score := func(i int) uint64 { return mix(p.seeds[i] ^ binary.BigEndian.Uint64(key[:])) }
			var want []int
			for _, standby := range []bool{false, true} {
				type ranked struct{ rank, node int }
				var all []ranked
				for i, n := range nodes {
					before := 0
					for j, o := range nodes {
						earlier := n.Standby && !o.Standby || o.Standby == n.Standby && score(j) > score(i)
						if n.Zone != "" && o.Zone == n.Zone && earlier {
							before++
						}
					}
					if n.Standby == standby {
						all = append(all, ranked{before, i})
					}
				}
				slices.SortFunc(all, func(a, b ranked) int {
					return cmp.Or(a.rank-b.rank, cmp.Compare(score(b.node), score(a.node)))
				})
				for _, r := range all {
					want = append(want, r.node)
				}
			}
			for most := range len(nodes) + 1 {
				if got := p.Preference(key, most, nil); !slices.Equal(got, want[:most]) {
					t.Fatalf("%s, key %d: %v, want %v", zones, k, got, want[:most])
				}
			}
		}
	}
}
