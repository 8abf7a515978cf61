package cluster

import (
	"crypto/sha256"
	"encoding/binary"

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
}

func newPlacement(nodes []Node) *placement {
	p := &placement{}
	for _, n := range nodes {
		id := sha256.Sum256([]byte(n.ID))
		p.seeds = append(p.seeds, binary.BigEndian.Uint64(id[:]))
		p.standby = append(p.standby, n.Standby)
		if !n.Standby {
			p.regular++
		}
	}
	return p
}

// preference appends the first most nodes of the key's preference list to order: all regular
// nodes by score, then the standby nodes by score.
func (p *placement) preference(key record.Key, most int, order []int) []int {
	k := binary.BigEndian.Uint64(key[:])
	order = p.best(k, false, min(most, p.regular), order)
	return p.best(k, true, min(most-len(order), len(p.seeds)-p.regular), order)
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
	standing
	passed bool // the operation passes it over, since it has failed in it
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
func targets(list []candidate, replicas int, ts []*node) []*node {
	for _, fits := range [...]func(candidate) bool{isUp, isSuspect, isDownButFast} {
		for i := 0; i < len(list) && len(ts) < replicas; i++ {
			if !list[i].passed && fits(list[i]) {
				ts = append(ts, list[i].node)
			}
		}
	}
	return ts
}

func isUp(c candidate) bool          { return c.state == StateUp }
func isSuspect(c candidate) bool     { return c.state == StateSuspect }
func isDownButFast(c candidate) bool { return c.state == StateDown && c.failsFast }
