package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what one run is: new nodes, two instances, idle sessions, users, and a restart of each node.

// result is what came of one run.
type result struct {
	gap          string
	lost         int           // sessions
	lostByTwo    int           // of as many in a plain store with two copies
	took         time.Duration // for all restarts, with what came between them
	healed       uint64        // copies written without a request
	whole        bool          // the run waited until all nodes were whole
	pass         cluster.HealReport
	passMemory   uint64 // by how much the heap of this process grew in that pass, in bytes
	list         listing
	cost         map[string]int // commands and bytes on the nodes during the restarts
	waits        []waited
	perNodeWaits []time.Duration // from the restart of a node until all were whole
}

// roll tries one kind of gap, on new nodes.
func roll(tb testenv.TB, gap string) (r result, err error) {
	r.gap, r.whole = gap, gap == "whole"
	wait := time.Duration(0)
	if !r.whole {
		if wait, err = time.ParseDuration(gap); err != nil {
			return r, err
		}
	}
	env := testenv.Start(tb, 3, testenv.Real(), testenv.MemoryMB(*memory), testenv.Args("-c", "4096"))
	defer func() {
		for _, n := range env.All() {
			n.Kill()
		}
	}()
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		return r, err
	}
	apps := make([]*cluster.Cluster, 2)
	for i := range apps {
		if apps[i], err = cluster.New(cluster.Config{Nodes: nodes, Logger: slog.New(slog.DiscardHandler), HealPerSecond: *rate}); err != nil {
			return r, err
		}
		defer apps[i].Close()
	}
	plain := newTwoCopies(nodes)
	if err := fill(apps[0], plain); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := apps[1].WaitWhole(ctx); err != nil {
		return r, err
	}
	crowd := newCrowd(apps)
	defer crowd.end()
	crowd.calm(0)
	crowd.phase(1)
	meter := newMeter(env)
	began, healed := time.Now(), healedBy(apps)
	for _, n := range env.All() {
		meter.add(n) // its counters begin anew
		n.Restart()
		meter.begin(n)
		if !r.whole {
			time.Sleep(wait)
			continue
		}
		back := time.Now()
		if err := apps[1].WaitWhole(ctx); err != nil { // as an operator does whose command begins when the node is back
			return r, err
		}
		r.perNodeWaits = append(r.perNodeWaits, time.Since(back))
	}
	r.took = time.Since(began)
	for _, n := range env.All() {
		meter.add(n)
	}
	r.cost = meter.sum
	crowd.calm(2)
	crowd.end()
	r.waits = crowd.waits()
	if !r.whole {
		time.Sleep(20 * time.Second) // what can be healed is, before anybody looks
	}
	r.healed = healedBy(apps) - healed
	if r.whole {
		if r.list, err = listKeys(nodes[1].Addr); err != nil {
			return r, err
		}
		if r.passMemory, err = growth(func() (err error) { r.pass, err = apps[0].Heal(ctx, nodes[0].ID); return err }); err != nil {
			return r, err
		}
	}
	r.lostByTwo = plain.lost()
	r.lost, err = count(apps[0])
	return r, err
}

func healedBy(apps []*cluster.Cluster) (n uint64) {
	for _, c := range apps {
		n += c.Stats().Healed
	}
	return n
}

func id(i int) string { return "idle-session-" + strconv.Itoa(i) }

// each calls f for the numbers below n, 64 at a time, and returns the first error.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func fill(c *cluster.Cluster, plain *twoCopies) error {
	value := []byte(strings.Repeat("x", *size))
	return each(*sessions, func(i int) error {
		r := cluster.NewRecord(id(i))
		r.Attrs["a"] = value
		return errors.Join(c.Save(context.Background(), r), plain.set(i, value))
	})
}

// count looks at each session, once all has happened.
func count(c *cluster.Cluster) (int, error) {
	var lost atomic.Int64
	err := each(*sessions, func(i int) error {
		_, err := c.Load(context.Background(), id(i))
		if errors.Is(err, cluster.ErrNotFound) {
			lost.Add(1)
			return nil
		}
		return err
	})
	return int(lost.Load()), err
}
