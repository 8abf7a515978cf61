package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file restores what nodes lack, now.

var healCommand = command{
	name: "heal", args: "[NODE]", short: "look through all sessions of a node now, and write what it lacks",
	long: `
Reads every session that belongs on the node, and writes the copies that it, or the session's other
node, lacks. Without NODE it does so for all nodes, one after the other. It is never needed: the app
heals nodes that are not whole by itself. It proves that a node lacks nothing, or makes a node whole
while no instance of the app runs.

It restores 10,000 sessions a second, and fewer while users would wait for it. WRITTEN are the copies
that some node lacked.

Exit code: 0 all of it was done; 1 some of it could not be done now; 2 an error.`,
	prepare: func(c *call) func() int { return c.heal },
}

// healedResult is one pass, as JSON has it. The names of fields are promised.
type healedResult struct {
	Node     string  `json:"node"`
	Sessions int     `json:"sessions"`
	Written  int     `json:"written"`
	Failed   int     `json:"failed"`
	Seconds  float64 `json:"seconds"`
	Error    string  `json:"error,omitempty"`
}

type healResult struct {
	Healed bool           `json:"healed"` // all of it
	Nodes  []healedResult `json:"nodes"`
}

func (c *call) heal() int {
	if len(c.args) > 1 {
		return c.usage("it takes one node, or none for all nodes")
	}
	cl, err := c.open()
	if err != nil {
		return c.fail(err)
	}
	defer cl.Close()
	all := idsOf(cl.Nodes())
	nodes := all
	if len(c.args) == 1 {
		if err := knownNode(c.args[0], "the argument", all); err != nil {
			return c.fail(err)
		}
		nodes = c.args
	}
	result, code := healResult{Healed: true}, exitDone
	for _, id := range nodes {
		var report cluster.HealReport
		began := time.Now()
		err := c.watch(cl, []string{id}, "", func() (err error) {
			report, err = cl.Heal(c.ctx, id)
			return err
		})
		r := healedResult{Node: id, Sessions: report.Sessions, Written: report.Written, Failed: report.Failed, Seconds: seconds(time.Since(began))}
		if err != nil {
			r.Error = words(wayOut(err))
			result.Healed = false
			code = max(code, exitNotYet)
			if errors.Is(err, cluster.ErrKeysNotListed) {
				code = exitError
			}
		}
		result.Nodes = append(result.Nodes, r)
		if c.ctx.Err() != nil {
			break
		}
	}
	c.print(result, func(w io.Writer) {
		rows := [][]string{{"NODE", "SESSIONS", "WRITTEN", "FAILED", "SECONDS", "RESULT"}}
		for _, r := range result.Nodes {
			outcome := "done"
			if r.Error != "" {
				outcome = "not done: " + r.Error
			}
			rows = append(rows, []string{r.Node, number(r.Sessions), number(r.Written), number(r.Failed), fmt.Sprintf("%.1f", r.Seconds), outcome})
		}
		writeRows(w, rows)
	})
	return code
}
