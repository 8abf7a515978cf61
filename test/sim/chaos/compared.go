package main

import (
	"bytes"
	"fmt"
	"time"
)

// This file says on the page how long requests took, and how the stores without this protocol did.

func (r *results) tellTimes(b *bytes.Buffer) {
	fmt.Fprintf(b, `
### What users waited for

Of requests that began while the fault lasted, pages that think for 20 ms included. "First success" is the longest that any user went from the
begin of the fault without a page. "Copies equal" counts from the end of the fault until both home nodes hold the same
copy of every session: nodes must be found to be up again, and then each session is used once. "Nodes whole" counts from there until the
nodes hold every session, idle or not, the looks of this harness included; healers restore at most %d sessions a second here. Commands are to nodes, all requests of the row
divided; probes, healing and the looks of this harness are among them.

| fault | driver | p50 | p99 | max | first success | commands a request | copies equal | nodes whole |
|---|---|---:|---:|---:|---:|---:|---:|---:|
`, healPerSecond)
	r.eachOurs(promised, func(f *fault, k kind, c *counts) {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s | %.1f | %s | %s |\n", f.name, driver(k),
			ms(c.percentile(.5)), ms(c.percentile(.99)), ms(c.percentile(1)), ms(c.first), perRequest(c), ms(c.equal), ms(c.whole))
	})
	if r.torn > 0 {
		fmt.Fprintf(b, "\nUnder `app`, %d sessions had different copies on their two nodes at the moment when the instance had died.\n", r.torn)
	}
	killed, hung := r.ours(named([]string{"kill"})), r.ours(named([]string{"hang"}))
	fmt.Fprintf(b, "\nAimed at: a killed node below 300 ms at p99, measured %s; one that hangs for\na while (`hang`) below `Timeout` plus 150 ms (%s), measured %s at p99. The machine has the users, the instances, the baselines and the nodes to run, and others beside them.\n",
		ms(killed.percentile(.99)), ms(r.settings.timeout+150*time.Millisecond), ms(hung.percentile(.99)))
}

func (r *results) tellBaselines(b *bytes.Buffer) {
	b.WriteString(`
## The same faults on two other designs

Written plainly in ` + "`test/baseline`" + `, on scs, with half as many users each: **one hashed copy**, as the memcached store for
gorilla/sessions keeps it, and **primary and blind backup**, both written by ` + "`set`" + `, the first answer wins, as
memcached-session-manager and PHP's session handler do. They write a session whole, so parallel requests undo each other's changes
and revive sessions that were logged out, also without a fault: that is the first row.

`)
	r.tellRates(b)
	b.WriteString(`
Each cell: lost + stale changes / revived sessions / false "no session" / error pages; then acknowledged saves.

| fault | holdfast | one hashed copy | primary and blind backup |
|---|---|---|---|
`)
	for _, f := range faults {
		row := fmt.Sprintf("| `%s`", f.name)
		for _, c := range []*counts{r.ours(named([]string{f.name})), r.total(oneCopy, named([]string{f.name})), r.total(blind, named([]string{f.name}))} {
			row += fmt.Sprintf(" | %d / %d / %d / %d; %d", c.lost+c.stale, c.revived, c.absent, c.shown, c.acked)
		}
		if r.ours(named([]string{f.name})).requests > 0 {
			fmt.Fprintf(b, "%s |\n", row)
		}
	}
}

// tellRates says how much of what the baselines lost is the doing of faults.
func (r *results) tellRates(b *bytes.Buffer) {
	b.WriteString("So most lost and stale changes are not the doing of the faults: without any they happen at about the same rate or little below it, since writes of\nwhole sessions undo each other. What the faults add, above all, is lost sessions (false \"no session\") and error pages.\n")
	for _, k := range []kind{oneCopy, blind} {
		if calm, hit := r.total(k, named([]string{"none"})), r.total(k, struck); calm.acked > 0 && hit.acked > 0 {
			fmt.Fprintf(b, "Lost or missed of 100 acknowledged saves, %s: %.1f without a fault, %.1f under the promised faults.\n", k, calm.undone(), hit.undone())
		}
	}
}
