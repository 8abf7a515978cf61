package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file empties a node of its duties before it is stopped, and gives them back.

var drainCommand = command{
	name: "drain", args: "[NODE] [--timeout 10m]", short: "before a node is stopped: copy its sessions to the others",
	long: `
Returns when the node may be stopped: when every session that lies on it has all its copies on other
nodes. The app goes on reading the node, and does not choose it any more. It waits first, within the
timeout, until all other nodes are whole and none of them drains.

A node that is stopped and comes back empty is used again, and filled, by itself. One that was not
stopped after all wants "holdfast undrain"; after an hour the drain ends by itself.

Without NODE it is the one of the variable HOLDFAST_NODE. There must be more nodes than there are
copies of a session (MEMCACHED_REPLICAS); with two nodes, stop one while both are whole
("holdfast wait").

Exit code: 0 the node may be stopped; 1 not within the timeout; 2 an error.`,
	prepare: func(c *call) func() int {
		timeout := c.flags.Duration("timeout", 10*time.Minute, "how `long` to wait at most")
		return func() int { return c.drain(*timeout) }
	},
}

var undrainCommand = command{
	name: "undrain", args: "[NODE]", short: "the node was not stopped after all: use it again",
	long: `
Ends a drain. The node is filled with what it has missed, and takes its sessions again. A node that
does not drain stays as it is. Without NODE it is the one of the variable HOLDFAST_NODE.

Exit code: 0 done; 2 an error.`,
	prepare: func(c *call) func() int { return c.undrain },
}

// drainResult is the outcome, as JSON has it. The names of fields are promised.
type drainResult struct {
	Node    string  `json:"node"`
	Drained bool    `json:"drained"` // it may be stopped
	Seconds float64 `json:"seconds"`
	Reason  string  `json:"reason,omitempty"`
}

// withNode runs do with a cluster, which it closes, and the node that drain or undrain is about.
func (c *call) withNode(open func() (*cluster.Cluster, error), do func(cl *cluster.Cluster, id string) int) int {
	cl, err := open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	id, from := c.node()
	if id == "" {
		return c.fail(fmt.Errorf("which node? Name it, or set %s. The nodes of the list are %s", nodeVariable, strings.Join(idsOf(cl.Nodes()), ", ")))
	}
	if err := knownNode(id, from, idsOf(cl.Nodes())); err != nil {
		return c.fail(err)
	}
	return do(cl, id)
}

func (c *call) drain(timeout time.Duration) int {
	if len(c.args) > 1 {
		return c.usage("it takes one node: drain the next when this one is whole again")
	}
	return c.withNode(c.openHealing, func(cl *cluster.Cluster, id string) int { return c.drainNode(cl, id, timeout) })
}

func (c *call) drainNode(cl *cluster.Cluster, id string, timeout time.Duration) int {
	others := slices.DeleteFunc(idsOf(cl.Nodes()), func(o string) bool { return o == id })
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, timeout)
	defer cancel()
	begun := false
	err := c.watch(cl, others, "", func() error {
		if err := cl.WaitNodesWhole(ctx, others...); err != nil {
			return err
		}
		begun = true
		return cl.Drain(ctx, id)
	})
	r := drainResult{Node: id, Drained: err == nil, Seconds: seconds(time.Since(began))}
	if err == nil {
		c.print(r, func(w io.Writer) {
			fmt.Fprintf(w, "%s may be stopped, after %s: every session on it has its copies on other nodes.\n", id, span(time.Since(began)))
		})
		return exitDone
	}
	reason, late := c.lateness(err, timeout)
	if !late {
		return c.fail(wayOut(err))
	}
	r.Reason = reason
	c.print(r, func(io.Writer) {})
	next := fmt.Sprintf("%s does not drain. It may be drained when all other nodes are whole: \"holdfast status\" shows them.", id)
	if begun {
		next = fmt.Sprintf("%s must not be stopped yet, and goes on draining. Run this again to wait on, or \"holdfast undrain %s\" to give up.", id, id)
	}
	fmt.Fprintf(c.stderr, "holdfast drain: %s.\n%s\n", reason, next)
	return exitNotYet
}

// undrainResult is the outcome, as JSON has it.
type undrainResult struct {
	Node    string `json:"node"`
	Drained bool   `json:"drained"` // false: it is used again
}

func (c *call) undrain() int {
	if len(c.args) > 1 {
		return c.usage("it takes one node")
	}
	return c.withNode(c.open, func(cl *cluster.Cluster, id string) int {
		if err := cl.Undrain(c.ctx, id); err != nil {
			return c.fail(err)
		}
		c.print(undrainResult{Node: id}, func(w io.Writer) {
			fmt.Fprintf(w, "%s is used again. \"holdfast wait\" returns when it is whole.\n", id)
		})
		return exitDone
	})
}
