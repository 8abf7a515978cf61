package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// This file decides what a run has shown.

// results are the counts of a run and what it ran on.
type results struct {
	*tally
	settings settings
	took     time.Duration
	versions string
	commit   string
	date     time.Time
	load     string
	stall    *stall // of the harness
}

func newResults(t *tally, s settings) *results {
	return &results{tally: t, settings: s, versions: versions(), commit: commit(), date: time.Now(), load: load(), stall: &stall{}}
}

// versions names what was run on what.
func versions() string {
	memcached := "memcached of unknown version"
	if out, err := exec.Command("memcached", "-V").Output(); err == nil {
		memcached = strings.TrimSpace(string(out))
	}
	list := []string{runtime.Version(), memcached}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/alexedwards/scs/v2", "github.com/gorilla/sessions", "github.com/bradfitz/gomemcache":
				list = append(list, m.Path[strings.Index(m.Path, "/")+1:]+" "+m.Version)
			}
		}
	}
	return strings.Join(list, ", ") + fmt.Sprintf(", %d processors", runtime.NumCPU())
}

// commit names the code that was run, as git does.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return "a commit that git does not tell"
	}
	return "commit " + strings.TrimSpace(string(out))
}

// load is the load average of the machine, which explains latencies.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

func promised(f *fault) bool   { return f.promised }
func unpromised(f *fault) bool { return !f.promised }

// stalled is the longest time for which the harness or an instance did not run.
func (r *results) stalled() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.stall.longest(), r.stalls)
}

// print writes what was counted, for people at a terminal.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "\nseed %d, %v, timeout %v, load average %s, longest stall %s; %s\n\n", r.settings.seed, r.took.Round(time.Second), r.settings.timeout, r.load, ms(r.stalled()), r.versions)
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "fault\tsystem\trequests\tsaves\tacked\tunknown\trefused\tlost\tstale\trevived\tabsent\tforeign\tdiverged\terrors\tcut\tmerged\tp50\tp99\tmax\tfirst\tcmds/req\tequal\twhole\t")
	line := func(name string, k kind, c *counts) {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%.1f\t%s\t%s\t\n", name, k,
			c.requests, c.saves, c.acked, c.unknown, c.refused, c.lost, c.stale, c.revived, c.absent, c.foreign, c.diverged, c.shown, c.cut, c.merged,
			ms(c.percentile(.5)), ms(c.percentile(.99)), ms(c.percentile(1)), ms(c.first), perRequest(c), ms(c.equal), ms(c.whole))
	}
	for _, f := range everyFault {
		for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
			if c := r.faults[f.name][k]; c != nil {
				line(f.name, k, c)
			}
		}
	}
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		line("promised", k, r.total(k, promised))
	}
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		c := r.idleTotal(k)
		line("idle sessions", k, &c.counts)
	}
	_ = tw.Flush()
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		c := r.idleTotal(k)
		fmt.Fprintf(w, "idle sessions, %s: %d looked at, %d changed and %d logged out during a fault: %d lost, %d stale, %d revived, %d not answered\n",
			k, c.sessions, c.changed, c.ended, c.lost, c.stale, c.revived, c.mute)
	}
	if r.settings.updates {
		for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
			c := r.total(k, promised)
			fmt.Fprintf(w, "numbers, %s: %d Updates and %d saves with the lock acknowledged, %d of unknown outcome, %d refused, %d locks not had in time: %d missing or twice, %d too many, %d locks held by two, %d sessions gone\n",
				k, c.raised, c.guarded, c.maybe, c.unraised, c.waited, c.uncounted, c.surplus, c.overlaps, c.ended)
		}
	}
	if r.settings.sticky {
		for _, k := range []kind{onSCS, onGorilla} {
			c := r.total(k, promised)
			fmt.Fprintf(w, "local copies, %s: %d saves acknowledged, %d requests shown without a node: %d lost, %d stale, %d revived, %d no session, %d error pages for users who stayed\n",
				k, c.acked, c.local, c.lost, c.stale, c.revived, c.absent, c.unserved)
			fmt.Fprintf(w, "the price, %s: %d reads of a session that was logged out elsewhere, within Fresh or in an outage; %d logouts lost with an instance or all memory; %d sessions or changes lost with all memory; %d of two at once lost with an instance; told to be behind: %d, of %d that were counted\n",
				k, c.late, c.unmade, c.wiped, c.raced, c.told, c.behind)
		}
	}
	fmt.Fprintf(w, "\nevictions under pressure: %d; sessions half written by an instance that died: %d\n", r.thrown, r.torn)
	fmt.Fprintf(w, "sessions whose requests were ordered: %d; too long for that: %d\n", r.ordered, r.tooLong)
	for _, text := range slices.Sorted(maps.Keys(r.pages)) {
		fmt.Fprintf(w, "error page %d x %s\n", r.pages[text], text)
	}
	for _, text := range r.broken {
		fmt.Fprintln(w, text)
	}
}

func perRequest(c *counts) float64 { return float64(c.commands) / float64(cmp.Or(c.requests, 1)) }

// ms shows a duration in milliseconds.
func ms(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}
