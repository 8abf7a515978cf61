package main

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what users do meanwhile, and how long they wait.

// crowd is users at work, each on a session of its own.
type crowd struct {
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
	now    atomic.Int32
	mu     sync.Mutex // guards below
	took   [3][]time.Duration
	failed [3]int
}

func newCrowd(apps []*cluster.Cluster) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for i := range *users {
		c.wg.Go(func() { c.work(apps[i%len(apps)], "user-"+strconv.Itoa(i)) })
	}
	return c
}

func (c *crowd) phase(p int32) { c.now.Store(p) }

func (c *crowd) work(app *cluster.Cluster, id string) {
	r := cluster.NewRecord(id)
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
		phase, began := c.now.Load(), time.Now()
		r.Attrs["n"] = []byte(strconv.Itoa(n))
		err := app.Save(context.Background(), r)
		if err == nil {
			r, err = app.Load(context.Background(), id)
		}
		took := time.Since(began)
		c.mu.Lock()
		c.took[phase] = append(c.took[phase], took)
		if err != nil {
			c.failed[phase]++
		}
		c.mu.Unlock()
		if err != nil {
			r = cluster.NewRecord(id)
		}
	}
}

// calm has users at work while nothing happens.
func (c *crowd) calm(phase int32) {
	c.phase(phase)
	if *users > 0 {
		time.Sleep(*calm)
	}
}

// end returns when no user is at work any more.
func (c *crowd) end() {
	c.once.Do(func() { close(c.stop) })
	c.wg.Wait()
}

// phases are the times of a run, in their order.
var phases = [3]string{"before", "during", "after"}

// waited is how long users' requests took in one of the phases.
type waited struct {
	phase             string
	requests, errors  int
	p50, p99, longest time.Duration
}

func (c *crowd) waits() (all []waited) {
	for i, phase := range phases {
		took := c.took[i]
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		all = append(all, waited{phase, len(took), c.failed[i], took[len(took)/2], took[len(took)*99/100], took[len(took)-1]})
	}
	return all
}
