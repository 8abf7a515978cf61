package cluster

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which nodes are to hold a session: the key's preference list, and the targets
// in it. Everything here is pure.
//
// The preference list is all nodes in the order of rendezvous hashing (Thaler and Ravishankar, "A
// Name-Based Mapping Scheme for Rendezvous", 1996): each node gets a score from its ID and the
// key, and the highest score comes first. So adding or removing a node moves only the keys that
// it wins or held. The first Replicas nodes are the session's home: primary and backup.

// placement orders nodes, named by their index in the configuration, by preference.
type placement struct {
	seeds   []uint64 // per node, from its ID
	standby []bool
	regular int
	zoneOf  []int // per node: the number of its zone; nil where no node has one
	// zoneCount is how many zones there are, each node without one counted as a zone of its own.
	zoneCount int
}

func newPlacement(nodes []Node) *placement {
	p := &placement{}
	var zones []string
	for _, n := range nodes {
		id := sha256.Sum256([]byte(n.ID))
		p.seeds = append(p.seeds, binary.BigEndian.Uint64(id[:]))
		p.standby = append(p.standby, n.Standby)
		zones = append(zones, n.Zone)
		if !n.Standby {
			p.regular++
		}
	}
	if slices.ContainsFunc(zones, func(z string) bool { return z != "" }) {
		for i, z := range zones {
			first := slices.Index(zones, z)
			if z == "" || first == i {
				first, p.zoneCount = p.zoneCount, p.zoneCount+1
			} else {
				first = p.zoneOf[first]
			}
			p.zoneOf = append(p.zoneOf, first)
		}
	}
	return p
}

// preference appends the first most nodes of the key's preference list to order: all regular
// nodes by score, then the standby nodes by score.
func (p *placement) preference(key record.Key, most int, order []int) []int {
	k := binary.BigEndian.Uint64(key[:])
	if p.zoneOf == nil {
		order = p.best(k, false, min(most, p.regular), order)
		return p.best(k, true, min(most-len(order), len(p.seeds)-p.regular), order)
	}
	var room [16]int
	taken := append(room[:0], make([]int, p.zoneCount)...) // nodes of each zone
	order = p.bestInZones(k, false, min(most, p.regular), order, taken)
	return p.bestInZones(k, true, min(most-len(order), len(p.seeds)-p.regular), order, taken)
}

// bestInZones appends the highest scores of the regular or the standby nodes: the first node of each
// zone, then the second of each, and so on, those that are taken counted. So the homes lie in as many
// zones as regular nodes do, or all nodes where too few are regular, and what
// takes the place of a node, or of a zone, is not far behind them. A node without a zone is a zone of
// its own. Scores are made anew for each place, which costs less than to keep them: an operation needs
// the first few of many.
func (p *placement) bestInZones(key uint64, standby bool, most int, order, taken []int) []int {
	start := len(order)
	for len(order) < start+most {
		best, leastTaken, highest := -1, 0, uint64(0)
		for i, seed := range p.seeds {
			t := taken[p.zoneOf[i]]
			if p.standby[i] != standby || best >= 0 && t > leastTaken {
				continue
			}
			score := mix(seed ^ key)
			if (best < 0 || t < leastTaken || score > highest) && !slices.Contains(order[start:], i) {
				best, leastTaken, highest = i, t, score
			}
		}
		order = append(order, best)
		taken[p.zoneOf[best]]++
	}
	return order
}

// canBeHome reports whether any key has the node among its first replicas: a standby node is not,
// where there are regular nodes enough.
func (p *placement) canBeHome(node, replicas int) bool {
	return !p.standby[node] || p.regular < replicas
}

// best appends the highest scores among the regular or the standby nodes, by
// insertion: an operation needs the first few of many.
func (p *placement) best(key uint64, standby bool, most int, order []int) []int {
	if most <= 0 {
		return order
	}
	var buf [16]uint64
	scores := buf[:0]
	start := len(order)
	for i, seed := range p.seeds {
		if p.standby[i] != standby {
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

// candidate is a node of a preference list as one decision sees it.
type candidate struct {
	node *node
	zone string // empty: a zone of its own
	standing
	passedOver bool // by this operation
}

// targets appends to ts, which is empty, the nodes that are to hold the session: the first
// replicas of the list that are up and not passed over. One that is no home node is a fallback
// (the sloppy quorum of Dynamo: DeCandia et al., "Dynamo: Amazon's Highly Available Key-value
// Store", 2007, section 4.6).
//
// Where too few nodes are up, suspect nodes fill in, and then nodes that are down and fail fast:
// such a node may have been restarted since the last probe, and finding out costs no wait.
// Without that, nodes that are restarted one after the other could each be empty before the next
// is in use.
//
// Homes come first, also where all regular nodes lie in one zone and a standby node in another. A
// fallback lies in a zone of which no node is taken, where there is one.
func targets(list []candidate, replicas int, ts []*node) []*node {
	var room [4]string
	zones := room[:0] // of those that are taken
	for _, fits := range [...]func(candidate) bool{isUp, isSuspect, isDownButFast} {
		for _, which := range [...]string{"homes", "other zones", "all"} {
			for i := 0; i < len(list) && len(ts) < replicas; i++ {
				c := list[i]
				switch {
				case c.passedOver, !fits(c), slices.Contains(ts, c.node):
				case which == "homes" && i >= replicas:
				case which == "other zones" && c.zone != "" && slices.Contains(zones, c.zone):
				default:
					ts, zones = append(ts, c.node), append(zones, c.zone)
				}
			}
		}
	}
	return ts
}

func isUp(c candidate) bool          { return c.state == StateUp }
func isSuspect(c candidate) bool     { return c.state == StateSuspect }
func isDownButFast(c candidate) bool { return c.state == StateDown && c.failsFast }
