package cluster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how a node's marker is read, and changed on what it says at that moment.

// readMarker asks the node for its marker. The marker is nil where there is none, or one that may be
// replaced.
func (c *Cluster) readMarker(n *node) (*marker.Marker, *memcached.Copy, error) {
	q := memcached.Request{Key: c.markerKey, Latch: memcached.NewLatch(1)}
	n.server.Get(&q)
	<-q.Latch.Done()
	if q.Err != nil || q.Copy == nil {
		return nil, nil, q.Err
	}
	m, err := c.markerIn(q.Copy)
	return m, q.Copy, err
}

// markerIn is the marker in what a node holds under its key; nil, as for damage, where it may be
// replaced.
func (c *Cluster) markerIn(item *memcached.Copy) (*marker.Marker, error) {
	if item == nil {
		return nil, nil
	}
	m, err := marker.Decode(item.Value, c.seal, c.cfg.Now())
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, record.ErrTampered), errors.Is(err, record.ErrUnsealed):
	case errors.Is(err, ErrVersion), errors.Is(err, ErrSealed):
		return nil, fmt.Errorf("its marker cannot be read: %w", err)
	}
	return nil, nil
}

// mostMarkerRounds bounds how often a marker is read again because another process changed it.
const mostMarkerRounds = 16

// changeMarker has the node's marker changed, on what it says at that moment. Change reports
// whether there is something to write. A node without a marker, and a marker without this list, are
// begun.
func (c *Cluster) changeMarker(n *node, change func(m *marker.Marker) bool) (*marker.Marker, error) {
	return c.changeMarkerWithin(mostMarkerRounds, n, change)
}

func (c *Cluster) changeMarkerWithin(rounds int, n *node, change func(m *marker.Marker) bool) (*marker.Marker, error) {
	for round := range rounds {
		if round > 1 {
			time.Sleep(conflictWait(round-1, c.cfg.jitter()))
		}
		m, item, err := c.readMarker(n)
		if err != nil {
			return nil, err
		}
		if err := c.checkMarker(n, m); err != nil {
			return nil, err
		}
		begins := m == nil || m.Node != n.ID
		if begins {
			m = &marker.Marker{Node: n.ID, Incarnation: nameOf(c.cfg.Rand())}
		}
		m = m.Clone()
		var anew []*list
		for _, l := range c.listsOf(n) {
			fresh := marker.List{List: l.name, Whole: !l.mayBeHome(n), Former: c.formerEntries(l)}
			switch mark := m.List(l.name); {
			case mark == nil:
				m.AddList(fresh, c.lists.Load().base.name)
			case !l.hasBegun(n):
				*mark = fresh
			default:
				continue
			}
			anew, begins = append(anew, l), true
		}
		if !change(m) && !begins {
			return m, nil
		}
		value, err := m.Encode(c.seal)
		if err != nil {
			return nil, err
		}
		switch outcome, _, err := n.server.Write(c.markerKey, value, item, 0); outcome {
		case memcached.Stored:
			for _, l := range anew {
				l.begun.Store(n, true)
			}
			return m, nil
		case memcached.Failed:
			return nil, err
		}
	}
	return nil, errMarkerBusy
}

var errMarkerBusy = errors.New("its marker is being changed all the time")

// checkMarker refuses a marker of another node of the list: both entries lead to one server. An ID
// that is not on the list is a former one of the node.
func (c *Cluster) checkMarker(n *node, m *marker.Marker) error {
	if m == nil || m.Node == n.ID {
		return nil
	}
	for _, o := range c.nodes() {
		if o.ID == m.Node {
			return fmt.Errorf("the server at %s is also node %s: both copies of a session would lie on one server: "+
				"give each node the address of a server of its own", n.Addr, o)
		}
	}
	return nil
}

// listsOf are the lists that the node's marker is to tell of: all in force that have the node.
func (c *Cluster) listsOf(n *node) (of []*list) {
	ls := c.lists.Load()
	for _, l := range append([]*list{ls.now}, ls.former...) {
		if l.has(n) {
			of = append(of, l)
		}
	}
	return of
}

// lacksList reports whether the marker does not tell of a list that it is to tell of.
func (c *Cluster) lacksList(n *node, m *marker.Marker) bool {
	return slices.ContainsFunc(c.listsOf(n), func(l *list) bool { return m.List(l.name) == nil || !l.hasBegun(n) })
}

// looksOnly reports whether this process begins no marker: it heals nothing, and knows the list alone
// that it was given when it began. Such a process, as an operator's, may have been given another list
// or another seal key than the app, and a marker of its own would have every instance of the app take
// the nodes for emptied, or for ones that nobody can heal.
func (c *Cluster) looksOnly() bool {
	ls := c.lists.Load()
	return c.cfg.HealPerSecond < 0 && !ls.base.isNew && len(ls.former) == 0
}
