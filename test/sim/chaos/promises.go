package main

import (
	"bytes"
	"fmt"
	"strings"
)

// This file decides which promises the page of guarantees lists, and what is said to have tested
// each.

// guarantee is a line of the table of promises, and the faults that try to break it.
type guarantee struct {
	event, sees string
	faults      []string               // none: all of them
	how         string                 // where the names of the faults do not say it
	lost        bool                   // what is promised is the loss
	idle        bool                   // it is about idle sessions, under all faults
	met         func(c *counts) string // how often it happened; nil: with every acknowledged save
}

var guarantees = []guarantee{
	{
		event:  "one memcached node killed, hung, partitioned, or restarted empty",
		sees:   "nothing: no logout, no error page, no lost change",
		faults: []string{"kill", "hang", "hang30", "partition", "flush", "refill"},
	},
	{
		event:  "that node comes back with its old memory",
		sees:   "the newest session, never the old one; a logged-out session stays logged out",
		faults: []string{"hang", "hang30", "partition"},
		how:    "users log out meanwhile, and try their old cookies afterwards",
	},
	{
		event:  "nodes fail one after another, with a request to the session in between",
		sees:   "nothing: each request restores the second copy",
		faults: []string{"rolling"},
		how:    "and all faults of a run follow one another on the same nodes",
	},
	{
		event: "nodes fail one after another, no request to the session in between, the node before being whole again",
		sees:  "nothing: healers restore the second copy; a change or a logout that a node missed holds",
		how:   "one node at a time, in a row: see [Idle sessions](#idle-sessions)",
		idle:  true,
	},
	{
		event:  "all nodes are restarted empty, each as soon as the one before is whole; the instance that heals dies",
		sees:   "nothing",
		faults: []string{"turns", "healer"},
	},
	{
		event:  "a node is drained and stopped, and another one fails at once",
		sees:   "nothing",
		faults: []string{"drain"},
	},
	{
		event:  "a node is added, removed or replaced, one at a time, instances rolling",
		sees:   "nothing; sessions move when they are next used",
		faults: []string{"add", "remove", "replace"},
	},
	{
		event:  "any number of nodes is added, removed or replaced at once under running instances, which learn of it within `TransitionFor`; removed nodes stay up until nobody lists them",
		sees:   "nothing",
		faults: []string{"move", "lists", "listdown", "listheal", "shrink"},
		how:    "idle users, too; at times a node fails meanwhile, or fills",
	},
	{
		event: "two requests of one session run in parallel and change different keys",
		sees:  "both changes are kept, without locks; the same key: the later one",
		how:   "every fifth thing that a user does is three requests at once, on any instance, each with a key of its own and one that all three change",
		met:   func(c *counts) string { return fmt.Sprintf("%d, three at a time", c.parallel) },
	},
	{
		event: "logout while another request of that session is still running",
		sees:  "the session stays destroyed",
		how:   "every third logout comes while a slow request runs, and each is followed by requests with the old cookie",
		met:   func(c *counts) string { return fmt.Sprintf("%d logouts that overtook a slow request", c.overtook) },
	},
	{
		event:  "an app instance dies",
		sees:   "another instance serves the session at once: nothing lives only in the app",
		faults: []string{"app"},
	},
	{
		event:  "an app instance stands still for seconds, or is short of processors",
		sees:   "the requests that it has wait for it, the others do not: no error page, no node taken for down, nothing old written",
		faults: []string{"still", "starved"},
	},
	{
		event: "two versions of the app serve the same sessions, and the older does not know a field of a stored struct; a stored value encodes differently each time",
		sees:  "a value that a request left alone is left alone",
		how:   "every tenth thing that a user does is three requests at once, two of which change such values",
		met:   func(c *counts) string { return fmt.Sprintf("%d changes of such values", c.shapeless) },
	},
	{
		event:  "no home node reachable",
		sees:   "an error, never \"no session\"",
		faults: []string{"outage"},
	},
	{
		event:  "a value too large for a node",
		sees:   "an error; the session as it was is still served",
		faults: []string{"oversized"},
	},
	{
		event:  "the memory of all nodes is full, and they do not evict (`-M`)",
		sees:   "an error; the session as it was is still served, never an older one",
		faults: []string{"full"},
	},
	{
		event:  "both copies lost before a request touched the session",
		sees:   "that session is lost; reported as \"no session\"",
		faults: []string{"two"},
		how:    "see the end of this page",
		lost:   true,
	},
}

func (r *results) tellGuarantees(b *bytes.Buffer) {
	b.WriteString("## The promises, and what tests them\n\n")
	b.WriteString("The last two columns are of [the run](#the-run) on real nodes, both drivers together.\n\n")
	b.WriteString("| event | what the user sees | the fault that tests it | acknowledged saves | promises broken |\n|---|---|---|---:|---:|\n")
	for _, g := range guarantees {
		var tests []string
		for _, name := range g.faults {
			tests = append(tests, "`"+name+"`")
		}
		test := strings.Join(tests, ", ")
		if g.faults == nil {
			test = "all"
		}
		if g.how != "" {
			test += ": " + g.how
		}
		c := r.ours(named(g.faults))
		met, broken := fmt.Sprint(c.acked), fmt.Sprint(c.broken())
		if g.idle {
			idle := r.oursIdle()
			c, met = &idle.counts, fmt.Sprintf("%d, of %d idle sessions", idle.acked, idle.sessions)
			broken = fmt.Sprint(c.broken() + idle.mute)
		}
		if g.met != nil {
			met = g.met(c)
		}
		switch {
		case c.requests == 0:
			broken = "not in this run"
		case g.lost:
			broken = fmt.Sprintf("none: %d sessions were lost", c.absent)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", g.event, g.sees, test, met, broken)
	}
	if c := r.ours(promised); r.settings.updates {
		fmt.Fprintf(b, "| requests in parallel change the same value inside `Update` | each acknowledged change is kept; else an error | all: eight raise the same numbers | %d Updates, %d more of unknown outcome | %d |\n", c.raised, c.maybe, c.uncounted+c.surplus+c.ended)
		fmt.Fprintf(b, "| requests in parallel take the same lock | one at a time; who stood still past the lease stores nothing | all: the same eight | %d saves with the lock | %d |\n", c.guarded, c.overlaps)
	}
}
