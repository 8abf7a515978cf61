package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file shows how each node is.

var statusCommand = command{
	name: "status", short: "one line for each node: is it up, is it whole, and if not, why",
	long: `
Shows for each node whether it is up, and whether it is whole: whether it holds a current copy of
every session that belongs on it. Where all nodes are whole, any one may fail, or be stopped,
without a loss.

ITEMS are all that the node holds, the memory of deleted sessions too; "holdfast sessions" counts
sessions. EVICTED items were thrown out for want of memory: give the node more (-m).

INCARNATION names the memory of a node. Another one than before means that the node was emptied:
it was restarted, or flushed.

While the list of nodes changes, the nodes of the former list are shown as well, as far as the
markers tell of it. They leave: each may be stopped when it is no longer shown. What keeps them is
told below the table. Nodes that join are filled when every instance of the app knows the list.

It reads the markers of all nodes, which takes half a second, and three where a node does not
answer. It heals nothing.

Exit code: 0 all nodes are whole; 1 some are not; 2 an error.`,
	prepare: func(c *call) func() int { return c.status },
}

// nodeResult is one node as JSON has it. The names of fields are promised.
type nodeResult struct {
	ID          string `json:"id"`
	Addr        string `json:"addr"`
	Zone        string `json:"zone,omitempty"`
	Standby     bool   `json:"standby"`
	Joining     bool   `json:"joining,omitempty"` // it is on the present list, and not on the former one
	Leaving     bool   `json:"leaving,omitempty"` // it is on a former list only
	State       string `json:"state"`             // up, suspect, down
	Whole       bool   `json:"whole"`
	Reason      string `json:"reason,omitempty"`
	Restored    int    `json:"restored,omitempty"`
	ToRestore   int    `json:"to_restore,omitempty"`
	Incarnation string `json:"incarnation,omitempty"`
	LastError   string `json:"last_error,omitempty"`
	// Of all items; missing where the node could not be asked.
	Items         *uint64  `json:"items,omitempty"`
	Bytes         *uint64  `json:"bytes,omitempty"`
	MaxBytes      *uint64  `json:"max_bytes,omitempty"`
	Evictions     *uint64  `json:"evictions,omitempty"`
	UptimeSeconds *float64 `json:"uptime_seconds,omitempty"`
}

type statusResult struct {
	Whole  bool          `json:"whole"` // all nodes are
	Nodes  []nodeResult  `json:"nodes"`
	Change *changeResult `json:"change,omitempty"` // of the list of nodes, where one is under way
}

// changeResult is a change of the list of nodes that is under way.
type changeResult struct {
	Lists         int      `json:"lists"` // in force, as far as this command knows
	Joining       []string `json:"joining,omitempty"`
	Leaving       []string `json:"leaving,omitempty"`
	Missing       []string `json:"missing,omitempty"` // nodes of the present list that are not whole
	FormerUnknown bool     `json:"former_unknown,omitempty"`
}

func (c *call) status() int {
	if len(c.args) > 0 {
		return c.usage("it takes no argument: it shows all nodes")
	}
	cl, err := c.open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	nodes := c.look(cl)
	result := statusResult{Whole: true, Change: changeOf(cl.Stats(), nodes)}
	memory := c.memory(cl, nodes)
	for i, n := range nodes {
		result.Whole = result.Whole && n.Whole
		result.Nodes = append(result.Nodes, resultOf(n, memory[i]))
	}
	c.print(result, func(w io.Writer) {
		statusTable(w, nodes, memory)
		result.Change.tell(w)
	})
	if !result.Whole {
		return exitNotYet
	}
	return exitDone
}

// memory asks each node that is not down how full it is; nil where it does not say.
func (c *call) memory(cl *cluster.Cluster, nodes []cluster.NodeStatus) []*cluster.Memory {
	memory := make([]*cluster.Memory, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		if n.State == cluster.StateDown {
			continue
		}
		wg.Go(func() {
			if m, err := cl.Memory(c.ctx, n.ID); err == nil {
				memory[i] = &m
			}
		})
	}
	wg.Wait()
	return memory
}

func resultOf(n cluster.NodeStatus, m *cluster.Memory) nodeResult {
	r := nodeResult{
		ID: n.ID, Addr: n.Addr, Zone: n.Zone, Standby: n.Standby, Joining: n.Joining, Leaving: n.Leaving, State: n.State.String(), Whole: n.Whole, Reason: n.Reason,
		Restored: n.Restored, ToRestore: n.ToRestore, Incarnation: n.Incarnation, LastError: n.LastError,
	}
	if m != nil {
		uptime := seconds(m.Uptime)
		r.Items, r.Bytes, r.MaxBytes, r.Evictions, r.UptimeSeconds = &m.Items, &m.Bytes, &m.MaxBytes, &m.Evictions, &uptime
	}
	return r
}

const (
	// lookFor is the longest that a look takes, and steadyFor is for how long what keeps a node
	// from being whole must have been the same to be believed.
	lookFor   = 3 * time.Second
	steadyFor = time.Second
	lookEvery = 20 * time.Millisecond
)

// look returns the nodes when their markers have been read, and those that do not answer are known
// to be down.
func (c *call) look(cl *cluster.Cluster) []cluster.NodeStatus {
	began := time.Now()
	type seen struct {
		what  string
		since time.Time
	}
	last := map[string]seen{} // by node; there may be more when the markers have told of a former list
	for {
		nodes := cl.Nodes()
		ready := true
		for _, n := range nodes {
			kind, _, _ := strings.Cut(n.Reason, ":")
			node, what := n.ID+" "+n.Addr, n.State.String()+kind
			if last[node].what != what {
				last[node] = seen{what, time.Now()}
			}
			ready = ready && (n.Whole || n.State == cluster.StateDown || n.ToRestore > 0 || time.Since(last[node].since) >= steadyFor)
		}
		if ready || time.Since(began) >= lookFor || c.ctx.Err() != nil {
			return nodes
		}
		time.Sleep(lookEvery)
	}
}

func statusTable(w io.Writer, nodes []cluster.NodeStatus, memory []*cluster.Memory) {
	rows := [][]string{{"NODE", "ADDRESS", "STATE", "ITEMS", "MEMORY", "EVICTED", "UPTIME", "INCARNATION", "WHOLE"}}
	for i, n := range nodes {
		id := n.ID
		switch {
		case n.Leaving:
			id += " (leaves)"
		case n.Joining:
			id += " (joins)"
		case n.Standby:
			id += " (standby)"
		}
		row := []string{id, n.Addr, n.State.String(), "-", "-", "-", "-", cmp.Or(n.Incarnation, "-")}
		if m := memory[i]; m != nil {
			row[3], row[4], row[5], row[6] = number(m.Items), share(m.Bytes, m.MaxBytes), number(m.Evictions), span(m.Uptime)
		}
		rows = append(rows, append(row, wholeness(n)))
	}
	writeRows(w, rows)
}

// share says how much of the memory is used.
func share(used, of uint64) string {
	if of == 0 {
		return size(int64(used))
	}
	return fmt.Sprintf("%d %% of %s", used*100/of, size(int64(of)))
}

// wholeness says in a few words whether a node is whole, or else why not.
func wholeness(n cluster.NodeStatus) string {
	switch {
	case n.Whole:
		return "whole"
	case n.State == cluster.StateDown && n.LastError != "":
		return "no: " + n.LastError
	case n.ToRestore > 0:
		return fmt.Sprintf("no: filling, %s of %s sessions", number(n.Restored), number(n.ToRestore))
	}
	return "no: " + strings.ReplaceAll(n.Reason, ": cluster: ", ": ")
}
