package cluster

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// These stories tell what a request pays, in time, when nodes hang, and what becomes of
// it when its client goes away.

func TestAHungNodeCostsOneRequestOneTimeout(t *testing.T) {
	for place, name := range []string{"primary", "backup"} {
		t.Run(name, func(t *testing.T) {
			story(t, 4, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				w.create(c, "t", "a=1")
				w.preference("s")[place].Pause()
				began := time.Now()
				w.change(c, "s", "a", "2")
				w.sees(c, "s", "a=2")
				w.delete(c, "s")
				if took := time.Since(began); took != DefaultTimeout {
					w.Errorf("load, save, load and delete took %v, want one timeout of %v", took, DefaultTimeout)
				}
			})
		})
	}
}

func TestASaveThatMeetsAHungNodeCostsOneTimeout(t *testing.T) {
	for _, what := range []string{"new", "loaded", "delete"} {
		t.Run(what, func(t *testing.T) {
			story(t, 4, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				loaded := w.load(c, "s")
				loaded.Attrs["a"] = []byte("2")
				w.preference("s")[0].Pause()
				began := time.Now()
				switch what {
				case "new":
					w.create(c, "s", "a=2")
				case "loaded":
					w.save(c, loaded)
				case "delete":
					w.delete(c, "s")
				}
				if took := time.Since(began); took != DefaultTimeout {
					w.Errorf("took %v, want %v", took, DefaultTimeout)
				}
				if what != "delete" {
					w.holds(w.preference("s")[1], "s", "a=2")
					w.holds(w.preference("s")[2], "s", "a=2")
				}
			})
		})
	}
}

func TestAChangeSavedDuringAHangIsSeenByAllAtOnce(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		primary := w.preference("s")[0]
		primary.Pause()
		w.change(c, "s", "a", "2")
		primary.Resume()
		w.sees(other, "s", "a=2")
		w.sees(c, "s", "a=2")
		w.until(c, primary, StateUp)
		w.sees(c, "s", "a=2")
	})
}

func TestManyRequestsToAHungNodeWaitOnceOnly(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MaxConns: 4})
		for i := range 30 {
			w.create(c, string(rune('a'+i)), "x=1")
		}
		w.env.Node(0).Pause()
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				r, err := c.Load(context.Background(), string(rune('a'+i)))
				if err == nil {
					r.Attrs["x"] = []byte("2")
					err = c.Save(context.Background(), r)
				}
				if err != nil {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 2*DefaultTimeout {
			w.Errorf("the slowest of 30 requests took %v", took)
		}
	})
}

func TestACancelledLoadReturnsAtOnce(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		for _, n := range w.env.All() {
			n.Pause()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := c.Load(ctx, "s"); !isErr(err, context.DeadlineExceeded) || time.Since(began) != time.Millisecond {
			w.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := c.Load(ctx, "s"); !isErr(err, context.DeadlineExceeded) {
			w.Errorf("a context that has ended: %v", err)
		}
		began = time.Now()
		if err := c.Ping(ctx); !isErr(err, context.DeadlineExceeded) || time.Since(began) != 0 {
			w.Errorf("ping: %v after %v", err, time.Since(began))
		}
	})
}

// What a client that has gone had asked for comes late: it belongs to nobody, and the next load to
// itself.
func TestALateAnswerIsNobodyElses(t *testing.T) {
	story(t, 2, func(w *world) {
		app := w.cluster(Config{})
		w.create(app, "s", "a=1")
		w.create(app, "t", "b=2")
		w.sees(app, "s", "a=1")
		w.env.All()[0].Pause()
		ctx, cancel := context.WithTimeout(w.Context(), time.Millisecond)
		defer cancel()
		if _, err := app.Load(ctx, "s"); !isErr(err, context.DeadlineExceeded) {
			w.Errorf("a load whose client has gone: %v", err)
		}
		var later sync.WaitGroup
		later.Go(func() {
			if r := w.sees(app, "t", "b=2"); len(r.snap.seen) != 2 {
				w.Errorf("%d of two copies", len(r.snap.seen))
			}
		})
		time.Sleep(time.Millisecond)
		w.env.All()[0].Resume()
		later.Wait()
		for _, n := range app.Nodes() {
			if n.Errors != 0 {
				w.Errorf("%s: %d errors: %s", n.ID, n.Errors, n.LastError)
			}
		}
	})
}

