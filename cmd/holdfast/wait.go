package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file waits until nodes are whole.

var waitCommand = command{
	name: "wait", args: "[--timeout 10m] [--node ID] [--except ID] [--serve ADDR]", short: "until all nodes are whole; between two planned restarts",
	long: `
Returns when every node is up and whole, by markers read after the call: then the next one may be
restarted. Nodes are healed meanwhile, by this command too. It waits for nodes that are down as well.
One that is gone for good is taken off the list of nodes, or named with --except.

With --serve it runs until SIGTERM or SIGINT, heals like an instance of the app, and answers
GET /ready: 200 while its node is up and whole, 503 with the reason otherwise. It begins also where
memcached or DNS is not there yet. Another node that is down does not make this one not ready. The
node is that of --node or of the variable HOLDFAST_NODE. This is for a container beside each node.

Exit code: 0 they are whole, or it was told to end; 1 not within the timeout; 2 an error.`,
	prepare: func(c *call) func() int {
		w := &waiting{call: c}
		c.flags.DurationVar(&w.timeout, "timeout", 10*time.Minute, "how `long` to wait at most")
		c.flags.Var(&w.nodes, "node", "wait for the node with this `ID` alone; may be repeated")
		c.flags.Var(&w.except, "except", "do not wait for the node with this `ID`; may be repeated")
		c.flags.StringVar(&w.serve, "serve", "", "answer GET /ready on this `address`, such as :8080")
		return w.run
	},
}

// ids is a flag that may be repeated, and takes several separated by commas.
type ids []string

func (l *ids) String() string { return strings.Join(*l, ",") }

func (l *ids) Set(s string) error {
	for id := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		*l = append(*l, id)
	}
	return nil
}

type waiting struct {
	*call
	timeout       time.Duration
	nodes, except ids
	serve         string
}

// waitResult is what has been waited for, as JSON has it. The names of fields are promised.
type waitResult struct {
	Whole   bool         `json:"whole"`
	Seconds float64      `json:"seconds"`
	Nodes   []nodeResult `json:"nodes"` // that were waited for
	Reason  string       `json:"reason,omitempty"`
}

func (w *waiting) run() int {
	if len(w.args) > 0 {
		return w.usage("it takes no argument. Name a node with --node")
	}
	if w.serve != "" {
		return w.runServe()
	}
	cl, err := w.openHealing()
	if err != nil {
		return w.fail(err)
	}
	defer cl.Close()
	all := idsOf(cl.Nodes())
	for name, ids := range map[string]ids{"--node": w.nodes, "--except": w.except} {
		for _, id := range ids {
			if err := knownNode(id, name, all); err != nil {
				return w.usage("%s", err)
			}
		}
	}
	those := all
	if len(w.nodes) > 0 {
		those = w.nodes
	}
	those = slices.DeleteFunc(sorted(those), func(id string) bool { return slices.Contains(w.except, id) })
	if len(those) == 0 {
		return w.usage("every node is excepted: there is nothing to wait for")
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(w.ctx, w.timeout)
	defer cancel()
	if len(w.nodes)+len(w.except) > 0 {
		err = w.waitWhole(ctx, cl, those)
	} else { // also for nodes that join meanwhile
		err = w.watch(cl, nil, "", func() error { return cl.WaitWhole(ctx) })
		those = sorted(idsOf(cl.Nodes()))
	}
	r := waitResult{Whole: err == nil, Seconds: seconds(time.Since(began))}
	for _, n := range cl.Nodes() {
		if slices.Contains(those, n.ID) && !n.Leaving {
			r.Nodes = append(r.Nodes, resultOf(n, nil))
		}
	}
	if err == nil {
		for i := range r.Nodes { // by markers that are newer than what the status goes by
			r.Nodes[i].Whole, r.Nodes[i].Reason = true, ""
		}
		w.print(r, func(out io.Writer) {
			fmt.Fprintf(out, "%s whole, after %s.\n", isOrAre(those), span(time.Since(began)))
		})
		return exitDone
	}
	reason, late := w.lateness(err, w.timeout)
	if !late {
		return w.fail(wayOut(err))
	}
	r.Reason = reason
	w.print(r, func(io.Writer) {})
	fmt.Fprintf(w.stderr, "holdfast wait: %s.\nWait longer (--timeout), bring the node back, or leave out one that is gone for good (--except). \"holdfast status\" shows all nodes.\n", reason)
	return exitNotYet
}

// isOrAre begins a sentence about nodes.
func isOrAre(nodes []string) string {
	if len(nodes) == 1 {
		return nodes[0] + " is"
	}
	return strings.Join(nodes[:len(nodes)-1], ", ") + " and " + nodes[len(nodes)-1] + " are"
}

// lateness says what was not reached when the time was over, or the user had enough. Late is false
// for every other error.
func (c *call) lateness(err error, timeout time.Duration) (reason string, late bool) {
	what, end := withoutEnd(err)
	switch end {
	case context.DeadlineExceeded:
		return fmt.Sprintf("not done within %v: %s", timeout, what), true
	case context.Canceled:
		return "interrupted: " + what, true
	}
	return "", false
}

// withoutEnd is an error without the words that a context has ended, and that end; nil: none has.
func withoutEnd(err error) (what string, end error) {
	what = words(err)
	for _, end := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, end) {
			return strings.TrimSuffix(what, ": "+end.Error()), end
		}
	}
	return what, nil
}

// wayOut is the error, or what it means and what can be done about it, where its own words are long.
func wayOut(err error) error {
	if errors.Is(err, cluster.ErrKeysNotListed) {
		return errNotListed
	}
	return err
}

var errNotListed = fmt.Errorf(`%w by every server, so a node does not become whole by itself; sessions that are in use are copied. `+
	`"holdfast sessions" names the servers. Start memcached without -X and -o no_lru_crawler. With a managed service, leave the lifetime of the longest session between two planned restarts`,
	cluster.ErrKeysNotListed)

// waitWhole waits for these nodes, and shows how far they are.
func (c *call) waitWhole(ctx context.Context, cl *cluster.Cluster, nodes []string) error {
	return c.watch(cl, nodes, "", func() error { return cl.WaitNodesWhole(ctx, nodes...) })
}

// drawEvery is the time between two pictures of progress.
const drawEvery = 200 * time.Millisecond

// watch shows how far the nodes are, until do returns; nil: those of the present list.
func (c *call) watch(cl *cluster.Cluster, nodes []string, title string, do func() error) error {
	line := c.progress()
	defer line.clear()
	done := make(chan error, 1)
	go func() { done <- do() }()
	t := time.NewTicker(drawEvery)
	defer t.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-t.C:
			line.show(title + howFar(cl.Nodes(), nodes))
		}
	}
}

// howFar says in one line how far the nodes with these ids are; nil: all.
func howFar(all []cluster.NodeStatus, ids []string) string {
	var left []string
	for _, n := range all {
		if ids != nil && !slices.Contains(ids, n.ID) || n.Leaving {
			continue
		}
		if n.ToRestore > 0 {
			return fmt.Sprintf("%s %s: %s of %s sessions", bar(int64(n.Restored), int64(n.ToRestore)), n.ID, number(n.Restored), number(n.ToRestore))
		}
		if !n.Whole {
			left = append(left, n.ID+": "+strings.TrimPrefix(wholeness(n), "no: "))
		}
	}
	if len(left) == 0 {
		return "looking once more"
	}
	return strings.Join(left, "; ")
}
