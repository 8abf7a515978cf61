package discovery

import (
	"cmp"
	"slices"
)

// This file decides when an answer of a source counts. A name server that starts, a pod that is
// not ready for a moment and a file that is being written all make lists that are true for a
// short time only, and each change of the list moves sessions.

const (
	timesTold   = 2 // good answers in a row that say the same, for a list to count
	timesAbsent = 3 // good answers in a row without a node, for the node to be dropped
)

// Prudent keeps the list in use, and what the last answers were. It has no clock and no lock: it
// belongs to the one goroutine that asks.
//
// Invariant: the list in use only changes by Use, so that a proposal that could not be used
// yet is made again.
type Prudent struct {
	inUse  []Node         // sorted by ID
	last   []Node         // the last good answer, sorted by ID
	times  int            // good answers in a row that were equal to last
	absent map[string]int // by ID: good answers in a row without this node of the list in use
}

// NewPrudent returns a Prudent for the list that is in use at the start. It may be empty: then
// the first good answer counts at once, since there is no session yet that could move.
func NewPrudent(inUse []Node) *Prudent {
	p := &Prudent{absent: map[string]int{}}
	p.Use(inUse)
	return p
}

// Use says which list is in use from now on: a proposal of Answer that was put into effect, or a
// list from elsewhere.
func (p *Prudent) Use(nodes []Node) { p.inUse = sorted(nodes) }

// Answer takes what a source said, and returns the list that should be in use and whether it
// differs from the one that is. Call Use when it has been put into effect.
//
//   - A failed or empty answer (no nodes), and one with an id or an address twice, changes
//     nothing: it is neither for nor against any node.
//   - A list counts when two good answers in a row were the same list, in whatever order. This
//     goes for new nodes, and for another address, zone or role of a known one.
//   - A node stays in use until it was absent from three good answers in a row.
//   - Nothing changes while the address of a new node belongs to one that has not been dropped
//     yet: the node was renamed, and is one server.
func (p *Prudent) Answer(nodes []Node) (list []Node, changed bool) {
	answer := sorted(nodes)
	if len(answer) == 0 || hasTwice(answer) {
		return slices.Clone(p.inUse), false
	}
	if p.times++; !slices.Equal(answer, p.last) {
		p.last, p.times = answer, 1
	}
	if len(p.inUse) == 0 {
		return slices.Clone(answer), true
	}
	list, absent := slices.Clone(answer), map[string]int{}
	for _, n := range p.inUse {
		if slices.ContainsFunc(answer, func(a Node) bool { return a.ID == n.ID }) {
			continue
		}
		absent[n.ID] = p.absent[n.ID] + 1
		if absent[n.ID] < timesAbsent {
			list = append(list, n)
		}
	}
	p.absent = absent
	list = sorted(list)
	if p.times < timesTold || hasTwice(list) || slices.Equal(list, p.inUse) {
		return slices.Clone(p.inUse), false
	}
	return list, true
}

func sorted(nodes []Node) []Node {
	return slices.SortedFunc(slices.Values(nodes), func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
}

// hasTwice reports whether an id or an address is in the list more than once.
func hasTwice(nodes []Node) bool {
	ids, addrs := map[string]bool{}, map[string]bool{}
	for _, n := range nodes {
		if ids[n.ID] || addrs[n.Addr] {
			return true
		}
		ids[n.ID], addrs[n.Addr] = true, true
	}
	return false
}
