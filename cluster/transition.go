package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/placement"
)

// This file decides which lists of nodes are in force (rules 25 and 26). There is one, most of the time.
// After a change, and while a node drains, other processes may still write by the former list. Then a
// session's targets are those of both.

// pastList is a list before the present one.
type pastList struct {
	*list
	until time.Time // from then on every process knows the list that has replaced it
}

// mostPast is how many former lists may be in force: each is read and written.
const mostPast = 2

// mostHad is how many of the lists that this process had in force it remembers.
const mostHad = 32

// beginLists puts the first list in force, with those that the configuration says were before it.
func (c *Cluster) beginLists(nodes []*node) {
	c.base = newList(nodes, c.cfg.Nodes, c.cfg.Replicas, time.Time{})
	if entries := c.cfg.FormerNodes; len(entries) > 0 {
		var former []*node
		for _, n := range entries {
			former = append(former, c.nodeFor(n, nodes, nil))
		}
		c.base.settled = time.Now().Add(c.cfg.TransitionFor)
		c.past = []pastList{{newList(former, entries, min(c.cfg.Replicas, len(former)), time.Time{}), c.base.settled}}
	}
	c.updateLists()
}

// SetNodes changes the list of nodes while the Cluster is in use. Any number of nodes may be added,
// removed or replaced at once; each keeps its ID, and one under another address is another node. It
// returns at once. For TransitionFor, and until every node of the new list is whole, sessions are
// read and written by the former list as well, so that an instance which still has that one sees
// what this one writes. Nodes that are removed must stay up until then (see NodeStatus.Leaving, or
// wait for WaitWhole), those that are down already are passed over. A change during that time is
// added to it; at most three lists are in force. The error says what is wrong with the list, or when
// a fourth may come; the list in force is then as before.
func (c *Cluster) SetNodes(nodes []Node) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	cfg := c.cfg
	cfg.Nodes = withIDs(nodes)
	if err := checkNodes(cfg.Nodes); err != nil {
		return err
	}
	if len(cfg.Nodes) < cfg.Replicas {
		return fmt.Errorf("cluster: the list has %d nodes, but each session has %d copies (Replicas): list at least as many", len(cfg.Nodes), cfg.Replicas)
	}
	found := make([][]netip.Addr, len(cfg.Nodes))
	if cfg.DialContext == nil {
		var err error
		if found, err = cfg.lookup(); err != nil {
			return err
		}
		if err := checkPlaces(cfg.Nodes, found); err != nil {
			return err
		}
	}
	changed, err := c.setList(cfg.Nodes, found)
	if err != nil || !changed {
		return err
	}
	c.updateLists()
	c.log.info(nil, "cluster: the list of nodes changes", "nodes", fmt.Sprint(c.lists.Load().base.nodes), "transition", c.cfg.TransitionFor)
	c.kick()
	return nil
}

// setList makes the nodes the present list, and reports whether it was another one.
func (c *Cluster) setList(nodes []Node, found [][]netip.Addr) (changed bool, err error) {
	c.listMu.Lock()
	defer c.listMu.Unlock()
	var servers []*node
	for i, n := range nodes {
		servers = append(servers, c.nodeFor(n, c.nodes(), found[i]))
	}
	next := newList(servers, nodes, c.cfg.Replicas, time.Now().Add(c.cfg.TransitionFor))
	if next.isSameAs(c.base) {
		return false, nil
	}
	past := slices.DeleteFunc(slices.Clone(c.past), func(p pastList) bool { return next.isSameAs(p.list) })
	if len(past) >= mostPast {
		wait := max(0, time.Until(past[0].until)).Round(time.Second)
		if wait == 0 {
			return false, errors.New("cluster: three lists of nodes are in force, and not every node is whole yet: change the list again when WaitWhole has returned")
		}
		return false, fmt.Errorf("cluster: three lists of nodes are in force: change the list again in %v, when every node is whole", wait)
	}
	next.isNew = len(past) == len(c.past) // else it has been in force all along
	c.past = append(past, pastList{c.base, next.settled})
	c.base, c.wasSet = next, true
	return true, nil
}

// nodeFor returns the one of the nodes that is the entry's server, or a new one.
func (c *Cluster) nodeFor(n Node, nodes []*node, found []netip.Addr) *node {
	for _, o := range nodes {
		if o.ID == n.ID && o.Addr == n.Addr {
			return o
		}
	}
	return c.newNode(n, found)
}

