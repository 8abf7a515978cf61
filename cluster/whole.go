package cluster

import (
	"fmt"
	"time"
)

// This file decides whether a node is whole: whether it holds a current copy of every session whose
// targets include it. A node that restarted empty, hung, or was cut off is up, but not whole.
//
// A node is whole when its own marker says so, and no node's marker says that it is behind (rule
// 21). A process believes that when it has seen it in two polls, with nothing between them that
// could have emptied the node (rule 23).

// notMarked is all that a process which only looks can tell of a node that is not marked for its list.
const notMarked = "no instance of the app has marked it for this list of nodes: does one run, and are the nodes, their ids, zones and roles, the copies and the seal keys those of the app?"

// settle is for how long a node must have been seen whole: longer than any answer from before
// counts (rule 9).
func (c *Cluster) settle() time.Duration { return 2 * c.cfg.Timeout }

// whyNotWhole says what keeps the node from being whole by the markers as they were last read;
// empty: nothing.
func (c *Cluster) whyNotWhole(n *node) string {
	m, err := n.lastMarker()
	state, _ := n.state()
	switch {
	case state == StateDown:
		return "it is down"
	case err != nil:
		return err.Error()
	case c.looksOnly() && (m == nil || m.Node != n.ID || m.List(c.listName()) == nil) && c.pollsEnded.Load() > 0:
		return notMarked
	case m == nil:
		return "its marker was not read yet"
	case !c.lists.Load().base.has(n):
		return "it leaves the list"
	case c.drains(n):
		return "it is draining"
	case !m.IsWhole(c.listName()), !c.lists.Load().now.hasBegun(n):
		if wait := c.lists.Load().unsettled(time.Now()); wait > 0 {
			return fmt.Sprintf("it waits until every instance has the list of nodes: %v", wait.Round(time.Second))
		}
		return c.healer.reason(n, m.List(c.listName()))
	}
	if o := c.behindBy(n); o != nil {
		return "it missed writes that lie on node " + o.String()
	}
	return ""
}

// behindBy returns a node whose marker says that n is behind, as it was last read; nil: none does.
func (c *Cluster) behindBy(n *node) *node {
	for _, o := range c.nodes() {
		if m, _ := o.lastMarker(); m != nil && m.SaysBehind(n.ID) {
			return o
		}
	}
	return nil
}
