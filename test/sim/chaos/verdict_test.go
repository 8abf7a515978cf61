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
	for _, k := range []kind{onSCS, onGorilla} {
		tl.countIdle(k, func(c *idleCounts) { c.sessions = 1 })
	}
	for _, k := range []kind{oneCopy, blind} {
		tl.countIdle(k, func(c *idleCounts) { c.lost = 1 })
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
		{"an Update that is not counted", "kill", onSCS, func(c *counts) { c.uncounted++ }, true},
		{"a number that is too high", "hang", onGorilla, func(c *counts) { c.surplus++ }, true},
		{"a lock that two had", "still", onSCS, func(c *counts) { c.overlaps++ }, true},
		{"a counter that is gone", "app", onGorilla, func(c *counts) { c.ended++ }, true},
		{"an Update of unknown outcome", "kill", onSCS, func(c *counts) { c.maybe++ }, false},
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

func TestTheVerdictOnIdleSessions(t *testing.T) {
	for _, c := range []struct {
		name  string
		k     kind
		make  func(c *idleCounts)
		fails bool
	}{
		{"nothing", onSCS, func(c *idleCounts) {}, false},
		{"a session that is gone", onSCS, func(c *idleCounts) { c.lost++ }, true},
		{"a change that is gone", onGorilla, func(c *idleCounts) { c.stale++ }, true},
		{"a logout that did not hold", onSCS, func(c *idleCounts) { c.revived++ }, true},
		{"values of somebody else", onSCS, func(c *idleCounts) { c.foreign++ }, true},
		{"a session that cannot be read", onGorilla, func(c *idleCounts) { c.mute++ }, true},
		{"no session", onGorilla, func(c *idleCounts) { c.sessions = 0 }, true},
		{"an error page while it was changed", onSCS, func(c *idleCounts) { c.shown++ }, false},
		{"a session of a baseline", blind, func(c *idleCounts) { c.lost++ }, false},
	} {
		r := flawless(settings{seed: 7, timeout: time.Second})
		r.countIdle(c.k, c.make)
		err := r.verdict()
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "idle sessions, "+string(c.k)+": ") || !strings.HasSuffix(err.Error(), "; -seed 7 -timeout 1s")) {
			t.Errorf("%s: %v does not say where, or how to repeat it", c.name, err)
		}
	}
}

func TestNoIdleSessionIsAskedForWhereEveryFaultExcusesThem(t *testing.T) {
	two, _ := byName("two")
	r := flawless(settings{faults: []*fault{two}})
	r.countIdle(onSCS, func(c *idleCounts) { c.sessions = 0 })
	if err := r.verdict(); err != nil {
		t.Error(err)
	}
}

func TestNodesThatAreNotWholeInTimeFailARun(t *testing.T) {
	r := flawless(settings{})
	r.refuse("kill, holdfast, scs: waiting until every node is whole: n2: it is filling")
	if err := r.verdict(); err == nil || !strings.Contains(err.Error(), "n2: it is filling") {
		t.Error(err)
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
		r = flawless(c.s)
		r.countIdle(blind, func(c *idleCounts) { c.lost = 0 })
		if err := r.verdict(); (err != nil) != c.fails {
			t.Errorf("%s, gentle to idle sessions: %v", c.name, err)
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

func TestARunOfUpdatesHasManyAtOnce(t *testing.T) {
	for _, c := range []struct {
		name         string
		raised, lost int
		fails        bool
	}{
		{"many", fewestRaised, 1, false},
		{"few", fewestRaised - 1, 1, true},
		{"one after the other", fewestRaised, 0, true},
	} {
		r := flawless(settings{updates: true})
		r.faults["kill"][onSCS].raised, r.faults["kill"][oneCopy].uncounted = c.raised, c.lost
		if err := r.verdict(); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestARunOfLocalCopiesHasCopiesAndLosses(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     settings
		make  func(c *counts)
		fails bool
	}{
		{"all is well", settings{sticky: true}, func(c *counts) {}, false},
		{"no copy was shown", settings{sticky: true}, func(c *counts) { c.local = 0 }, true},
		{"nothing was lost with an instance", settings{sticky: true}, func(c *counts) { c.told = 0 }, true},
		{"nothing was lost, by one fault", settings{sticky: true, faults: stickyFaults[:1]}, func(c *counts) { c.told = 0 }, false},
		{"a user who stayed got an error page", settings{sticky: true}, func(c *counts) { c.unserved++ }, true},
		{"a user was shown less", settings{sticky: true}, func(c *counts) { c.stale++ }, true},
		{"a logout was late", settings{sticky: true}, func(c *counts) { c.late++ }, false},
	} {
		r := flawless(c.s)
		r.faults["none"][onSCS].price = price{told: 1, local: 1}
		c.make(r.faults["none"][onSCS])
		if err := r.verdict(); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
