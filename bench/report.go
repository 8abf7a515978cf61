package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// This file decides what RESULTS.md looks like.

func (res *results) report() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Measurements\n")
	p("Written by `make bench`; do not edit. Everything stands on one machine: clients, memcached and Redis share its")
	p("processors, so absolute rates are low and only ratios carry over.\n")
	kind := "full"
	if res.Quick {
		kind = "quick"
	}
	p("A %s run of %s, %d rounds of %d ms per contender and cell, in %.0f s, on %d CPUs (%s).\n", kind, res.Date, res.Rounds, res.SliceMS, res.Seconds, res.CPUs, res.CPU)
	if res.Only != "" {
		p("**Not the whole of it**: only the cells whose name matches `%s`. The others were %s.\n", res.Only, notMeasured)
	}
	if res.Who != "" {
		p("**Not the whole of it**: only the contenders that match `%s`. The others were %s.\n", res.Who, notMeasured)
	}
	for _, cell := range slices.Sorted(maps.Keys(res.Failed)) {
		p("**%s** was %s: %s\n", cell, notMeasured, res.Failed[cell])
	}
	res.goals(p)
	p("## How to read the tables\n")
	p("The contenders of a cell take turns, A B C A B C. *Ratio* is a contender's rate divided by that of the cell's first")
	p("contender, its floor, in the same round: the median of all rounds with the quartiles in brackets. *p50 ratio* is the same")
	p("of the median time of one operation. Allocations and CPU are those of the client process per operation; *conns* is the most")
	p("connections open at one time, to all servers together. *Commands* are those that reached the servers, per operation, a get")
	p("once for each key, polls of markers too. *Kept* is the memory of the client process, in bytes, for each session that a contender keeps there, its")
	p("cookie and what the bench notes of it included. The plain client, the floor, keeps one copy and checks nothing; the cluster")
	p("keeps two on three nodes. Sizes are the bytes of all session values, in %d attributes. Redis is one server without a", attrCount)
	p("replica and without persistence. A ratio to a contender that could not be measured is *%s*. With *rtt* a network round trip is added to every exchange of every contender.\n", notMeasured)
	for _, g := range res.groups() {
		p("## %s\n", g)
		p("| size | at once | contender | ops/s | ratio | p50 µs | p50 ratio | p99 µs | allocs | bytes | CPU µs | conns | commands | kept |")
		p("|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		for _, r := range res.Rows {
			if r.Group == g {
				p("%s", r.line())
			}
		}
		p("")
	}
	res.Faults.report(p)
	p("## Versions\n")
	p("| what | version |\n|---|---|")
	for _, k := range slices.Sorted(maps.Keys(res.Versions)) {
		p("| %s | %s |", k, res.Versions[k])
	}
	return b.String()
}

func (res *results) groups() []string {
	var all []string
	for _, r := range res.Rows {
		if !slices.Contains(all, r.Group) {
			all = append(all, r.Group)
		}
	}
	return all
}

func (r row) line() string {
	size := byteSize(r.Payload)
	if r.Size > 0 {
		size = fmt.Sprintf("%d B", r.Size)
	}
	at := fmt.Sprint(r.Concurrency)
	if r.RTTMicros > 0 {
		at += fmt.Sprintf(", rtt %d µs", r.RTTMicros)
	}
	if r.NotMeasured != "" {
		return fmt.Sprintf("| %s | %s | %s | %s: %s | | | | | | | | | | |", size, at, r.Contender, notMeasured, r.NotMeasured)
	}
	name, ratio, p50 := r.Contender, shown(r.Ratio), notMeasured
	if r.P50Ratio != nil {
		p50 = fmt.Sprintf("%.2f", r.P50Ratio.Median)
	}
	if r.Contender == r.Floor {
		ratio, p50 = "1", "1"
	}
	if r.Errors > 0 {
		name += fmt.Sprintf(" (%d errors: %s)", r.Errors, r.Error)
	}
	conns := ""
	if r.Connections > 0 {
		conns = fmt.Sprint(r.Connections)
	}
	commands, kept := "", ""
	if r.Commands != nil {
		commands = fmt.Sprintf("%.2f", *r.Commands)
	}
	if r.Kept > 0 {
		kept = fmt.Sprint(r.Kept)
	}
	return fmt.Sprintf("| %s | %s | %s | %.0f | %s | %.1f | %s | %.0f | %.1f | %.0f | %.1f | %s | %s | %s |",
		size, at, name, r.Rate.Median, ratio, r.P50.Median, p50, r.P99.Median, r.Allocs, r.Bytes, r.CPU.Median, conns, commands, kept)
}

func byteSize(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func (f *faultResults) report(p func(string, ...any)) {
	if f == nil {
		return
	}
	p("## A sick node\n")
	p("With one of three nodes dead and marked down, %d at once, %s sessions whose copies have moved to the nodes that are left:", f.Concurrency, byteSize(f.Payload))
	p("loads run at %v times the healthy rate, load + save at %v.\n", f.DeadLoad, f.DeadSave)
	p("Requests (load + save) that arrive at a fixed rate, each in a goroutine of its own; a node is stopped a quarter into the run, so that")
	p("it accepts connections and never answers (timeout %v):\n", f.Hung.Timeout.Round(time.Millisecond))
	p("| | arrivals/s | requests | errors | p50 µs | p99 µs | max µs | most requests at once | most goroutines | goroutines left | most conns |")
	p("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, l := range []struct {
		name string
		s    surge
	}{{"healthy", f.Healthy}, {"one node hung", f.Hung}} {
		s := l.s
		p("| %s | %d | %d | %d | %.0f | %.0f | %.0f | %d | %d | %d | %d |", l.name, s.Rate, s.Requests, s.Errors, s.P50, s.P99, s.Max, s.InFlight, s.Goroutines, s.After, s.Conns)
	}
	p("")
}
