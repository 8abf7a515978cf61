package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how it is measured what an app that is short of CPU makes of its
// nodes: requests that each need the processor for a while, many more of them at once than
// there are processors, all with the same timeout. Every node answers at once, so every
// error, and every node marked down, is the client's own doing.

const (
	overloadTimeout = cluster.DefaultTimeout
	overloadWork    = 2 * time.Millisecond // of CPU, in each request
	overloadTime    = 4 * time.Second      // for each contender and number of clients
	overloadPayload = 1 << 10
)

var overloadClients = []int{50, 100, 200, 400, 800, 1600}

// strained is what one contender showed with so many clients.
type strained struct {
	Clients   int
	Contender string
	Requests  int
	Errors    int
	LoggedOut int // requests that were told that their session does not exist
	Downs     int // times that a node was marked down; -1: the contender marks none
	Rate      float64
	P99       time.Duration
	Error     string // one of the errors
	// NotMeasured says why there are no figures. Empty: there are.
	NotMeasured string
}

// store is one way of keeping sessions, as a request uses it.
type store struct {
	name        string
	notMeasured string
	load, save  func(id string) error // load returns errLoggedOut where there is no session
	downs       func() int            // nil: it marks no nodes
	close       func()
}

var errLoggedOut = errors.New("no such session")

// stores opens every contender anew, so that all begin without a connection, with a pool
// that has room for every client.
func (r *rig) stores(clients int) ([]*store, error) {
	held, err := r.heldStore()
	if err != nil {
		return nil, err
	}
	if r.redis == nil {
		return []*store{r.plainStore(clients), {name: "redigo", notMeasured: r.noRedis}, {name: "go-redis", notMeasured: r.noRedis}, held}, nil
	}
	return []*store{r.plainStore(clients), r.redigoStore(clients), r.goRedisStore(clients), held}, nil
}

func (r *rig) plainStore(clients int) *store {
	mc := memcache.New(r.addrs()...)
	mc.Timeout, mc.MaxIdleConns = overloadTimeout, clients
	value := make([]byte, overloadPayload)
	return &store{
		name: "gomemcache",
		load: func(id string) error {
			_, err := mc.Get(id)
			if errors.Is(err, memcache.ErrCacheMiss) {
				return errLoggedOut
			}
			return err
		},
		save:  func(id string) error { return mc.Set(&memcache.Item{Key: id, Value: value, Expiration: 3600}) },
		close: func() { mc.Close() },
	}
}

func (r *rig) redigoStore(clients int) *store {
	pool := &redigo.Pool{MaxIdle: clients, Dial: func() (redigo.Conn, error) {
		return redigo.Dial("tcp", r.redis.addr, redigo.DialConnectTimeout(overloadTimeout),
			redigo.DialReadTimeout(overloadTimeout), redigo.DialWriteTimeout(overloadTimeout))
	}}
	value := make([]byte, overloadPayload)
	do := func(args ...any) (any, error) {
		c := pool.Get()
		defer c.Close()
		return c.Do(args[0].(string), args[1:]...)
	}
	return &store{
		name: "redigo",
		load: func(id string) error {
			v, err := do("GET", id)
			if err == nil && v == nil {
				return errLoggedOut
			}
			return err
		},
		save:  func(id string) error { _, err := do("SET", id, value, "EX", 3600); return err },
		close: func() { pool.Close() },
	}
}

func (r *rig) goRedisStore(clients int) *store {
	rc := redis.NewClient(&redis.Options{
		Addr: r.redis.addr, PoolSize: clients, DialTimeout: overloadTimeout, ReadTimeout: overloadTimeout, WriteTimeout: overloadTimeout,
	})
	value := make([]byte, overloadPayload)
	return &store{
		name: "go-redis",
		load: func(id string) error {
			err := rc.Get(background, id).Err()
			if errors.Is(err, redis.Nil) {
				return errLoggedOut
			}
			return err
		},
		save:  func(id string) error { return rc.Set(context.Background(), id, value, lifetime).Err() },
		close: func() { rc.Close() },
	}
}

