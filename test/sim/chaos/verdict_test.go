package main

import (
	"strings"
	"testing"
	"time"
)

// flawless is a run in which each driver saved under each fault, and the baselines lost sessions.
func flawless(s settings) *results {
	tl := newTally()
	for i, f := range s.chosen() {
		at := time.Duration(i)
		tl.begin(f).begin = at
		for _, k := range []kind{onSCS, onGorilla} {
			tl.count(at, k, func(c *counts, _ *phase) { c.acked = 1 })
		}
		for _, k := range []kind{oneCopy, blind} {
			tl.count(at, k, func(c *counts, _ *phase) { c.absent = 1 })
		}
	}
	tl.tear(1)
	return newResults(tl, s)
}

func TestTheVerdict(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault string
		k     kind
		make  func(c *counts)
		fails bool
	}{
		{"a lost change", "kill", onSCS, func(c *counts) { c.lost++ }, true},
		{"a stale read", "kill", onGorilla, func(c *counts) { c.stale++ }, true},
		{"a revived session", "hang", onSCS, func(c *counts) { c.revived++ }, true},
		{"a false \"no session\"", "app", onSCS, func(c *counts) { c.absent++ }, true},
		{"copies that differ", "full", onSCS, func(c *counts) { c.diverged++ }, true},
		{"bytes of somebody else", "add", onSCS, func(c *counts) { c.foreign++ }, true},
		{"a loss that is not promised away", "two", onSCS, func(c *counts) { c.absent++ }, false},
		{"nothing saved", "kill", onGorilla, func(c *counts) { c.acked = 0 }, true},
		{"nothing saved, and nothing promised", "pairs", onGorilla, func(c *counts) { c.acked = 0 }, false},
		{"an error page", "partition", onSCS, func(c *counts) { c.shown++ }, true},
		{"an error page that belongs to the fault", "outage", onSCS, func(c *counts) { c.shown++ }, false},
		{"a node thought down that answers", "still", onSCS, func(c *counts) { c.doubted++ }, true},
		{"a node thought down that does not", "kill", onSCS, func(c *counts) { c.doubted++ }, false},
		{"a request without an answer", "rolling", onGorilla, func(c *counts) { c.cut++ }, true},
		{"a request without an answer beside error pages", "outage", onGorilla, func(c *counts) { c.cut++ }, true},
		{"a request whose instance was killed", "app", onGorilla, func(c *counts) { c.cut++ }, false},
	} {
		r := flawless(settings{seed: 7, timeout: time.Second})
		c.make(r.faults[c.fault][c.k])
		err := r.verdict()
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), c.fault+", "+string(c.k)+": ") || err != nil && !strings.HasSuffix(err.Error(), "; -seed 7 -timeout 1s") {
			t.Errorf("%s: %v does not say where, or how to repeat it", c.name, err)
		}
	}
}

func TestGentleFaultsFailARunOfAll(t *testing.T) {
	kill, _ := byName("kill")
	for _, c := range []struct {
		name  string
		s     settings
		fails bool
	}{
		{"all faults", settings{}, true},
		{"a quick round", settings{short: true}, true},
		{"one fault", settings{faults: []*fault{kill}}, false},
	} {
		r := flawless(c.s)
		if err := r.verdict(); err != nil {
			t.Errorf("%s: nothing is wrong, yet: %v", c.name, err)
		}
		for name := range r.faults {
			r.faults[name][oneCopy].absent = 0
		}
		if err := r.verdict(); (err != nil) != c.fails {
			t.Errorf("%s, gentle: %v", c.name, err)
		}
	}
}

func TestAFullRunFindsSessionsHalfWritten(t *testing.T) {
	app, _ := byName("app")
	for _, c := range []struct {
		name  string
		s     settings
		fails bool
	}{
		{"all faults", settings{}, true},
		{"a quick round", settings{short: true}, false},
		{"one fault", settings{faults: []*fault{app}}, false},
	} {
		r := flawless(c.s)
		r.torn = 0
		if err := r.verdict(); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAVerdictTellsOfStallsBeyondTheTimeout(t *testing.T) {
	for _, c := range []struct {
		name   string
		stall  time.Duration
		shown  int
		fails  bool
		stalls bool
	}{
		{"a long stall, and nothing came of it", 2 * time.Second, 0, false, false},
		{"error pages after a long stall", 2 * time.Second, 1, true, true},
		{"error pages after a short stall", time.Millisecond, 1, true, false},
	} {
		r := flawless(settings{timeout: time.Second})
		r.tally.stall(c.stall)
		r.faults["kill"][onSCS].shown = c.shown
		err := r.verdict()
		if (err != nil) != c.fails || err != nil && strings.Contains(err.Error(), "did not run for 2000 ms") != c.stalls {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestWhatAnInstanceLoggedFailsARun(t *testing.T) {
	for _, k := range []kind{onSCS, blind} {
		r := flawless(settings{})
		r.log(k, 1)
		if err := r.verdict(); err == nil || !strings.Contains(err.Error(), string(k)) {
			t.Errorf("%s: %v", k, err)
		}
	}
}
