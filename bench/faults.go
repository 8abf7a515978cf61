package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is measured of a cluster with a sick node: throughput with
// one node dead against healthy, and what piles up when one hangs.

type faultResults struct {
	Concurrency int    `json:"concurrency"`
	Payload     int    `json:"payload"`
	DeadLoad    spread `json:"dead_load_ratio"`      // rate of loads with a node dead, of the healthy rate
	DeadSave    spread `json:"dead_load_save_ratio"` // the same of load + save
	Healthy     surge  `json:"healthy"`
	Hung        surge  `json:"hung"`
}

// surge is what requests that arrive at a fixed rate, each in a goroutine of its
// own as in a server, left behind.
type surge struct {
	Rate       int           `json:"arrivals_per_second"`
	Seconds    float64       `json:"seconds"`
	Requests   int           `json:"requests"`
	Errors     int           `json:"errors"`
	P50        float64       `json:"p50_us"`
	P99        float64       `json:"p99_us"`
	Max        float64       `json:"max_us"`
	InFlight   int           `json:"peak_requests_in_flight"`
	Goroutines int           `json:"peak_goroutines"` // beyond those before
	After      int           `json:"goroutines_after"`
	Conns      int64         `json:"peak_connections"`
	Timeout    time.Duration `json:"timeout_ns"`
}

func faults(r *rig, o options) (*faultResults, error) {
	f := &faultResults{Concurrency: 64, Payload: 1 << 10}
	if err := f.dead(r, o); err != nil {
		return nil, err
	}
	return f, f.hang(r, o)
}

// dead compares, round by round, all nodes up with one node killed and known to
// be down. Before each slice every session is used once, so that the copies lie
// where they belong: moving them is not what is measured.
func (f *faultResults) dead(r *rig, o options) error {
	c := cell{group: "dead", payload: f.Payload, concurrency: f.Concurrency}
	cl, _, err := r.holdfast(c)
	if err != nil {
		return err
	}
	defer cl.Close()
	each := func(writes bool) *contender {
		return &contender{op: func(w, i int) error { return request(cl, ids[c.session(w, i)], writes) }}
	}
	settle := func() error {
		return inParallel(c.sessions(), func(i int) error { return request(cl, ids[i], false) })
	}
	run := newRunner(c.concurrency)
	var loads, saves []float64
	victim := r.nodes.Node(1)
	for range o.rounds {
		if err := settle(); err != nil {
			return err
		}
		l0, s0 := run.slice(each(false), o.slice), run.slice(each(true), o.slice)
		victim.Kill()
		_ = settle() // finds the node dead
		if err := waitState(cl, 1, cluster.StateDown); err != nil {
			return err
		}
		if err := settle(); err != nil {
			return fmt.Errorf("with a node down: %w", err)
		}
		l1, s1 := run.slice(each(false), o.slice), run.slice(each(true), o.slice)
		victim.Restart()
		if err := waitState(cl, 1, cluster.StateUp); err != nil {
			return err
		}
		for _, s := range []sample{l0, s0, l1, s1} {
			if s.errs > 0 {
				return fmt.Errorf("%d errors: %w", s.errs, s.err)
			}
		}
		if l0.rate > 0 && s0.rate > 0 {
			loads, saves = append(loads, l1.rate/l0.rate), append(saves, s1.rate/s0.rate)
		}
	}
	if len(loads) == 0 {
		return errors.New("no operation ended in any round")
	}
	f.DeadLoad, f.DeadSave = spreadOf(loads), spreadOf(saves)
	return nil
}

func waitState(cl *cluster.Cluster, i int, want cluster.State) error {
	for limit := time.Now().Add(20 * time.Second); cl.Nodes()[i].State != want; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			return fmt.Errorf("node %s does not become %v", cl.Nodes()[i].ID, want)
		}
	}
	return nil
}

// hang compares requests that arrive at a fixed rate, all nodes up and then with a
// node stopped a quarter into the run: it accepts connections and says nothing.
func (f *faultResults) hang(r *rig, o options) error {
	lasts := 4 * time.Second
	if o.quick {
		lasts = 1500 * time.Millisecond
	}
	for _, hung := range []bool{false, true} {
		c := cell{group: "hung", payload: f.Payload, concurrency: f.Concurrency}
		seed, _, err := r.holdfast(c)
		if err != nil {
			return err
		}
		seed.Close()
		w := &wire{}
		cl, err := r.cluster(w, 0) // the default timeout: it is what bounds a pile
		if err != nil {
			return err
		}
		var s surge
		if hung {
			victim := r.nodes.Node(2)
			timer := time.AfterFunc(lasts/4, victim.Pause)
			s = surgeOf(cl, c, lasts)
			timer.Stop()
			victim.Resume()
			f.Hung = s
		} else {
			f.Healthy = surgeOf(cl, c, lasts)
		}
		p := &f.Healthy
		if hung {
			p = &f.Hung
		}
		p.Conns, p.Timeout = w.peak.Load(), cluster.DefaultTimeout
		if err := cl.Close(); err != nil {
			return err
		}
	}
	return nil
}

// arrivals is the rate of requests per second: about half of what the cluster can
// serve on two processors, so that waiting is the node's doing.
const arrivals = 3000

func surgeOf(cl *cluster.Cluster, c cell, lasts time.Duration) surge {
	var (
		wg       sync.WaitGroup
		inFlight atomic.Int64
		errs     atomic.Int64
		mu       sync.Mutex // guards lat
		lat      []int32
	)
	s := surge{Rate: arrivals, Seconds: lasts.Seconds()}
	before := runtime.NumGoroutine()
	began := time.Now()
	for i := 0; ; {
		passed := time.Since(began)
		if passed >= lasts {
			break
		}
		for due := int(passed.Seconds() * arrivals); i < due; i++ {
			id := ids[i%c.sessions()]
			inFlight.Add(1)
			wg.Go(func() {
				defer inFlight.Add(-1)
				t := time.Now()
				if err := request(cl, id, true); err != nil {
					errs.Add(1)
				}
				mu.Lock()
				defer mu.Unlock()
				lat = append(lat, int32(min(time.Since(t), 2*time.Second)))
			})
		}
		s.Goroutines = max(s.Goroutines, runtime.NumGoroutine()-before)
		s.InFlight = max(s.InFlight, int(inFlight.Load()))
		time.Sleep(500 * time.Microsecond)
	}
	wg.Wait()
	// The timers and goroutines of the last calls end within a timeout.
	for limit := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before+nodeCount && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	s.After = runtime.NumGoroutine() - before
	slices.Sort(lat)
	s.Requests, s.Errors = len(lat), int(errs.Load())
	s.P50, s.P99, s.Max = percentile(lat, 0.5), percentile(lat, 0.99), percentile(lat, 1)
	return s
}
