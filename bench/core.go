package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how package cluster is measured against the floor: a plain
// gomemcache client of the same three servers, one copy, no versions.

const (
	lifetime = time.Hour
	// attrCount is how many values a measured session has.
	attrCount = 10
	// liveBytes bounds what the sessions of one cell take on one server.
	liveBytes = 64 << 20
)

// sessions is how many sessions a cell needs so that no two workers meet.
func (c cell) sessions() int {
	return max(c.concurrency, min(2048, liveBytes/max(c.payload, 1)))
}

// session is the session that operation i of worker w belongs to.
func (c cell) session(w, i int) int {
	own := c.sessions() / c.concurrency
	return w*own + i%own
}

// background is what requests are loaded with here: like that of an HTTP request, it
// can be cancelled, which costs a client more than one that cannot.
var background, _ = context.WithCancel(context.Background())

// ids are made before anything is measured.
var ids = func() []string {
	all := make([]string, 2048)
	for i := range all {
		all[i] = fmt.Sprintf("session-%08d-abcdefghijklmnopqrstuvwxyz", i)
	}
	return all
}()

// attrs is a session of about size bytes in attrCount attributes.
func attrs(size int) map[string][]byte {
	m := make(map[string][]byte, attrCount)
	for i := range attrCount {
		v := make([]byte, size/attrCount)
		_, _ = rand.Read(v)
		m[fmt.Sprintf("attribute%d", i)] = v
	}
	return m
}

// inParallel calls do for all i below n.
func inParallel(n int, do func(i int) error) error {
	const workers = 16
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = do(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// floor is the plain client, its sessions stored.
func (r *rig) floor(c cell) (*memcache.Client, *wire, error) {
	w := &wire{rtt: c.rtt}
	mc := r.plain(w)
	value := make([]byte, c.payload)
	return mc, w, inParallel(c.sessions(), func(i int) error {
		return mc.Set(&memcache.Item{Key: ids[i], Value: value, Expiration: 3600})
	})
}

// holdfast is a new cluster, its sessions stored.
func (r *rig) holdfast(c cell) (*cluster.Cluster, *wire, error) {
	w := &wire{rtt: c.rtt}
	cl, err := r.cluster(w, patience)
	if err != nil {
		return nil, nil, err
	}
	return cl, w, storeAll(c, cl)
}

// holdfastWith is a settled cluster with the settings of cfg, its sessions stored.
func (r *rig) holdfastWith(c cell, cfg cluster.Config) (*cluster.Cluster, *wire, error) {
	cl, w, err := r.settledWith(c, cfg, 0)
	if err != nil {
		return nil, nil, err
	}
	return cl, w, storeAll(c, cl)
}

// storeAll stores the sessions of a cell, over those of an earlier one.
func storeAll(c cell, cl *cluster.Cluster) error {
	return inParallel(c.sessions(), func(i int) error {
		rec := cluster.NewRecord(ids[i])
		rec.Attrs, rec.Deadline = attrs(c.payload), time.Now().Add(lifetime)
		return cl.Save(background, rec)
	})
}

// core makes a floor and a holdfast contender of two operations.
func core(floor, ours string, plain func(c cell, mc *memcache.Client) contender, held func(c cell, cl *cluster.Cluster) contender) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) ([]*contender, error) {
		mc, w1, err := r.floor(c)
		if err != nil {
			return nil, err
		}
		a := plain(c, mc)
		a.name, a.wire, a.close = floor, w1, func() { mc.Close() }
		cl, w2, err := r.holdfastWith(c, cluster.Config{})
		if err != nil {
			return []*contender{&a}, err
		}
		b := held(c, cl)
		b.name, b.wire = ours, w2
		return []*contender{&a, &b}, nil
	}
}

var (
	loadOnly = core("gomemcache Get", "cluster.Load",
		func(c cell, mc *memcache.Client) contender {
			return contender{op: func(w, i int) error { return get(mc, c.session(w, i)) }}
		},
		loading)

	saveOnly = core("gomemcache Set", "cluster.Save",
		func(c cell, mc *memcache.Client) contender {
			value := make([]byte, c.payload)
			return contender{
				burst: c.sessions(), prepare: func(int) error { return nil },
				op: func(_, i int) error { return set(mc, i, value) },
			}
		},
		saving)

	loadAndSave = core("gomemcache Get + Set", "cluster.Load + Save",
		func(c cell, mc *memcache.Client) contender {
			value := make([]byte, c.payload)
			return contender{op: func(w, i int) error { return getAndSet(mc, c.session(w, i), value) }}
		},
		func(c cell, cl *cluster.Cluster) contender {
			return contender{op: func(w, i int) error { return request(cl, ids[c.session(w, i)], true) }}
		})

	mostlyReads = core("gomemcache 90 % Get, 10 % Get + Set", "cluster 90 % Load, 10 % Load + Save",
		func(c cell, mc *memcache.Client) contender {
			value := make([]byte, c.payload)
			return contender{op: func(w, i int) error {
				if (w+i)%10 == 0 {
					return getAndSet(mc, c.session(w, i), value)
				}
				return get(mc, c.session(w, i))
			}}
		},
		func(c cell, cl *cluster.Cluster) contender {
			return contender{op: func(w, i int) error { return request(cl, ids[c.session(w, i)], (w+i)%10 == 0) }}
		})
)

// loading is a contender that loads from a cluster.
func loading(c cell, cl *cluster.Cluster) contender {
	return contender{op: func(w, i int) error {
		_, err := cl.Load(background, ids[c.session(w, i)])
		return err
	}}
}

// saving is a contender that saves what it has loaded before the clock runs.
func saving(c cell, cl *cluster.Cluster) contender {
	recs := make([]*cluster.Record, c.sessions())
	return contender{
		burst: len(recs),
		prepare: func(i int) (err error) {
			if recs[i], err = cl.Load(background, ids[i]); err == nil {
				change(recs[i])
			}
			return err
		},
		op: func(_, i int) error { return cl.Save(background, recs[i]) },
	}
}

func get(mc *memcache.Client, i int) error {
	_, err := mc.Get(ids[i])
	return err
}

func set(mc *memcache.Client, i int, value []byte) error {
	return mc.Set(&memcache.Item{Key: ids[i], Value: value, Expiration: 3600})
}

func getAndSet(mc *memcache.Client, i int, value []byte) error {
	if err := get(mc, i); err != nil {
		return err
	}
	return set(mc, i, value)
}

// request loads a session and, if it writes, changes and saves it.
func request(cl *cluster.Cluster, id string, writes bool) error {
	rec, err := cl.Load(background, id)
	if err != nil || !writes {
		return err
	}
	change(rec)
	return cl.Save(background, rec)
}

// change gives one attribute another value of the same size, and the session a
// later end.
func change(rec *cluster.Record) {
	v := rec.Attrs["attribute0"]
	if len(v) > 0 {
		v[0]++
	}
	rec.Deadline = time.Now().Add(lifetime)
}
