package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// This file decides how one contender is measured for one slice of time: a fixed
// number of workers, each of which begins its next operation when the last one
// has ended.

// contender is one way of doing what a cell asks for.
type contender struct {
	name string
	// op does the operation once. Worker w counts its operations in i; no two
	// workers touch the same session at the same time.
	op func(w, i int) error
	// prepare, if not nil, readies operation i of a burst outside the measured
	// time. The slice is then made of bursts of whole operations.
	prepare func(i int) error
	burst   int
	wire    *wire
	size    int // bytes that the operation produces, where that is compared
	kept    int // bytes of this process's memory for each session that it keeps, where that is compared
	close   func()
	// missing says why the contender cannot be measured. Empty: it can.
	missing string
}

// sample is what one slice showed.
type sample struct {
	ops, errs int
	rate      float64 // operations per second
	p50, p99  float64 // µs
	allocs    float64 // per operation
	bytes     float64 // per operation
	cpu       float64 // µs of this process per operation
	commands  float64 // that reached servers, per operation
	counted   bool    // commands could be counted
	err       error   // one of the errors
}

// stopwatch sums up what passes between start and stop.
type stopwatch struct {
	elapsed        time.Duration
	cpu            time.Duration
	mallocs, bytes uint64
	commands       uint64
	uncounted      bool // the servers were not asked, or one did not say

	served func() (uint64, error) // counts the commands that reached servers; nil: nobody does
	asked  uint64
	began  time.Time
	cpu0   time.Duration
	before runtime.MemStats
}

func (s *stopwatch) start() {
	s.asked = s.soFar()
	runtime.ReadMemStats(&s.before)
	s.cpu0 = cpuTime()
	s.began = time.Now()
}

func (s *stopwatch) stop() {
	s.elapsed += time.Since(s.began)
	s.cpu += cpuTime() - s.cpu0
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	s.mallocs += after.Mallocs - s.before.Mallocs
	s.bytes += after.TotalAlloc - s.before.TotalAlloc
	s.commands += s.soFar() - s.asked
}

// soFar is how many commands have reached the servers.
func (s *stopwatch) soFar() uint64 {
	if s.served == nil {
		s.uncounted = true
		return 0
	}
	n, err := s.served()
	s.uncounted = s.uncounted || err != nil
	return n
}

// cpuTime is the time that this process has spent on processors, in user and in
// kernel mode; the servers' time is not in it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runner keeps what slices share, so that measuring allocates as little as can be.
type runner struct {
	workers   int
	served    func() (uint64, error) // see stopwatch
	latencies [][]int32              // ns, by worker
	all       []int32
}

func newRunner(workers int) *runner {
	r := &runner{workers: workers, latencies: make([][]int32, workers)}
	for i := range r.latencies {
		r.latencies[i] = make([]int32, 0, max(1024, 1<<18/workers))
	}
	return r
}

// slice measures the contender for about d.
func (r *runner) slice(c *contender, d time.Duration) sample {
	for i := range r.latencies {
		r.latencies[i] = r.latencies[i][:0]
	}
	var s sample
	watch := stopwatch{served: r.served}
	runtime.GC() // each contender pays for its own garbage only
	if c.prepare == nil {
		r.timed(c, d, &watch, &s)
	} else {
		r.bursts(c, d, &watch, &s)
	}
	n := float64(max(s.ops, 1))
	s.rate = float64(s.ops-s.errs) / max(watch.elapsed.Seconds(), 1e-9)
	s.allocs, s.bytes = float64(watch.mallocs)/n, float64(watch.bytes)/n
	s.cpu = float64(watch.cpu.Microseconds()) / n
	s.commands, s.counted = float64(watch.commands)/n, !watch.uncounted
	r.all = r.all[:0]
	for _, l := range r.latencies {
		r.all = append(r.all, l...)
	}
	slices.Sort(r.all)
	s.p50, s.p99 = percentile(r.all, 0.50), percentile(r.all, 0.99)
	return s
}

func (r *runner) timed(c *contender, d time.Duration, watch *stopwatch, s *sample) {
	var ended atomic.Bool
	watch.start()
	timer := time.AfterFunc(d, func() { ended.Store(true) })
	defer timer.Stop()
	r.each(s, func(w, i int) (bool, error) {
		if ended.Load() {
			return false, nil
		}
		return true, c.op(w, i)
	})
	watch.stop()
}

func (r *runner) bursts(c *contender, d time.Duration, watch *stopwatch, s *sample) {
	for watch.elapsed < d && s.err == nil {
		var next atomic.Int64
		var failed atomic.Pointer[error]
		var wg sync.WaitGroup
		for range min(r.workers, 16) {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < c.burst && failed.Load() == nil; i = int(next.Add(1)) - 1 {
					if err := c.prepare(i); err != nil {
						failed.Store(&err)
					}
				}
			})
		}
		wg.Wait()
		if err := failed.Load(); err != nil {
			s.err = fmt.Errorf("prepare: %w", *err)
			s.errs, s.ops = s.errs+1, s.ops+1
			return
		}
		next.Store(0)
		watch.start()
		r.each(s, func(w, _ int) (bool, error) {
			i := int(next.Add(1)) - 1
			if i >= c.burst {
				return false, nil
			}
			return true, c.op(w, i)
		})
		watch.stop()
	}
}

// each lets all workers call do until it says that there is no more to do.
func (r *runner) each(s *sample, do func(w, i int) (bool, error)) {
	var mu sync.Mutex // guards s
	var wg sync.WaitGroup
	for w := range r.workers {
		wg.Go(func() {
			lat, ops, errs := r.latencies[w], 0, 0
			var last error
			for i := 0; ; i++ {
				t := time.Now()
				more, err := do(w, i)
				if !more {
					break
				}
				if ops++; err != nil {
					errs, last = errs+1, err
				}
				if len(lat) < cap(lat) {
					lat = append(lat, int32(min(time.Since(t), 2*time.Second)))
				}
			}
			r.latencies[w] = lat
			mu.Lock()
			defer mu.Unlock()
			s.ops, s.errs = s.ops+ops, s.errs+errs
			if last != nil {
				s.err = last
			}
		})
	}
	wg.Wait()
}

// percentile returns the p-th part of sorted nanoseconds, in µs.
func percentile(sorted []int32, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(p*float64(len(sorted)-1))]) / 1e3
}
