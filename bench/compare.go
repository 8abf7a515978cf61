package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// This file decides what counts as a regression: a contender's ratio to its floor
// that has left the spread of both runs, or allocations that have grown; and which
// contenders of two runs can be compared at all.

const (
	// slower is how much of a ratio may be lost before it matters; noise on a
	// busy machine reaches that far even where spreads do not meet.
	slower = 0.10
	// moreAllocs is how many more allocations per operation are noise: pools that
	// the garbage collector emptied.
	moreAllocs = 1.0
)

// compare prints what has changed against the recorded results, and what could not be
// compared. The error says how many cells are worse.
func (res *results) compare(dir string, out io.Writer) error {
	old, err := readResults(dir)
	if err != nil {
		return err
	}
	if old.CPU != res.CPU || old.CPUs != res.CPUs {
		fmt.Fprintf(out, "recorded on another machine (%s, %d CPUs): ratios can still be compared, with care\n", old.CPU, old.CPUs)
	}
	fmt.Fprintf(out, "%-42s %-28s %22s %22s %15s\n", "cell", "contender", "ratio then", "ratio now", "allocs")
	worse, compared, skipped := 0, 0, 0
	for _, p := range res.pairs(old) {
		note := verdictOn(p.then, p.now)
		switch note {
		case "SLOWER", "MORE ALLOCATIONS", "ERRORS":
			worse, compared = worse+1, compared+1
		case "", "faster":
			compared++
		default:
			skipped++
		}
		fmt.Fprintf(out, "%-42s %-28.28s %22s %22s %15s  %s\n", p.cell, p.contender, p.then.ratio(), p.now.ratio(), allocs(p.then, p.now), note)
	}
	beside := ""
	if skipped > 0 {
		beside = fmt.Sprintf("; %d beside them could not be compared", skipped)
	}
	switch {
	case compared == 0:
		return errors.New("nothing of this run can be compared with what is recorded: record a full run, with all servers installed, first")
	case worse > 0:
		return fmt.Errorf("%d of %d are worse than recorded%s; run again to see whether it stays", worse, compared, beside)
	}
	fmt.Fprintf(out, "none of %d is worse than recorded%s\n", compared, beside)
	return nil
}

// pair is what two runs have of one contender in one cell; nil: nothing.
type pair struct {
	cell, contender string
	then, now       *row
}

// pairs are the contenders, floors aside, of the cells that this run was to measure, also
// those that one run alone has.
func (res *results) pairs(old *results) []pair {
	var all []pair
	for _, cell := range res.cells {
		var contenders []string
		for _, run := range []*results{res, old} {
			for _, r := range run.Rows {
				left := run == old && res.Who != "" && res.find(cell, r.Contender) == nil
				if r.Cell == cell && r.Contender != r.Floor && !left && !slices.Contains(contenders, r.Contender) {
					contenders = append(contenders, r.Contender)
				}
			}
		}
		for _, k := range contenders {
			all = append(all, pair{cell, k, old.find(cell, k), res.find(cell, k)})
		}
	}
	return all
}

// ratio is what the row shows in the table of a comparison.
func (r *row) ratio() string {
	if r == nil || r.NotMeasured != "" || r.Contender == r.Floor {
		return notMeasured
	}
	return shown(r.Ratio)
}

func allocs(then, now *row) string {
	if then == nil || now == nil || then.NotMeasured != "" || now.NotMeasured != "" {
		return ""
	}
	return fmt.Sprintf("%6.1f -> %5.1f", then.Allocs, now.Allocs)
}

// verdictOn compares what two runs show of one contender. A ratio that either has not, or
// has to another floor, is compared with nothing.
func verdictOn(then, now *row) string {
	switch {
	case then == nil:
		return "not recorded"
	case then.NotMeasured != "":
		return "not measured when recorded: " + then.NotMeasured
	case now == nil:
		return "not measured now"
	case now.NotMeasured != "":
		return "not measured now: " + now.NotMeasured
	case now.Errors > then.Errors:
		return "ERRORS"
	case now.Allocs > then.Allocs*1.05+moreAllocs:
		return "MORE ALLOCATIONS"
	case then.Floor != now.Floor:
		return fmt.Sprintf("recorded against %s, measured against %s", then.Floor, now.Floor)
	case then.Ratio == nil:
		return then.Floor + " was not measured when recorded"
	case now.Ratio == nil:
		return now.Floor + " was not measured now"
	case now.Ratio.Q3 < then.Ratio.Q1 && now.Ratio.Median < then.Ratio.Median*(1-slower):
		return "SLOWER"
	case now.Ratio.Q1 > then.Ratio.Q3 && now.Ratio.Median > then.Ratio.Median*(1+slower):
		return "faster"
	}
	return ""
}

// String shows the median and, in brackets, the quartiles.
func (s spread) String() string { return fmt.Sprintf("%.2f [%.2f to %.2f]", s.Median, s.Q1, s.Q3) }
