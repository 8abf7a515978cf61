package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// This file decides what OVERLOAD.md says, and whether what is aimed at was reached.

const overloadFile = "OVERLOAD.md"

func (s strained) brief() string {
	if s.NotMeasured != "" {
		return fmt.Sprintf("%5d clients  %-12s %s (%s)", s.Clients, s.Contender, notMeasured, s.NotMeasured)
	}
	line := fmt.Sprintf("%5d clients  %-12s %6d requests, %5d errors (%s), %d logged out, %s nodes down, %.0f/s, p99 %v",
		s.Clients, s.Contender, s.Requests, s.Errors, s.share(), s.LoggedOut, s.downs(), s.Rate, s.P99.Round(time.Millisecond))
	if s.Error != "" {
		line += ": " + s.Error
	}
	return line
}

func (s strained) share() string {
	if s.Errors == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(s.Errors)/float64(s.Requests))
}

func (s strained) downs() string {
	if s.Downs < 0 {
		return "–"
	}
	return fmt.Sprint(s.Downs)
}

// overloadAim is one thing that is aimed at.
type overloadAim struct {
	what string
	// met judges holdfast's figures beside those of gomemcache with as many clients.
	met func(ours, plain strained) bool
	// of, if not nil, says which numbers of clients count.
	of func(clients int) bool
}

var overloadAims = []overloadAim{
	{"no errors up to 800 clients", func(ours, _ strained) bool { return ours.Errors == 0 }, func(n int) bool { return n <= 800 }},
	{"nowhere more errors than gomemcache, and fewer wherever it has any", func(ours, plain strained) bool {
		if plain.Errors == 0 {
			return ours.Errors == 0
		}
		return ours.Errors*plain.Requests < plain.Errors*ours.Requests
	}, nil},
	{"no node marked down", func(ours, _ strained) bool { return ours.Downs == 0 }, nil},
	{"no user asked to log in", func(ours, _ strained) bool { return ours.LoggedOut == 0 }, nil},
}

// judged says at how many numbers of clients the aim was met, or that there is nothing to
// judge it by.
func (a overloadAim) judged(all []strained) string {
	met, asked := 0, 0
	var failed []string
	for _, ours := range all {
		plain := find(all, ours.Clients, "gomemcache")
		if ours.Contender != "holdfast" || ours.NotMeasured != "" || plain == nil || plain.NotMeasured != "" || a.of != nil && !a.of(ours.Clients) {
			continue
		}
		asked++
		if a.met(ours, *plain) {
			met++
		} else {
			failed = append(failed, fmt.Sprint(ours.Clients))
		}
	}
	switch {
	case asked == 0:
		return notMeasured
	case met == asked:
		return "reached"
	}
	return "**missed** with " + strings.Join(failed, ", ") + " clients"
}

func find(all []strained, clients int, contender string) *strained {
	for i := range all {
		if all[i].Clients == clients && all[i].Contender == contender {
			return &all[i]
		}
	}
	return nil
}

func overloadReport(all []strained, commit string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# An app that is short of CPU\n")
	p("Written by `make overload`; do not edit. Clients send requests, each as soon as the last one has ended, all beginning at the same moment")
	p("without a connection. A request reads its session (%s), needs %v of CPU, and writes the session. App, memcached and Redis", byteSize(overloadPayload), overloadWork)
	p("share two processors, so %d clients want %d times what there is. Every client has the same timeout, %v, and a pool with room for", overloadClients[len(overloadClients)-1], overloadClients[len(overloadClients)-1]/2, overloadTimeout)
	p("all; go-redis repeats a command three times, which is its default. Servers answer at once: each error is a client's own.\n")
	p("%s, Go %s, %d CPUs (%s), commit %s, %v for each line.\n", time.Now().UTC().Format(time.DateOnly), strings.TrimPrefix(runtime.Version(), "go"), runtime.NumCPU(), cpuModel(), commit, overloadTime)
	p("| aimed at | |\n|---|---|")
	for _, a := range overloadAims {
		p("| %s | %s |", a.what, a.judged(all))
	}
	p("\n| clients | contender | requests | errors | logged out | nodes marked down | requests/s | p99 |")
	p("|--:|---|--:|--:|--:|--:|--:|--:|")
	for _, s := range all {
		if s.NotMeasured != "" {
			p("| %d | %s | %s: %s | | | | | |", s.Clients, s.Contender, notMeasured, s.NotMeasured)
			continue
		}
		p("| %d | %s | %d | %s | %d | %s | %.0f | %v |", s.Clients, s.Contender, s.Requests, s.share(), s.LoggedOut, s.downs(), s.Rate, s.P99.Round(time.Millisecond))
	}
	return b.String()
}

// commit names what was measured, with a plus where files had been changed.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
