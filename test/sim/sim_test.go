package sim

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run this seed only")
	seedsFlag = flag.Int("seeds", 24, "run this many seeds of class promised, half as many of class idle, and a fifth as many of class beyond")
	firstFlag = flag.Uint64("first", 1, "the first of the seeds")
	classFlag = flag.String("class", "", "run this class only: promised, idle or beyond")
	onlyFlag  = flag.String("only", "", "have faults of this name only")
	showFlag  = flag.String("show", "", "print the history of this key")
)

// TestMain trades memory for time: runs are many and short-lived.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// run does one run and judges it.
func run(t *testing.T, cfg Config) *Result {
	var r *Result
	synctest.Test(t, func(*testing.T) { r = Run(cfg) })
	r.Judge()
	return r
}

// report says what was broken, how to see it again, and what happened to that key.
func report(t *testing.T, r *Result) {
	// What a session suffered comes before what a request did.
	slices.SortStableFunc(r.Violations, func(a, b check.Violation) int {
		mild := func(v check.Violation) int {
			if v.Rule == check.UserError || v.Rule == check.Maligned {
				return 1
			}
			return 0
		}
		return mild(a) - mild(b)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%d broken promises. To see them again:\n  cd test/sim && go test . -count=1 -run 'TestSimulation$' -class %s -seed %d", len(r.Violations), r.Config.Class, r.Config.Seed)
	if r.Config.Only != "" {
		fmt.Fprintf(&b, " -only '%s'", r.Config.Only)
	}
	fmt.Fprintln(&b)
	for i, v := range r.Violations {
		if i == 5 {
			fmt.Fprintf(&b, "  … and %d more\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "  %v\n", v)
	}
	fmt.Fprintf(&b, "history of %s:\n", r.Violations[0].Key)
	r.History.Print(&b, r.Violations[0].Key)
	t.Error(b.String())
}

func TestSimulation(t *testing.T) {
	var mu sync.Mutex
	tally := map[Class]Tally{Promised: {}, Idle: {}, Beyond: {}}
	broken := map[Class]map[check.Rule]int{Promised: {}, Idle: {}, Beyond: {}}
	var virtual, awake time.Duration
	runs, excused, faults := 0, 0, 0
	var failing atomic.Bool
	one := func(t *testing.T, class Class, seed uint64) {
		r := run(t, Config{Seed: seed, Class: class, Only: *onlyFlag})
		mu.Lock()
		tally[class].Merge(r.Tally)
		for _, v := range r.Violations {
			broken[class][v.Rule]++
		}
		virtual += r.Virtual
		awake += r.Awake
		faults += r.Faults
		if class != Beyond {
			excused += r.Excused
		}
		runs++
		mu.Unlock()
		if len(r.Violations) > 0 && (class != Beyond || *seedFlag != 0 || r.intolerable()) {
			failing.Store(true)
			report(t, r)
		}
		if *showFlag != "" {
			var b strings.Builder
			r.History.Print(&b, *showFlag)
			t.Log(b.String())
		}
	}
	t.Run("seeds", func(t *testing.T) {
		for _, class := range []Class{Promised, Idle, Beyond} {
			n := *seedsFlag
			switch class {
			case Idle:
				n /= 2
			case Beyond:
				n /= 5
			}
			if *classFlag != "" && Class(*classFlag) != class {
				continue
			}
			first := *firstFlag
			if *seedFlag != 0 {
				first, n = *seedFlag, 1
			}
			for i := range n {
				seed := first + uint64(i)
				t.Run(fmt.Sprintf("%s/%d", class, seed), func(t *testing.T) {
					t.Parallel()
					if failing.Load() && flag.Lookup("test.failfast").Value.String() == "true" {
						t.Skip("another seed has failed")
					}
					one(t, class, seed)
				})
			}
		}
	})
	t.Logf("%d runs, %d faults, %.0f virtual hours, %.0f of them with users at work; %d acknowledged saves within the promise, %d with idle sessions, %d beyond; %d stale reads of sessions that had ended by some clocks",
		runs, faults, virtual.Hours(), awake.Hours(), tally[Promised].Acked(), tally[Idle].Acked(), tally[Beyond].Acked(), excused)
	for class, names := range tally {
		t.Logf("%s: broken %v\n%s", class, broken[class], table(names))
	}
}

func table(tally Tally) string {
	var names []string
	for n := range tally {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	fmt.Fprintf(&b, "  %-16s %8s %8s %8s %8s %9s %9s %9s\n", "fault", "loads", "saves", "acked", "errors", "p50", "p99", "max")
	for _, n := range names {
		c := tally[n]
		fmt.Fprintf(&b, "  %-16s %8d %8d %8d %8d %9v %9v %9v\n", n, c.Loads, c.Saves, c.Acked, c.Unknown,
			c.Quantile(0.5).Round(10*time.Microsecond), c.Quantile(0.99).Round(10*time.Microsecond), c.Slowest.Round(10*time.Microsecond))
	}
	return b.String()
}
