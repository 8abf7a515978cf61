package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file says how far a change of the list of nodes is.

// changeOf is the change that is under way; nil: there is none. A node that drains changes no list.
func changeOf(s cluster.Stats, nodes []cluster.NodeStatus) *changeResult {
	c := &changeResult{Lists: s.Lists, FormerUnknown: s.FormerUnknown}
	drains := false
	for _, n := range nodes {
		drains = drains || n.Draining
		switch {
		case n.Leaving:
			c.Leaving = append(c.Leaving, n.ID)
			continue
		case n.Joining:
			c.Joining = append(c.Joining, n.ID)
		}
		if !n.Whole {
			c.Missing = append(c.Missing, n.ID)
		}
	}
	if !s.FormerUnknown && (s.Lists < 2 || drains && len(c.Leaving)+len(c.Joining) == 0) {
		return nil
	}
	return c
}

// tell says it in words, below the table.
func (c *changeResult) tell(w io.Writer) {
	if c == nil {
		return
	}
	fmt.Fprintln(w)
	if c.FormerUnknown {
		fmt.Fprintln(w, "The list of nodes is changing, and the markers name servers of a former list that this command must not believe, since records are not sealed (MEMCACHED_SEAL_KEYS). The app's log and its Cluster.Nodes show them. Stop no server of the former list yet.")
	} else {
		said := []string{"The list of nodes is changing"}
		if len(c.Joining) > 0 {
			said = append(said, strings.Join(c.Joining, ", ")+" joining")
		}
		if len(c.Leaving) > 0 {
			said = append(said, strings.Join(c.Leaving, ", ")+" leaving: do not stop them before they are no longer shown")
		}
		fmt.Fprintln(w, strings.Join(said, "; ")+".")
	}
	if len(c.Missing) > 0 {
		fmt.Fprintf(w, "Not whole yet: %s. \"holdfast wait\" returns when they are.\n", strings.Join(c.Missing, ", "))
	}
}
