package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// settings say how long and how hard.
type settings struct {
	lasts   time.Duration // at least one round of all faults is made
	short   bool
	seed    uint64
	users   int // of each system; the baselines have half as many
	timeout time.Duration
	hold    time.Duration
	faults  []*fault // nil: all
	// Of changes of the list: TransitionFor of all instances, the changes in a row of the fault "lists",
	// and how many saves of each driver are acknowledged at least in the fault "move".
	transition     time.Duration
	changes, saves int
	updates        bool   // numbers are raised by Update, and with locks
	sticky         bool   // instances have local copies
	place          string // the arena
}

// chosen returns the faults that a run makes.
func (s settings) chosen() []*fault {
	if s.faults != nil {
		return s.faults
	}
	if s.sticky {
		return stickyFaults
	}
	var all []*fault
	for _, f := range faults {
		if !f.long || !s.short {
			all = append(all, f)
		}
	}
	return all
}

// all are the faults that may be chosen.
func (s settings) all() []*fault {
	if s.sticky {
		return stickyFaults
	}
	return faults
}

// places are the arenas, one after the other.
func (s settings) places() []string {
	if s.sticky {
		return []string{copiesPlace, behindPlace, unservedPlace}
	}
	return []string{"", "evict", "full"}
}

func main() {
	serveIfTold()
	var s settings
	var names, out, simulation string
	var write bool
	flag.DurationVar(&s.lasts, "for", 3*time.Minute, "how long; at least one round of all faults is made")
	flag.BoolVar(&s.short, "short", false, "one quick round, about two minutes; faults that take long are left out")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()%1_000_000), "decides what users do and which nodes fail")
	flag.IntVar(&s.users, "users", 12, "users of each driver; each baseline has half as many")
	flag.DurationVar(&s.timeout, "timeout", 150*time.Millisecond, "Config.Timeout of all instances")
	flag.DurationVar(&s.transition, "transition", transitionFor, "Config.TransitionFor of all instances")
	flag.IntVar(&s.changes, "changes", 4, "how often the fault \"lists\" changes the list")
	flag.IntVar(&s.saves, "saves", 0, "the fault \"move\" goes on until each driver has had so many saves acknowledged")
	flag.BoolVar(&s.updates, "updates", false, "others raise the same numbers at once, by Update and with a lock")
	flag.BoolVar(&s.sticky, "sticky", false, "instances have local copies, and users a balancer that sticks, or does not")
	flag.StringVar(&names, "faults", "", "only these, by commas: "+strings.Join(faultNames(faults), ",")+"; with -sticky "+strings.Join(faultNames(stickyFaults), ","))
	flag.BoolVar(&write, "write", false, "rewrite the page of guarantees")
	flag.StringVar(&out, "out", "../../docs/guarantees.md", "the page of guarantees")
	flag.StringVar(&simulation, "simulation", "results.md", "a Markdown file with what the page is to tell of the simulation, the interleavings and the mutants")
	flag.Parse()
	if s.sticky && (s.updates || write) {
		fmt.Fprintln(os.Stderr, "chaos: -sticky goes without -updates and -write: the page is that of a run without local copies")
		os.Exit(2)
	}
	_ = os.Unsetenv(testenv.NodesVariable) // nodes that others use are not for this
	program := testenv.NewProgram("chaos", os.Stderr)
	status := 0
	r, err := do(program, s, names)
	if err == nil && write {
		err = r.write(out, simulation)
	}
	if err == nil {
		err = r.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		status = 1
	}
	program.Close()
	os.Exit(status)
}

// do makes the faults of these names, or all, and prints what came of it.
func do(program *testenv.Program, s settings, names string) (*results, error) {
	if names != "" {
		for name := range strings.SplitSeq(names, ",") {
			f, err := s.byName(name)
			if err != nil {
				return nil, fmt.Errorf("-faults: %w; there are %s", err, strings.Join(faultNames(s.all()), ", "))
			}
			s.faults = append(s.faults, f)
		}
	}
	r, err := run(program, s, os.Stdout)
	if err != nil {
		return nil, err
	}
	r.print(os.Stdout)
	return r, nil
}

func faultNames(all []*fault) []string {
	var names []string
	for _, f := range all {
		names = append(names, f.name)
	}
	return names
}

// run makes the faults, again and again, and returns what was counted.
func run(tb testenv.TB, s settings, progress io.Writer) (*results, error) {
	s.hold = time.Second
	if s.transition == 0 {
		s.transition = transitionFor
	}
	if s.short {
		s.hold, s.lasts = 400*time.Millisecond, 0
	}
	chosen := s.chosen()
	t := newTally()
	r := newResults(t, s)
	r.stall = newStall()
	defer r.stall.end()
	fmt.Fprintf(progress, "%d faults a round; about 4m for the first round, about 90s for each that begins within %v; seed %d\n", len(chosen), s.lasts, s.seed)
	for round := 0; round == 0 || t.now() < s.lasts; round++ {
		for _, place := range s.places() {
			var here []*fault
			for _, f := range chosen {
				if (f.place == place || s.sticky) && (round == 0 || !f.long) {
					here = append(here, f)
				}
			}
			if len(here) == 0 {
				continue
			}
			if err := act(tb, place, round, t, s, here, progress); err != nil {
				return nil, err
			}
		}
	}
	r.took = t.now()
	return r, nil
}

// act makes the faults of one arena, in the order of the list in the first round and in
// another one in each that follows.
func act(tb testenv.TB, place string, round int, t *tally, s settings, here []*fault, progress io.Writer) (err error) {
	var opts []testenv.Option
	switch place {
	case "evict":
		opts = []testenv.Option{testenv.MemoryMB(4)}
	case "full":
		opts = []testenv.Option{testenv.MemoryMB(4), testenv.Args("-M")}
	}
	s.seed += uint64(round)
	s.place = place
	a, err := newArena(tb, fmt.Sprintf("%s%d", place, round), t, s, opts...)
	if err != nil {
		return err
	}
	order := slices.Clone(here)
	if round > 0 {
		a.rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	a.begin(order[0])
	defer func() {
		a.close()
		err = a.failed() // the end of an instance may have shown more
	}()
	for i, f := range order {
		var next *fault
		if i+1 < len(order) {
			next = order[i+1]
		}
		fmt.Fprintf(progress, "%7.1fs round %d, %d of %d%s: %s\n", t.now().Seconds(), round+1, i+1, len(order), where(place), f.what)
		a.strike(f, next)
		if f.place == "evict" {
			t.evict(a.evictions())
		}
		if err := a.failed(); err != nil {
			return err
		}
	}
	return nil
}

// where tells people of the arena.
func where(place string) string {
	switch place {
	case "":
		return ""
	case copiesPlace:
		return ", local copies"
	case behindPlace:
		return ", local copies that are written behind"
	case unservedPlace:
		return ", local copies that are not shown in an outage"
	}
	return " on nodes of little memory"
}
