package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// These stories tell that one at a time has the lock on a session.

// loadWith loads the session with a lock.
func (w *world) loadWith(held context.Context, c *Cluster) *Record {
	w.Helper()
	r, err := c.Load(held, "s")
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// lock takes the lock, which must be had.
func (w *world) lock(c *Cluster, lease time.Duration) (held context.Context, unlock func()) {
	w.Helper()
	held, unlock, err := c.Lock(w.Context(), "s", lease)
	if err != nil {
		w.Errorf("lock: %v", err)
	}
	return held, unlock
}

func TestOneAtATimeHasTheLock(t *testing.T) {
	story(t, 3, func(w *world) {
		instances := []*Cluster{w.cluster(Config{}), w.cluster(Config{})}
		w.create(instances[0], "s", "n=0")
		var inside, most atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				c := instances[i%2]
				held, unlock := w.lock(c, time.Minute)
				defer unlock()
				most.Store(max(most.Load(), inside.Add(1)))
				r, err := c.Load(held, "s")
				if err != nil {
					w.Error(err)
					return
				}
				time.Sleep(10 * time.Millisecond)
				_ = raise("n")(r)
				if err := c.Save(held, r); err != nil {
					w.Errorf("save: %v", err)
				}
				inside.Add(-1)
			})
		}
		wg.Wait()
		if most.Load() != 1 {
			w.Errorf("%d had the lock at once", most.Load())
		}
		w.sees(instances[1], "s", "n=20") // of the lock the app sees nothing
	})
}

// A holder dies: the lock is free one lease after the next one has begun to wait.
func TestTheLockOfADeadHolderIsFreeAfterItsLease(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.lock(c, 10*time.Second)
		c.Close()
		time.Sleep(time.Hour / 2) // nobody waits: nobody knows
		began := time.Now()
		_, unlock := w.lock(d, time.Minute)
		if waited := time.Since(began); waited < 10*time.Second || waited > 10*time.Second+2*lastLook {
			w.Errorf("waited %v for a lease of 10 s", waited)
		}
		unlock()
		unlock() // does nothing
		began = time.Now()
		w.lock(d, time.Minute)
		if waited := time.Since(began); waited > lastLook {
			w.Errorf("waited %v for a lock that was given back", waited)
		}
	})
}

// A holder stood still for longer than its lease. It can store nothing over its successor, before that
// one has saved, and after it.
func TestAHolderThatStoodStillCannotSave(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		held, unlock := w.lock(c, time.Second)
		r := w.loadWith(held, c)
		next, _ := w.lock(d, time.Minute)
		r.Attrs["a"] = []byte("old")
		for range 2 {
			if err := c.Save(held, r); !errors.Is(err, ErrLockLost) {
				w.Errorf("save: %v", err)
			}
			if err := c.Update(held, "s", raise("n")); !errors.Is(err, ErrLockLost) {
				w.Errorf("update: %v", err)
			}
			if _, _, err := c.Lock(held, "s", time.Second); !errors.Is(err, ErrLockLost) {
				w.Errorf("lock: %v", err)
			}
			if err := c.Delete(held, "s"); !errors.Is(err, ErrLockLost) {
				w.Errorf("delete: %v", err)
			}
			renewed := NewRecord("renewed")
			renewed.Succeeds(r)
			if err := c.Save(held, renewed); !errors.Is(err, ErrLockLost) {
				w.Errorf("save under another id: %v", err)
			}
			w.missing(c, "renewed", ErrNotFound)
			s, err := d.Load(next, "s")
			if err != nil {
				w.Fatal(err)
			}
			s.Attrs["b"] = []byte("2")
			if err := d.Save(next, s); err != nil {
				w.Errorf("the successor's save: %v", err)
			}
		}
		unlock() // it is not its own any more
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Lock(ctx, "s", time.Second); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("the successor's lock: %v", err)
		}
		w.sees(c, "s", "a=1 b=2")
	})
}

// Another one takes the lock while the holder's save is on its way, at each of its commands.
func TestALockThatIsLostDuringASave(t *testing.T) {
	for at := range 5 {
		story(t, 3, func(w *world) {
			c, d := w.cluster(Config{}), w.cluster(Config{})
			w.create(c, "s", "n=0")
			held, _ := w.lock(c, time.Second)
			r := w.loadWith(held, c)
			_ = raise("n")(r)
			seen := 0
			var taken sync.WaitGroup
			taken.Add(1)
			w.onCommand(func(cmd sentCommand) {
				w.mu.Lock()
				seen++
				now := seen == at+1
				w.mu.Unlock()
				if now {
					defer taken.Done()
					w.lock(d, time.Minute)
				}
			})
			err := c.Save(held, r)
			w.onCommand(nil)
			if seen > at {
				taken.Wait()
			}
			switch got := w.load(d, "s").Attrs["n"]; {
			case err == nil && string(got) == "1":
			case errors.Is(err, ErrLockLost) && string(got) == "0":
			case errors.Is(err, ErrUnavailable): // the node that was asked did not answer in time
			default:
				w.Errorf("lost before command %d: n is %s, and the save says %v", at, got, err)
			}
		})
	}
}

func TestWhatALockRefuses(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		if held, unlock, err := c.Lock(w.Context(), "other", time.Second); !errors.Is(err, ErrNotFound) || held != w.Context() {
			w.Errorf("without a session: %v", err)
		} else {
			unlock()
		}
		for _, lease := range []time.Duration{0, -1, 25 * time.Hour} {
			if _, _, err := c.Lock(w.Context(), "s", lease); err == nil {
				w.Errorf("a lease of %v is no error", lease)
			}
		}
		held, unlock := w.lock(c, time.Second)
		again, release, err := c.Lock(held, "s", time.Second)
		if err != nil || again != held {
			w.Errorf("a lock that is held already: %v", err)
		}
		release()
		r := w.loadWith(held, c)
		w.delete(c, "s")
		if err := c.Save(held, r); !errors.Is(err, ErrDestroyed) {
			w.Errorf("save: %v", err)
		}
		unlock()
		w.missing(c, "s", ErrNotFound)
	})
}