func (r *rig) heldStore() (*store, error) {
	var downs atomic.Int64
	cl, err := r.clusterWith(&wire{}, cluster.Config{Timeout: overloadTimeout, OnNodeState: func(s cluster.NodeStatus) {
		if s.State == cluster.StateDown {
			downs.Add(1)
		}
	}})
	if err != nil {
		return nil, err
	}
	loaded := sync.Map{} // id to *cluster.Record: a request saves what it has loaded
	return &store{
		name: "holdfast",
		load: func(id string) error {
			rec, err := cl.Load(background, id)
			if errors.Is(err, cluster.ErrNotFound) {
				return errLoggedOut
			}
			loaded.Store(id, rec)
			return err
		},
		save: func(id string) error {
			rec, _ := loaded.Load(id)
			change(rec.(*cluster.Record))
			return cl.Save(background, rec.(*cluster.Record))
		},
		downs: func() int { return int(downs.Load()) },
		close: func() { cl.Close() },
	}, nil
}

// fill stores the sessions that all contenders then find.
func (r *rig) fill(clients int) error {
	cl, _, err := r.holdfast(cell{payload: overloadPayload, concurrency: clients})
	if err != nil {
		return err
	}
	cl.Close()
	mc := r.plain(&wire{})
	defer mc.Close()
	value := make([]byte, overloadPayload)
	if err := inParallel(clients, func(i int) error { return set(mc, i, value) }); err != nil {
		return err
	}
	if r.redis == nil {
		return nil
	}
	rc := r.goRedis(&wire{})
	defer rc.Close()
	return inParallel(clients, func(i int) error { return rc.Set(background, ids[i], value, lifetime).Err() })
}

// strain lets so many clients send requests, each as soon as its last one has ended, all
// beginning at the same moment.
func strain(s *store, clients int, lasts time.Duration, work func()) strained {
	out := strained{Clients: clients, Contender: s.name, Downs: -1, NotMeasured: s.notMeasured}
	if s.notMeasured != "" {
		return out
	}
	runtime.GC()
	var mu sync.Mutex // guards out and took
	var took []time.Duration
	var wg sync.WaitGroup
	began := time.Now()
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < lasts {
				t := time.Now()
				err := s.load(ids[i])
				if work(); err == nil {
					err = s.save(ids[i])
				}
				mu.Lock()
				took = append(took, time.Since(t))
				switch {
				case errors.Is(err, errLoggedOut):
					out.LoggedOut++
				case err != nil:
					out.Errors, out.Error = out.Errors+1, err.Error()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	out.Requests, out.Rate = len(took), float64(len(took)-out.Errors-out.LoggedOut)/time.Since(began).Seconds()
	slices.Sort(took)
	if len(took) > 0 {
		out.P99 = took[int(0.99*float64(len(took)-1))]
	}
	if s.downs != nil {
		out.Downs = s.downs()
	}
	return out
}

// busyFor returns a function that needs the processor for d, whoever else wants it.
func busyFor(d time.Duration) func() {
	hash := func(rounds int) {
		var b [64]byte
		for range rounds {
			sum := sha256.Sum256(b[:])
			copy(b[:], sum[:])
		}
	}
	const rounds = 2000
	best := time.Hour
	for range 50 { // the fastest: others use the machine
		t := time.Now()
		hash(rounds)
		best = min(best, time.Since(t))
	}
	n := int(float64(rounds) * float64(d) / float64(best))
	return func() { hash(n) }
}

type unheard struct{}

func (unheard) Printf(context.Context, string, ...any) {}

// overload measures all contenders side by side and writes OverloadFile.
func overload(r *rig, o options) error {
	runtime.GOMAXPROCS(2)
	redis.SetLogger(unheard{}) // it tells of every dial that fails
	work := busyFor(overloadWork)
	var all []strained
	for _, clients := range overloadClients {
		if err := r.flush(); err != nil {
			return err
		}
		if err := r.fill(clients); err != nil {
			return err
		}
		stores, err := r.stores(clients)
		if err != nil {
			return err
		}
		for _, s := range stores {
			one := strain(s, clients, overloadTime, work)
			fmt.Fprintln(os.Stderr, one.brief())
			all = append(all, one)
			if s.close != nil {
				s.close()
			}
		}
	}
	return os.WriteFile(filepath.Join(o.out, overloadFile), []byte(overloadReport(all, commit())), 0o644)
}
