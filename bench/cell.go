package main

import (
	"fmt"
	"slices"
	"time"
)

// This file decides what one cell of the results is, and how its contenders take
// turns.

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
	Rate        spread  `json:"ops_per_second"`
	Ratio       spread  `json:"ratio"`     // of the floor's rate in the same round
	P50         spread  `json:"p50_us"`    //
	P50Ratio    spread  `json:"p50_ratio"` // of the floor's p50 in the same round
	P99         spread  `json:"p99_us"`
	Allocs      float64 `json:"allocs_per_op"`
	Bytes       float64 `json:"bytes_per_op"`
	CPU         spread  `json:"cpu_us_per_op"`
	Connections int64   `json:"connections,omitempty"`
	Size        int     `json:"size,omitempty"`
	Errors      int     `json:"errors,omitempty"`
	Error       string  `json:"error,omitempty"`
}

// measure lets the contenders take turns, A B C A B C, and sums up their rounds. The
// first contender is the floor of the ratios.
func (c cell) measure(r *rig, o options) ([]row, error) {
	if o.quick && !c.quick || !o.only.MatchString(c.name()) {
		return nil, nil
	}
	if err := r.flush(); err != nil {
		return nil, err
	}
	all, err := c.enter(r, c)
	defer func() {
		for _, k := range all {
			if k.close != nil {
				k.close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(k *contender) bool {
		out := !o.who.MatchString(k.name)
		if out && k.close != nil {
			k.close()
		}
		return out
	})
	if len(all) == 0 {
		return nil, nil
	}
	run := newRunner(c.concurrency)
	for _, k := range all { // connections, caches and the heap reach their size
		if s := run.slice(k, o.slice/4); s.errs > 0 && s.errs == s.ops {
			return nil, fmt.Errorf("%s: every operation fails: %w", k.name, s.err)
		}
	}
	samples := make([][]sample, len(all))
	for range o.rounds {
		for i, k := range all {
			samples[i] = append(samples[i], run.slice(k, o.slice))
		}
	}
	var rows []row
	for i, k := range all {
		rows = append(rows, c.sum(k, all[0].name, samples[i], samples[0]))
	}
	return rows, nil
}

func (c cell) sum(k *contender, floor string, own, base []sample) row {
	pick := func(f func(i int) float64) spread {
		v := make([]float64, len(own))
		for i := range own {
			v[i] = f(i)
		}
		return spreadOf(v)
	}
	w := row{
		Cell: c.name(), Group: c.group, Payload: c.payload, Concurrency: c.concurrency, RTTMicros: c.rtt.Microseconds(),
		Contender: k.name, Floor: floor, Size: k.size,
		Rate:     pick(func(i int) float64 { return own[i].rate }),
		Ratio:    pick(func(i int) float64 { return ratio(own[i].rate, base[i].rate) }),
		P50:      pick(func(i int) float64 { return own[i].p50 }),
		P50Ratio: pick(func(i int) float64 { return ratio(own[i].p50, base[i].p50) }),
		P99:      pick(func(i int) float64 { return own[i].p99 }),
		Allocs:   pick(func(i int) float64 { return own[i].allocs }).Median,
		Bytes:    pick(func(i int) float64 { return own[i].bytes }).Median,
		CPU:      pick(func(i int) float64 { return own[i].cpu }),
	}
	if k.wire != nil {
		w.Connections = k.wire.peak.Load()
	}
	for _, s := range own {
		if w.Errors += s.errs; s.err != nil {
			w.Error = s.err.Error()
		}
	}
	return w
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// brief is the line that the program prints while it measures.
func brief(rows []row) string {
	s := fmt.Sprintf("%s %.0f/s", rows[0].Contender, rows[0].Rate.Median)
	for _, r := range rows[1:] {
		s += fmt.Sprintf("  %s %.2fx [%.2f %.2f] p50 %.2fx", r.Contender, r.Ratio.Median, r.Ratio.Q1, r.Ratio.Q3, r.P50Ratio.Median)
	}
	for _, r := range rows {
		if r.Errors > 0 {
			s += fmt.Sprintf("  %s: %d errors (%s)", r.Contender, r.Errors, r.Error)
		}
	}
	return s
}
