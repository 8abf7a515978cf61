package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// This file decides in which order the nodes stand for a key: rendezvous hashing
// (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996).
// Each node gets a score from its ID and the key, and the highest score ranks
// first; so adding or removing a node moves only the keys that it wins or held. Everything here is pure.

// keyHash is the SHA-256 of a session id: all that leaves the process.
type keyHash [sha256.Size]byte

func hashKey(id string) keyHash {
	var room [128]byte // most ids fit, and then nothing is allocated
	return sha256.Sum256(append(room[:0], id...))
}

// memcacheKey is the key under which the record lies on a node. It cannot be
// turned back into the session id, so whoever lists a node's keys hijacks nobody.
func (k keyHash) memcacheKey(prefix string) string {
	var room [maxPrefix + (sha256.Size*8+5)/6]byte
	b := append(room[:0], prefix...)
	return string(base64.RawURLEncoding.AppendEncode(b, k[:]))
}

// ring ranks nodes, named by their index in the configuration.
type ring struct {
	seeds   []uint64 // per node, from its ID
	standby []bool
	regular int
}

func newRing(nodes []Node) *ring {
	r := &ring{}
	for _, n := range nodes {
		id := sha256.Sum256([]byte(n.ID))
		r.seeds = append(r.seeds, binary.BigEndian.Uint64(id[:]))
		r.standby = append(r.standby, n.Standby)
		if !n.Standby {
			r.regular++
		}
	}
	return r
}

// rank appends the first most nodes for the key to order: all regular nodes by
// score, then the standby nodes by score.
func (r *ring) rank(key keyHash, most int, order []int) []int {
	k := binary.BigEndian.Uint64(key[:])
	order = r.best(k, false, min(most, r.regular), order)
	return r.best(k, true, min(most-len(order), len(r.seeds)-r.regular), order)
}

// best appends the highest scores among the regular or the standby nodes, by
// insertion: a walk needs the first few of many.
func (r *ring) best(key uint64, standby bool, most int, order []int) []int {
	if most <= 0 {
		return order
	}
	var buf [16]uint64
	scores := buf[:0]
	start := len(order)
	for i, seed := range r.seeds {
		if r.standby[i] != standby {
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