func TestALoadCancelledInItsRepairReturnsAtOnceAndTheRepairGoesOn(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		primary := w.preference("s")[0]
		primary.Restart()
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "add" {
				time.Sleep(10 * time.Millisecond)
			}
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := c.Load(ctx, "s"); !isErr(err, context.DeadlineExceeded) || time.Since(began) != time.Millisecond {
			w.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(20 * time.Millisecond)
		w.holds(primary, "s", "a=1")
	})
}

func TestASaveAndADeleteGoOnWithoutTheirClient(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		r.Attrs["a"] = []byte("2")
		w.slow()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(latency/2, cancel)
		if err := c.Save(ctx, r); err != nil {
			w.Errorf("save: %v", err)
		}
		w.sees(c, "s", "a=2")
		if err := c.Save(ctx, r); err != nil {
			w.Errorf("save with a context that has ended: %v", err)
		}
		if err := c.Delete(ctx, "s"); err != nil {
			w.Errorf("delete: %v", err)
		}
		w.missing(c, "s", ErrNotFound)
	})
}

func TestPooledConnectionsOfARestartedNodeFailNoRequest(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MaxConns: 64})
		w.onCommand(func(sentCommand) { time.Sleep(time.Millisecond) })
		burst := func(write bool) {
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					id := string(rune('A' + i))
					r, err := c.Load(context.Background(), id)
					if isErr(err, ErrNotFound) {
						r, err = NewRecord(id), nil
					}
					if err == nil && write {
						r.Attrs["x"] = append(r.Attrs["x"], 'x')
						r.Attrs["large"] = make([]byte, memcached.MaxShared) // over a connection of its own
						err = c.Save(context.Background(), r)
					}
					if err != nil {
						w.Error(err)
					}
				})
			}
			wg.Wait()
		}
		burst(true)
		burst(true)
		w.onCommand(nil)
		if idle, _ := strconv.Atoi(w.env.Node(0).Stats()["curr_connections"]); idle < 10 {
			w.Fatalf("%d connections are pooled: the story shows nothing", idle)
		}
		w.env.Node(0).Restart()
		burst(true)
		w.env.Node(1).Restart()
		burst(false)
		for _, s := range c.Nodes() {
			if s.State != StateUp || s.Errors != 0 {
				w.Errorf("a restart counts as a failure: %+v", s)
			}
		}
		if c.Nodes()[0].Reconnects == 0 {
			w.Error("reconnects are not counted")
		}
		for i := range 32 {
			if r := w.load(c, string(rune('A'+i))); string(r.Attrs["x"]) != "xxx" {
				w.Errorf("%c: %s", 'A'+i, r.Attrs["x"])
			}
		}
	})
}

// saves loads the session so many times. What it returns saves all of these at once, each
// with a change of its own, and has every answer looked at.
func (w *world) saves(c *Cluster, n int) (save func(look func(error))) {
	w.Helper()
	var rs []*Record
	for i := range n {
		r := w.load(c, "s")
		r.Attrs[fmt.Sprint(i)] = []byte("1")
		rs = append(rs, r)
	}
	return func(look func(error)) {
		var wg sync.WaitGroup
		for _, r := range rs {
			wg.Go(func() { look(c.Save(context.Background(), r)) })
		}
		wg.Wait()
	}
}

// Saves of one session wait for each other, but not for each other's failures.
func TestManySavesOfOneSessionFailTogether(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		save := w.saves(c, 100)
		for _, n := range w.env.All() {
			n.Pause()
		}
		began := time.Now()
		save(func(err error) {
			if !isErr(err, ErrUnavailable) {
				w.Errorf("save: %v", err)
			}
		})
		if took := time.Since(began); took > 5*c.cfg.Timeout {
			w.Errorf("it took %v: %d Timeouts", took, took/c.cfg.Timeout)
		}
	})
}

// Nor do they get in each other's way when the nodes are back.
func TestSavesOfOneSessionDoNotConflictAroundAnOutage(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		w.create(c, "s", "a=1")
		save := w.saves(c, 60)
		w.slow()
		n := w.env.Node(0)
		n.Kill()
		var back sync.Once
		save(func(err error) {
			switch {
			case isErr(err, ErrUnavailable):
				back.Do(n.Restart)
			case err != nil:
				w.Errorf("save: %v", err)
			}
		})
	})
}
