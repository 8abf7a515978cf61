package main

import (
	"errors"
	"fmt"
	"io"
)

// This file decides what counts as a regression: a contender's ratio to its floor
// that has left the spread of both runs, or allocations that have grown.

const (
	// slower is how much of a ratio may be lost before it matters; noise on a
	// busy machine reaches that far even where spreads do not meet.
	slower = 0.10
	// moreAllocs is how many more allocations per operation are noise: pools that
	// the garbage collector emptied.
	moreAllocs = 1.0
)

// compare prints what has changed against the recorded results. The error says how
// many cells are worse.
func (res *results) compare(dir string, out io.Writer) error {
	old, err := readResults(dir)
	if err != nil {
		return err
	}
	if old.CPU != res.CPU || old.CPUs != res.CPUs {
		fmt.Fprintf(out, "recorded on another machine (%s, %d CPUs): ratios can still be compared, with care\n", old.CPU, old.CPUs)
	}
	fmt.Fprintf(out, "%-42s %-28s %22s %22s %15s\n", "cell", "contender", "ratio then", "ratio now", "allocs")
	worse, compared := 0, 0
	for _, now := range res.Rows {
		if now.Contender == now.Floor {
			continue
		}
		then := old.find(now.Cell, now.Contender)
		if then == nil {
			continue
		}
		compared++
		note := verdictOn(*then, now)
		if note == "SLOWER" || note == "MORE ALLOCATIONS" || note == "ERRORS" {
			worse++
		}
		fmt.Fprintf(out, "%-42s %-28.28s %22s %22s %6.1f -> %5.1f  %s\n", now.Cell, now.Contender, then.Ratio, now.Ratio, then.Allocs, now.Allocs, note)
	}
	switch {
	case compared == 0:
		return errors.New("no cell of this run is among the recorded ones: record a full run first")
	case worse > 0:
		return fmt.Errorf("%d of %d are worse than recorded; run again to see whether it stays", worse, compared)
	}
	fmt.Fprintf(out, "none of %d is worse than recorded\n", compared)
	return nil
}

func verdictOn(then, now row) string {
	switch {
	case now.Errors > then.Errors:
		return "ERRORS"
	case now.Ratio.Q3 < then.Ratio.Q1 && now.Ratio.Median < then.Ratio.Median*(1-slower):
		return "SLOWER"
	case now.Allocs > then.Allocs*1.05+moreAllocs:
		return "MORE ALLOCATIONS"
	case now.Ratio.Q1 > then.Ratio.Q3 && now.Ratio.Median > then.Ratio.Median*(1+slower):
		return "faster"
	}
	return ""
}

// String shows the median and, in brackets, the quartiles.
func (s spread) String() string { return fmt.Sprintf("%.2f [%.2f to %.2f]", s.Median, s.Q1, s.Q3) }