// A save with a lock is a save: what others have changed meanwhile stays, removals count, and the
// record can be saved again.
func TestASaveWithALockMergesWhatOthersHaveSaved(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1 b=2 c=3")
		held, unlock := w.lock(c, time.Minute)
		r := w.loadWith(held, c)
		w.change(d, "s", "b", "other")
		w.change(d, "s", "new", "4")
		delete(r.Attrs, "a")
		r.Attrs["c"] = []byte("5")
		end := r.Deadline.Add(time.Hour)
		r.Deadline = end
		if err := c.Save(held, r); err != nil {
			w.Fatal(err)
		}
		w.sees(d, "s", "b=other c=5 new=4")
		r.Attrs["c"] = []byte("6")
		if err := c.Save(held, r); err != nil {
			w.Fatal(err)
		}
		unlock()
		r.Attrs["c"] = []byte("7")
		w.save(c, r)
		if got := w.sees(d, "s", "b=other c=7 new=4"); !got.Deadline.Equal(end) {
			w.Errorf("ends at %v, want %v", got.Deadline, end)
		}
		fresh := NewRecord("s")
		fresh.Attrs = attrsOf("z=1")
		held, unlock = w.lock(c, time.Minute)
		defer unlock()
		if err := c.Save(held, fresh); err != nil {
			w.Fatal(err)
		}
		w.sees(d, "s", "z=1")
	})
}

// The lock is the successor's although the process has no way to say so to the app.
func TestASessionThatIsReplacedKeepsItsLock(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		_, unlock := w.lock(c, time.Minute)
		w.create(d, "s", "b=2") // replaces all that the app can see
		w.sees(c, "s", "b=2")
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if _, _, err := d.Lock(ctx, "s", time.Second); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("lock: %v", err)
		}
		unlock()
		w.lock(d, time.Second)
	})
}

func TestALockEndsWithTheClusterOfThoseWhoWait(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.lock(c, time.Hour)
		time.AfterFunc(time.Second, func() { d.Close() })
		if _, _, err := d.Lock(w.Context(), "s", time.Second); !errors.Is(err, ErrClosed) {
			w.Errorf("lock: %v", err)
		}
	})
}

// A holder has died, and each of those who come after it waits for less than its lease, as
// LockHandler does by default. One lease after the first has begun to wait the lock is free.
func TestTheLockOfADeadHolderIsFreeForThoseWhoWaitForLessThanItsLease(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.lock(c, 30*time.Second)
		c.Close()
		for try := range 5 {
			ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
			_, unlock, err := d.Lock(ctx, "s", 30*time.Second)
			cancel()
			if err == nil {
				unlock()
				if try < 2 {
					w.Errorf("it is free after %d tries of 10 s", try)
				}
				return
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				w.Fatal(err)
			}
		}
		w.Errorf("after 50 s of waiting the lock of 30 s is not free")
	})
}

// The lease of a lock is over, and another one has taken it, before its own write is acknowledged: it
// is not had.
func TestALockThatIsOverBeforeItIsHadIsNotHad(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		primary := w.preference("s")[0]
		var delayed atomic.Bool
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb != "gets" && w.env.Node(cmd.node) != primary && !delayed.Swap(true) {
				time.Sleep(400 * time.Millisecond) // the primary has the lock already
			}
		})
		var other sync.WaitGroup
		other.Go(func() {
			time.Sleep(10 * time.Millisecond)
			_, unlock := w.lock(d, time.Minute)
			time.Sleep(2 * time.Second)
			unlock()
		})
		began := time.Now()
		held, unlock := w.lock(c, 100*time.Millisecond)
		took := time.Since(began)
		defer unlock()
		if err := c.Update(held, "s", raise("n")); err != nil || !delayed.Load() {
			w.Errorf("it had the lock after %v, and had it not: %v", took, err)
		}
		other.Wait()
	})
}

// A session goes on under another id while its lock is held, and nobody gets that in between.
func TestARenewalUnderALock(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		held, unlock := w.lock(c, time.Second)
		r := w.loadWith(held, c)
		ctx, cancel := context.WithCancel(w.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, _, err := d.Lock(ctx, "s", time.Second); !errors.Is(err, ErrNotFound) {
				w.Errorf("the next one: %v", err)
			}
		})
		time.Sleep(900 * time.Millisecond)
		renewed := NewRecord("renewed")
		renewed.Attrs = r.Attrs
		renewed.Succeeds(r)
		if err := c.Save(held, renewed); err != nil {
			w.Error(err)
		}
		time.Sleep(900 * time.Millisecond)
		if err := c.Delete(held, "s"); err != nil {
			w.Error(err)
		}
		waiting.Wait()
		cancel()
		unlock()
		w.sees(d, "renewed", "a=1")
		w.missing(d, "s", ErrNotFound)
	})
}

// A lock that is prolonged has another value each time, and about the same lease.
func TestALockIsProlonged(t *testing.T) {
	for _, lock := range []string{"p 1", "p 1000", "p 86399999", "p 86400000"} {
		next := prolonged(lock)
		if next == lock || !isHeldBy(next, "p") || (leaseOf(next)-leaseOf(lock)).Abs() > time.Millisecond || leaseOf(next) <= 0 {
			t.Errorf("%q becomes %q", lock, next)
		}
	}
}
