package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file decides what one cell of the results is, how its contenders take turns,
// and which of them count as measured.

// cell is one kind of load: what is done, with how much, by how many at once.
type cell struct {
	group       string
	payload     int // bytes of session values; 0: not a matter of size
	concurrency int
	rtt         time.Duration // network round trip added to every exchange
	quick       bool          // also with -quick
	enter       func(*rig, cell) ([]*contender, error)
}

func (c cell) name() string {
	s := c.group
	if c.payload > 0 {
		s += fmt.Sprintf("/%dB", c.payload)
	}
	s += fmt.Sprintf("/%d", c.concurrency)
	if c.rtt > 0 {
		s += "/rtt " + c.rtt.String()
	}
	return s
}

// spread is a median between its quartiles.
type spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
}

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	at := func(p float64) float64 {
		x := p * float64(len(v)-1)
		i := int(x)
		if i+1 >= len(v) {
			return v[len(v)-1]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return spread{Median: at(0.5), Q1: at(0.25), Q3: at(0.75)}
}

// row is what a cell showed of one contender.
type row struct {
	Cell        string  `json:"cell"`
	Group       string  `json:"group"`
	Payload     int     `json:"payload,omitempty"`
	Concurrency int     `json:"concurrency"`
	RTTMicros   int64   `json:"rtt_us,omitempty"`
	Contender   string  `json:"contender"`
	Floor       string  `json:"floor"`
	Rate        spread  `json:"ops_per_second,omitzero"`
	Ratio       *spread `json:"ratio"` // of the floor's rate in the same round; nil: not measured
	P50         spread  `json:"p50_us,omitzero"`
	P50Ratio    *spread `json:"p50_ratio"` // of the floor's p50 in the same round; nil: not measured
	P99         spread  `json:"p99_us,omitzero"`
	Allocs      float64 `json:"allocs_per_op,omitzero"`
	Bytes       float64 `json:"bytes_per_op,omitzero"`
	CPU         spread  `json:"cpu_us_per_op,omitzero"`
	Connections int64   `json:"connections,omitempty"`
	// Commands are those that reached all servers together, per operation; nil: not counted.
	Commands *float64 `json:"commands_per_op,omitempty"`
	// Kept is how much memory of this process a session takes that it keeps.
	Kept   int    `json:"kept_bytes,omitempty"`
	Size   int    `json:"size,omitempty"`
	Errors int    `json:"errors,omitempty"`
	Error  string `json:"error,omitempty"`
	// NotMeasured says why this contender has no figures. Empty: it has.
	NotMeasured string `json:"not_measured,omitempty"`
}

// measure measures the cell.
func (c cell) measure(r *rig, o options) ([]row, error) {
	if err := r.flushRedis(); err != nil {
		return nil, err
	}
	return c.contenders(r, o)
}

// contenders lets them take turns, A B C A B C, and sums up their rounds. The first one is
// the floor of the ratios, also where it cannot be measured: nobody takes its place. The
// error says which contenders failed although they should not have; there are rows then too.
func (c cell) contenders(r *rig, o options) ([]row, error) {
	all, err := c.enter(r, c)
	defer func() {
		for _, k := range all {
			if k.close != nil {
				k.close()
			}
		}
	}()
	if err == nil {
		err = r.settle()
	}
	if err != nil {
		return nil, err
	}
	floor := all[0].name
	run := newRunner(c.concurrency)
	run.served = r.served
	samples := make([][]sample, len(all))
	var failures []error
	for _, k := range all { // connections, caches and the heap reach their size
		if !o.who.MatchString(k.name) {
			k.missing = leftOut
		}
		if k.missing != "" {
			continue
		}
		if s := run.slice(k, o.slice/4); s.errs > 0 && s.errs == s.ops {
			k.missing = fmt.Sprintf("every operation fails: %v", s.err)
		}
	}
	for range o.rounds {
		for i, k := range all {
			if k.missing == "" {
				samples[i] = append(samples[i], run.slice(k, o.slice))
			}
		}
	}
	var rows []row
	for i, k := range all {
		if k.missing == leftOut {
			continue
		}
		w := c.sum(k, floor, samples[i], samples[0])
		if w.NotMeasured != "" && w.NotMeasured != r.noRedis {
			failures = append(failures, fmt.Errorf("%s: %s", k.name, w.NotMeasured))
		}
		rows = append(rows, w)
	}
	return rows, errors.Join(failures...)
}

// leftOut is why a contender is not measured that the command line left out.
const leftOut = "left out by -contenders"

// sum makes a row of a contender's rounds, base being those of the floor. Rounds in which
// the floor failed say nothing about others: what it did not do it did in no time. A
// contender's own failures lower its rate, unless they are the rule.
func (c cell) sum(k *contender, floor string, own, base []sample) row {
	w := row{
		Cell: c.name(), Group: c.group, Payload: c.payload, Concurrency: c.concurrency, RTTMicros: c.rtt.Microseconds(),
		Contender: k.name, Floor: floor, NotMeasured: k.missing,
	}
	failed := 0
	for _, s := range own {
		if s.errs > 0 {
			failed++
		}
		if w.Errors += s.errs; s.err != nil {
			w.Error = s.err.Error()
		}
	}
	if k.missing == "" && failed*2 > len(own) {
		w.NotMeasured = fmt.Sprintf("operations failed in %d of %d rounds: %s", failed, len(own), w.Error)
	}
	if w.NotMeasured != "" {
		return w
	}
	pick := func(f func(s sample) float64) spread {
		v := make([]float64, len(own))
		for i := range own {
			v[i] = f(own[i])
		}
		return spreadOf(v)
	}
	w.Size, w.Kept = k.size, k.kept
	w.Rate = pick(func(s sample) float64 { return s.rate })
	w.P50 = pick(func(s sample) float64 { return s.p50 })
	w.P99 = pick(func(s sample) float64 { return s.p99 })
	w.Allocs = pick(func(s sample) float64 { return s.allocs }).Median
	w.Bytes = pick(func(s sample) float64 { return s.bytes }).Median
	w.CPU = pick(func(s sample) float64 { return s.cpu })
	if len(own) > 0 && !slices.ContainsFunc(own, func(s sample) bool { return !s.counted }) {
		commands := pick(func(s sample) float64 { return s.commands }).Median
		w.Commands = &commands
	}
	w.Ratio = against(own, base, func(s sample) float64 { return s.rate })
	w.P50Ratio = against(own, base, func(s sample) float64 { return s.p50 })
	if k.wire != nil {
		w.Connections = k.wire.peak.Load()
	}
	return w
}

// against is the spread of one figure as a ratio to the floor's, over the rounds in which
// the floor was measured; nil where that is not even every second one.
func against(own, base []sample, figure func(sample) float64) *spread {
	var ratios []float64
	for i := range min(len(own), len(base)) {
		if base[i].errs == 0 && figure(base[i]) > 0 {
			ratios = append(ratios, figure(own[i])/figure(base[i]))
		}
	}
	if len(ratios) == 0 || len(ratios)*2 < len(own) {
		return nil
	}
	s := spreadOf(ratios)
	return &s
}

const notMeasured = "not measured"

// shown is a ratio as the tables and the terminal show it.
func shown(s *spread) string {
	if s == nil {
		return notMeasured
	}
	return s.String()
}

// brief is the line that the program prints while it measures.
func brief(rows []row) string {
	var parts []string
	for _, r := range rows {
		var s string
		switch {
		case r.NotMeasured != "":
			s = fmt.Sprintf("%s %s (%s)", r.Contender, notMeasured, r.NotMeasured)
		case r.Contender == r.Floor:
			s = fmt.Sprintf("%s %.0f/s", r.Contender, r.Rate.Median)
		case r.Ratio == nil || r.P50Ratio == nil:
			s = fmt.Sprintf("%s %.0f/s, ratio %s", r.Contender, r.Rate.Median, notMeasured)
		default:
			s = fmt.Sprintf("%s %.2fx [%.2f %.2f] p50 %.2fx", r.Contender, r.Ratio.Median, r.Ratio.Q1, r.Ratio.Q3, r.P50Ratio.Median)
		}
		if r.Errors > 0 && r.NotMeasured == "" {
			s += fmt.Sprintf(" (%d errors: %s)", r.Errors, r.Error)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "  ")
}
