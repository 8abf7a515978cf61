package cluster

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/placement"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a list of nodes is, and where it has sessions lie.

// list is one list of nodes, and where it has sessions lie.
type list struct {
	name    string // markers tell of it under this name
	nodes   []*node
	entries []Node // of the nodes: one server may have another role, or zone, on another list
	*placement.List
	replicas int
	// settled is from when on every process knows the list. What another one has written by an
	// older list may lie elsewhere until then, so no pass begins earlier.
	settled time.Time
	// isNew is true for a list that was not in force when this process put it in force. Nodes may have
	// been whole for it once, and have missed writes since: this process has them begin anew. No
	// other one can have made them whole yet, since it waits until all know the list.
	isNew bool
	begun *sync.Map // of nodes that have begun anew
}

// newList returns a list of these servers, with what the entries say of each.
func newList(nodes []*node, entries []Node, replicas int, settled time.Time) *list {
	return &list{
		name: placement.Name(placed(entries), replicas), nodes: nodes, entries: entries, List: placement.New(placed(entries)), replicas: replicas,
		settled: settled, begun: &sync.Map{},
	}
}

// placed is what decides which sessions lie on the nodes.
func placed(entries []Node) (nodes []placement.Node) {
	for _, n := range entries {
		nodes = append(nodes, placement.Node{ID: n.ID, Zone: n.Zone, Standby: n.Standby})
	}
	return nodes
}

// without returns the list without some of its nodes.
func (l *list) without(isOut func(*node) bool) *list {
	var nodes []*node
	var entries []Node
	for i, n := range l.nodes {
		if !isOut(n) {
			nodes, entries = append(nodes, n), append(entries, l.entries[i])
		}
	}
	return newList(nodes, entries, l.replicas, l.settled)
}

// isSameAs reports whether both lists have the same servers, in the same roles and zones.
func (l *list) isSameAs(o *list) bool {
	return l.name == o.name && !slices.ContainsFunc(l.nodes, func(n *node) bool { return !o.has(n) })
}

// hasBegun reports whether what the node's marker says of the list is of this time.
func (l *list) hasBegun(n *node) bool {
	if !l.isNew {
		return true
	}
	_, ok := l.begun.Load(n)
	return ok
}

// entry returns what the list says of the node, and whether the node is on it.
func (l *list) entry(n *node) (entry Node, listed bool) {
	if i := slices.Index(l.nodes, n); i >= 0 {
		return l.entries[i], true
	}
	return Node{}, false
}

// has reports whether the node is on the list.
func (l *list) has(n *node) bool { return slices.Contains(l.nodes, n) }

// mayBeHome reports whether any session has the node among its homes.
func (l *list) mayBeHome(n *node) bool {
	i := slices.Index(l.nodes, n)
	return i >= 0 && l.CanBeHome(i, l.replicas)
}

// isHome reports whether the node is among the homes of the key.
func (l *list) isHome(n *node, key record.Key) bool {
	var room [8]int
	return slices.ContainsFunc(l.Preference(key, l.replicas, room[:0]), func(i int) bool { return l.nodes[i] == n })
}

// lists are all that are in force. They are never changed once built.
type lists struct {
	now    *list
	base   *list // the present list, with those of its nodes that drain
	former []*list
	// joins is true in a process that has begun during a transition from a list that it does not know:
	// the homes by its own list do not know all sessions yet.
	joins bool
	// had are the names of lists that this process had in force, the latest last. They are no news to it
	// when a marker still tells of them.
	had []string
	all []*node // of any of them, those of the base list first, in its order
}

// nodes are all nodes on any list in force.
func (c *Cluster) nodes() []*node {
	if c == nil || c.lists.Load() == nil {
		return nil
	}
	return c.lists.Load().all
}

// listName names the list in force.
func (c *Cluster) listName() string { return c.lists.Load().now.name }

func (c *Cluster) nodeByID(id string) (*node, error) {
	for _, n := range c.nodes() { // those of the present list come first
		if n.ID == id {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cluster: no node has the id %q", id)
}

// drains reports whether the node is on a list in force, but not on the present one.
func (c *Cluster) drains(n *node) bool { return !c.lists.Load().now.has(n) }

// formerEntries are the lists that were in force before this one, for processes that begin now. A list
// that a drain has made needs none: they know the list with the node.
func (c *Cluster) formerEntries(l *list) (former [][]marker.Server) {
	ls := c.lists.Load()
	for _, f := range ls.former {
		if l.name == ls.base.name && f.name != l.name {
			former = append(former, nodesAs[marker.Server](f.entries))
		}
	}
	return former
}

// unsettled is for how long another process may still go by a former list: no node is filled before.
func (ls *lists) unsettled(now time.Time) time.Duration { return max(0, ls.now.settled.Sub(now)) }

// count is how many lists are in force.
func (ls *lists) count() int { return 1 + len(ls.former) }

// isJoining reports whether the node is on the present list, and not on each former one.
func (ls *lists) isJoining(n *node) bool {
	return ls.base.has(n) && slices.ContainsFunc(ls.former, func(l *list) bool { return !l.has(n) })
}