// adoptFormer puts the lists in force that markers tell of, in a process that has begun with the present
// one. Who can write to a node that is not sealed could name any server there, and would be sent every
// session: then only servers that this process knows are believed, and for the rest it joins.
func (c *Cluster) adoptFormer(now time.Time) {
	c.joins = false
	if c.wasSet {
		return // it knows
	}
	for _, n := range c.base.nodes {
		m, _ := n.lastMarker()
		if m == nil || m.List(c.base.name) == nil || m.IsWhole(c.base.name) {
			continue
		}
		for _, servers := range m.List(c.base.name).Former {
			entries := nodesAs[Node](servers)
			switch name := placement.Name(placed(entries), c.cfg.Replicas); {
			case slices.ContainsFunc(c.past, func(p pastList) bool { return p.name == name }):
			case len(c.past) == mostPast, checkNodes(entries) != nil, c.seal == nil && !c.knowsAll(entries):
				c.joins = true
			default:
				var nodes []*node
				for _, e := range entries {
					nodes = append(nodes, c.nodeFor(e, c.nodes(), nil))
				}
				later := *c.base
				later.settled = now.Add(c.cfg.TransitionFor)
				c.base = &later
				c.past = append(c.past, pastList{newList(nodes, entries, min(c.cfg.Replicas, len(nodes)), time.Time{}), later.settled})
			}
		}
	}
}

// knowsAll reports whether all the servers are on some list in force.
func (c *Cluster) knowsAll(entries []Node) bool {
	return !slices.ContainsFunc(entries, func(e Node) bool {
		return !slices.ContainsFunc(c.nodes(), func(n *node) bool { return n.ID == e.ID && n.Addr == e.Addr })
	})
}

// updateLists puts the lists in force that are asked for: by SetNodes, and by markers that say that a
// node drains, as they were last read.
func (c *Cluster) updateLists() {
	ended, gone := c.replaceLists(time.Now())
	if ended {
		c.log.info(nil, "cluster: the list of nodes has changed: every node is whole for it, and the former list is out of force")
	}
	for _, n := range gone {
		c.hints.drop(n)
		n.server.Drop()
	}
}

// replaceLists reports whether a transition has ended, and which nodes are on no list any more.
func (c *Cluster) replaceLists(now time.Time) (ended bool, gone []*node) {
	c.listMu.Lock()
	defer c.listMu.Unlock()
	old := c.lists.Load()
	if old != nil {
		c.adoptFormer(now)
	}
	if ended = len(c.past) > 0 && !now.Before(c.base.settled) && c.isWholeFor(old.now); ended {
		c.past = nil
	}
	next := &lists{base: c.base, joins: c.joins}
	if old != nil {
		next.had = old.had
	}
	if left := c.base.without(func(n *node) bool { return n.isDraining(now) }); len(left.nodes) >= c.cfg.Replicas && len(left.nodes) < len(c.base.nodes) {
		next.now, next.former = left, []*list{c.base}
		next.now.isNew = c.pollBegan.Load() > 0 // else it may be in force for long
	} else {
		again := *c.base
		next.now = &again
	}
	for _, p := range c.past {
		next.former = append(next.former, p.list)
	}
	switch {
	case old == nil:
	case old.base == next.base && slices.Equal(old.now.nodes, next.now.nodes):
		next.now = old.now // since when it is in force does not change
		if slices.Equal(old.former, next.former) && old.joins == next.joins {
			return ended, nil
		}
	case old.base == next.base:
		// A drain has begun, or ended: other processes learn of it at their next polls.
		if known := now.Add(staleAfter); known.After(next.now.settled) {
			next.now.settled = known
		}
	}
	for _, l := range append([]*list{c.base}, next.former...) {
		for _, n := range l.nodes {
			if !slices.Contains(next.all, n) {
				next.all = append(next.all, n)
			}
		}
	}
	if !slices.Contains(next.had, next.now.name) {
		next.had = append(slices.Clip(next.had), next.now.name)
		next.had = next.had[max(0, len(next.had)-mostHad):]
	}
	c.lists.Store(next)
	if old != nil {
		gone = slices.DeleteFunc(slices.Clone(old.all), func(n *node) bool { return slices.Contains(next.all, n) })
	}
	for _, n := range gone {
		n.retired.Store(true)
	}
	c.retired = append(c.retired, gone...)
	return ended, gone
}

// isWholeFor reports whether every node of the list is whole.
func (c *Cluster) isWholeFor(l *list) bool {
	return !slices.ContainsFunc(l.nodes, func(n *node) bool { return !n.isWhole() })
}
