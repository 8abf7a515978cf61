package cluster

import (
	"fmt"
	"strings"
	"time"
)

// This file decides what an operator reads of a change of the list of nodes that is under way: in
// Nodes, Stats and the log.

// tellEvery is the time between two lines that tell how far a change is.
const tellEvery = time.Minute

// missing says which nodes keep the former lists in force, and why.
func (c *Cluster) missing(ls *lists) string {
	var all []string
	for _, n := range ls.now.nodes {
		if s := n.status(); !s.Whole {
			all = append(all, fmt.Sprintf("%s: %s", n.ID, s.Reason))
		}
	}
	return strings.Join(all, "; ")
}

// tellChange logs how far the change of the list is, once a minute while one is under way. It belongs to
// the goroutine that polls.
func (c *Cluster) tellChange(now time.Time) {
	ls := c.lists.Load()
	switch {
	case ls.count() == 1 && !ls.joins:
		c.toldChange = time.Time{}
		return
	case c.toldChange.IsZero():
		c.toldChange = now // its beginning is logged where it is made
		return
	case now.Sub(c.toldChange) < tellEvery:
		return
	}
	c.toldChange = now
	args := []any{"lists", ls.count(), "settling", ls.unsettled(now).Round(time.Second), "missing", c.missing(ls)}
	if ls.joins {
		args = append(args, "former", "unknown to this process")
	}
	c.log.info(nil, "cluster: the list of nodes is changing", args...)
}
