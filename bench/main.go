// Command bench measures holdfast against what it is built on and against its
// peers: every contender in turn, several rounds, on real servers that it starts
// and stops itself.
//
//	go run .                    everything, about ten minutes; writes RESULTS.md and results.json
//	go run . -quick             the cells that matter most, below a minute
//	go run . -compare           a quick run, no files: what has become slower than results.json says
//	go run . -only 'load/'      the cells whose name matches
//	go run . -profile DIR -only 'load/1024B/64'
//	                            CPU, allocation, block and mutex profiles of one cell
//	go run . -connections       what a fleet of app instances costs a node in connections
package main

import (
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
	case o.profile != "":
		return profiled(rig, o)
	}
	started := time.Now()
	res := newResults(rig, o)
	for _, c := range cells(o) {
		row, err := c.measure(rig, o)
		if err != nil {
			// A server that somebody else on the machine has ended costs a cell, not the run.
			fmt.Fprintf(os.Stderr, "%-44s again: %v\n", c.name(), err)
			rig.revive()
			row, err = c.measure(rig, o)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		if len(row) > 0 {
			res.Rows = append(res.Rows, row...)
			fmt.Fprintf(os.Stderr, "%-44s %s\n", c.name(), brief(row))
		}
	}
	if o.only.MatchString("faults") {
		if res.Faults, err = faults(rig, o); err != nil {
			return fmt.Errorf("faults: %w", err)
		}
	}
	res.Seconds = time.Since(started).Seconds()
	if o.compare {
		return res.compare(o.out, os.Stdout)
	}
	return res.write(o.out)
}
