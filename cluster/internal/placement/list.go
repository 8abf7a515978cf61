package placement

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides in which order a key prefers the nodes of a list.

// Node is what decides which sessions lie on a node. Its address is no part of it.
type Node struct {
	ID      string
	Zone    string // empty: none
	Standby bool
}

// List orders the nodes of a list, named by their index in it, by preference.
type List struct {
	seeds   []uint64 // per node, from its ID
	standby []bool
	regular int
	zoneOf  []int // per node: the number of its zone; nil where no node has one
	// zoneCount is how many zones there are, each node without one counted as a zone of its own.
	zoneCount int
}

// New returns the list of these nodes.
func New(nodes []Node) *List {
	l := &List{}
	var zones []string
	for _, n := range nodes {
		id := sha256.Sum256([]byte(n.ID))
		l.seeds = append(l.seeds, binary.BigEndian.Uint64(id[:]))
		l.standby = append(l.standby, n.Standby)
		zones = append(zones, n.Zone)
		if !n.Standby {
			l.regular++
		}
	}
	if slices.ContainsFunc(zones, func(z string) bool { return z != "" }) {
		for i, z := range zones {
			first := slices.Index(zones, z)
			if z == "" || first == i {
				first, l.zoneCount = l.zoneCount, l.zoneCount+1
			} else {
				first = l.zoneOf[first]
			}
			l.zoneOf = append(l.zoneOf, first)
		}
	}
	return l
}

// Preference appends the first most nodes of the key's preference list to order: all regular
// nodes by score, then the standby nodes by score.
func (l *List) Preference(key record.Key, most int, order []int) []int {
	k := binary.BigEndian.Uint64(key[:])
	if l.zoneOf == nil {
		order = l.best(k, false, min(most, l.regular), order)
		return l.best(k, true, min(most-len(order), len(l.seeds)-l.regular), order)
	}
	var room [16]int
	taken := append(room[:0], make([]int, l.zoneCount)...) // nodes of each zone
	order = l.bestInZones(k, false, min(most, l.regular), order, taken)
	return l.bestInZones(k, true, min(most-len(order), len(l.seeds)-l.regular), order, taken)
}

// bestInZones appends the highest scores of the regular or the standby nodes: the first node of each
// zone, then the second of each, and so on, those that are taken counted. So the homes lie in as many
// zones as regular nodes do, or all nodes where too few are regular, and what
// takes the place of a node, or of a zone, is not far behind them. A node without a zone is a zone of
// its own. Scores are made anew for each place, which costs less than to keep them: an operation needs
// the first few of many.
func (l *List) bestInZones(key uint64, standby bool, most int, order, taken []int) []int {
	start := len(order)
	for len(order) < start+most {
		best, leastTaken, highest := -1, 0, uint64(0)
		for i, seed := range l.seeds {
			t := taken[l.zoneOf[i]]
			if l.standby[i] != standby || best >= 0 && t > leastTaken {
				continue
			}
			score := mix(seed ^ key)
			if (best < 0 || t < leastTaken || score > highest) && !slices.Contains(order[start:], i) {
				best, leastTaken, highest = i, t, score
			}
		}
		order = append(order, best)
		taken[l.zoneOf[best]]++
	}
	return order
}

// CanBeHome reports whether any key has the node among its first replicas: a standby node is not,
// where there are regular nodes enough.
func (l *List) CanBeHome(node, replicas int) bool {
	return !l.standby[node] || l.regular < replicas
}

// best appends the highest scores among the regular or the standby nodes, by
// insertion: an operation needs the first few of many.
func (l *List) best(key uint64, standby bool, most int, order []int) []int {
	if most <= 0 {
		return order
	}
	var buf [16]uint64
	scores := buf[:0]
	start := len(order)
	for i, seed := range l.seeds {
		if l.standby[i] != standby {
			continue
		}
		s := mix(seed ^ key)
		if len(scores) == most {
			if s <= scores[most-1] {
				continue
			}
			scores, order = scores[:most-1], order[:start+most-1]
		}
		at := len(scores)
		for at > 0 && scores[at-1] < s {
			at--
		}
		scores = append(scores, 0)
		order = append(order, 0)
		copy(scores[at+1:], scores[at:])
		copy(order[start+at+1:], order[start+at:])
		scores[at], order[start+at] = s, i
	}
	return order
}

// mix spreads every input bit over the whole result: the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Name is a fingerprint of what decides where sessions lie: the nodes, and the number of
// copies.
func Name(nodes []Node, replicas int) string {
	var lines []string
	for _, n := range nodes {
		lines = append(lines, fmt.Sprintf("%q %t %q", n.ID, n.Standby, n.Zone))
	}
	slices.Sort(lines)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", replicas, strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:6])
}
