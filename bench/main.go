package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options is what the command line decides.
type options struct {
	quick   bool
	compare bool
	fleet   bool
	strain  bool
	only    *regexp.Regexp
	who     *regexp.Regexp
	rounds  int
	slice   time.Duration
	profile string
	out     string
}

func main() {
	opts, err := parse()
	if err == nil {
		err = run(opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() (options, error) {
	var o options
	only := flag.String("only", "", "regular `expression`: measure the cells whose name matches")
	who := flag.String("contenders", "", "regular `expression`: measure these contenders only (ratios need the floor)")
	flag.BoolVar(&o.quick, "quick", false, "the cells that matter most, fewer and shorter rounds")
	flag.BoolVar(&o.compare, "compare", false, "compare with the recorded results instead of recording; status 1 when something is slower")
	flag.BoolVar(&o.fleet, "connections", false, "measure connections per node for many app instances, and nothing else")
	flag.BoolVar(&o.strain, "overload", false, "measure an app that is short of CPU, and nothing else; about two minutes")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds per cell (default 15, with -quick 9)")
	flag.DurationVar(&o.slice, "slice", 0, "time per contender and round (default 50ms, with -quick 40ms)")
	flag.StringVar(&o.profile, "profile", "", "write profiles to this `folder` instead of recording")
	flag.StringVar(&o.out, "out", ".", "`folder` of RESULTS.md and results.json")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.who, err = regexp.Compile(*who); err != nil {
		return o, fmt.Errorf("-contenders: %w", err)
	}
	o.quick = o.quick || o.compare
	// Short slices and many rounds: what else the machine does then disturbs all
	// contenders alike.
	rounds, slice := 15, 50*time.Millisecond
	if o.quick {
		rounds, slice = 9, 40*time.Millisecond
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	if o.slice == 0 {
		o.slice = slice
	}
	return o, nil
}

func run(o options) error {
	rig, err := newRig()
	if err != nil {
		return err
	}
	defer rig.close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		rig.close()
		os.Exit(130)
	}()
	switch {
	case o.fleet:
		return fleet(rig, os.Stdout)
	case o.strain:
		return overload(rig, o)
	case o.profile != "":
		return profiled(rig, o)
	}
	started := time.Now()
	res := newResults(rig, o)
	for _, c := range cells(o) {
		res.measure(rig, c, o)
	}
	if o.only.MatchString("faults") {
		res.faults(rig, o)
	}
	res.Seconds = time.Since(started).Seconds()
	var failed error
	if len(res.Failed) > 0 {
		failed = fmt.Errorf("%d cells could not be measured as they should", len(res.Failed))
	}
	if o.compare {
		return errors.Join(res.compare(o.out, os.Stdout), failed)
	}
	return errors.Join(res.write(o.out), failed)
}

// measure adds what a cell shows. A server that somebody else on the machine has ended
// costs a second try, and if that fails too a part of the cell, not the run.
func (res *results) measure(rig *rig, c cell, o options) {
	if o.quick && !c.quick || !o.only.MatchString(c.name()) {
		return
	}
	res.cells = append(res.cells, c.name())
	rows, err := c.measure(rig, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%-44s again: %v\n", c.name(), err)
		rig.revive()
		rows, err = c.measure(rig, o)
	}
	if err != nil {
		res.Failed[c.name()] = err.Error()
		fmt.Fprintf(os.Stderr, "%-44s %s: %v\n", c.name(), notMeasured, err)
	}
	if len(rows) > 0 {
		res.Rows = append(res.Rows, rows...)
		fmt.Fprintf(os.Stderr, "%-44s %s\n", c.name(), brief(rows))
	}
}

func (res *results) faults(rig *rig, o options) {
	f, err := faults(rig, o)
	if err != nil {
		res.Failed["a sick node"] = err.Error()
		fmt.Fprintf(os.Stderr, "%-44s %s: %v\n", "faults", notMeasured, err)
		rig.revive()
		return
	}
	res.Faults = f
}
