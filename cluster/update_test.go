package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell that no update is lost.

// raise adds one to a number.
func raise(name string) func(*Record) error {
	return func(r *Record) error {
		n, _ := strconv.Atoi(string(r.Attrs[name]))
		r.Attrs[name] = []byte(strconv.Itoa(n + 1))
		return nil
	}
}

func (w *world) raise(c *Cluster, id, name string) {
	w.Helper()
	if err := c.Update(context.Background(), id, raise(name)); err != nil {
		w.Errorf("update: %v", err)
	}
}

func TestParallelUpdatesOfOneCounterAreAllCounted(t *testing.T) {
	for _, before := range []string{"", "n=0"} {
		story(t, 3, func(w *world) {
			w.far.Store(true)
			instances := []*Cluster{w.cluster(Config{}), w.cluster(Config{}), w.cluster(Config{})}
			w.create(instances[0], "s", "a=1 "+before)
			var wg sync.WaitGroup
			for i := range 60 {
				wg.Go(func() { w.raise(instances[i%3], "s", "n") })
			}
			wg.Wait()
			w.sees(instances[1], "s", "a=1 n=60")
			for _, n := range w.preference("s")[:2] {
				w.holds(n, "s", "a=1 n=60")
			}
		})
	}
}

// Right after the start of a cluster its nodes have no markers yet.
func TestParallelUpdatesBeforeThereAreMarkers(t *testing.T) {
	story(t, 3, func(w *world) {
		w.far.Store(true)
		instances := []*Cluster{w.cluster(Config{unwatched: true}), w.cluster(Config{unwatched: true})}
		w.create(instances[0], "s", "n=0")
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() { w.raise(instances[i%2], "s", "n") })
		}
		wg.Wait()
		w.sees(instances[1], "s", "n=40")
	})
}

// Updates that meet nobody cost one round trip more than a load and a save.
func TestAnUpdateTakesThreeRoundTrips(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=1")
		w.raise(c, "s", "n")
		w.far.Store(true)
		began := time.Now()
		w.raise(c, "s", "n")
		if took := time.Since(began); took != 3*latency {
			w.Errorf("took %v, of which each round trip is %v", took, latency)
		}
		w.sees(c, "s", "n=3")
	})
}

// Updates of one session in one process do not make each other begin again.
func TestUpdatesOfOneSessionInOneProcessTakeTurns(t *testing.T) {
	story(t, 3, func(w *world) {
		w.far.Store(true)
		c := w.cluster(Config{})
		w.create(c, "s", "n=0")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { w.raise(c, "s", "n") })
		}
		wg.Wait()
		w.sees(c, "s", "n=100")
		if s := c.Stats(); s.Updates != 100 || s.UpdateRounds != 100 {
			w.Errorf("%d updates took %d rounds", s.Updates, s.UpdateRounds)
		}
	})
}

func TestWhatAnUpdateRefuses(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=1")
		own := errors.New("out of stock")
		for what, got := range map[string]struct{ err, want error }{
			"a session that is not there": {c.Update(context.Background(), "other", raise("n")), ErrNotFound},
			"no id":                       {c.Update(context.Background(), "", raise("n")), ErrNotFound},
			"an error of change": {c.Update(context.Background(), "s", func(r *Record) error {
				r.Attrs["n"] = []byte("7")
				return fmt.Errorf("shop: %w", own)
			}), own},
		} {
			if !errors.Is(got.err, got.want) {
				w.Errorf("%s: %v", what, got.err)
			}
		}
		if c.Update(context.Background(), "s", nil) == nil {
			w.Error("a nil function is no error")
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.Update(ctx, "s", raise("n")); !errors.Is(err, context.Canceled) {
			w.Errorf("an ended context: %v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		defer cancel()
		if err := c.Update(ctx, "s", func(r *Record) error { cancel(); return raise("n")(r) }); !errors.Is(err, context.Canceled) {
			w.Errorf("a context that ends while change runs: %v", err)
		}
		w.sees(c, "s", "n=1")
		w.delete(c, "s")
		//lint:ignore SA1012 a nil context is taken
		if err := c.Update(nil, "s", raise("n")); !errors.Is(err, ErrNotFound) {
			w.Errorf("a destroyed session: %v", err)
		}
	})
}

// A panic of change is the caller's, and the next update goes on.
func TestAPanicOfChangeLocksNobodyOut(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=1")
		func() {
			defer func() {
				if recover() != "mine" {
					w.Error("the panic did not come through")
				}
			}()
			_ = c.Update(context.Background(), "s", func(*Record) error { panic("mine") })
		}()
		w.raise(c, "s", "n")
		w.sees(c, "s", "n=2")
	})
}

// What change changes besides values: the deadline, removals, new attributes.
func TestAnUpdateChangesWhatASaveDoes(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1 b=2")
		end := r.Deadline.Add(time.Hour)
		err := c.Update(context.Background(), "s", func(r *Record) error {
			delete(r.Attrs, "a")
			r.Attrs["c"] = []byte("3")
			r.Deadline = end
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
		if got := w.sees(w.cluster(Config{}), "s", "b=2 c=3"); !got.Deadline.Equal(end) {
			w.Errorf("ends at %v, want %v", got.Deadline, end)
		}
	})
}

// An update that changes nothing writes nothing.
func TestAnUpdateThatChangesNothingWritesNothing(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.forget()
		if err := c.Update(context.Background(), "s", func(*Record) error { return nil }); err != nil {
			w.Error(err)
		}
		if n := w.count("cas", "add", "set"); n > 0 {
			w.Errorf("wrote %d times", n)
		}
	})
}

// A save of another attribute, made from a load of long ago, disturbs no update.
func TestASaveOfAnotherAttributeKeepsUpdates(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "n=0")
		for i := range 5 {
			r := w.load(d, "s")
			w.raise(c, "s", "n")
			w.raise(d, "s", "n")
			r.Attrs["a"] = []byte(strconv.Itoa(i))
			w.save(d, r)
		}
		w.sees(c, "s", "n=10 a=4")
	})
}

// Somebody is always faster: the update ends, and has stored nothing.
func TestAnUpdateThatIsAlwaysOvertakenEnds(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=1")
		w.refuses(w.preference("s")[0], "s")
		runs := 0
		err := c.Update(context.Background(), "s", func(r *Record) error { runs++; return raise("n")(r) })
		if !errors.Is(err, ErrConflict) || runs != updateRounds {
			w.Errorf("after %d runs: %v", runs, err)
		}
		w.onCommand(nil)
		w.sees(c, "s", "n=1")
	})
}

// A logout meets an update: the session stays destroyed, and the update says so.
func TestADeletionDuringAnUpdateWins(t *testing.T) {
	story(t, 3, func(w *world) {
		c, d := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "n=1")
		err := c.Update(context.Background(), "s", func(r *Record) error {
			if d != nil {
				w.delete(d, "s")
				d = nil
			}
			return raise("n")(r)
		})
		if !errors.Is(err, ErrNotFound) {
			w.Errorf("update: %v", err)
		}
		w.missing(c, "s", ErrNotFound)
	})
}

// Two that update one session while the primary is down, or has just come back, lose nothing.
func TestUpdatesGoOnWithoutThePrimary(t *testing.T) {
	for name, fail := range map[string]func(*testenv.Node){"killed": (*testenv.Node).Kill, "hung": (*testenv.Node).Pause} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c, d := w.cluster(Config{}), w.cluster(Config{})
				w.create(c, "s", "n=0")
				w.raise(c, "s", "n")
				fail(w.preference("s")[0])
				w.raise(c, "s", "n")
				w.raise(d, "s", "n")
				w.raise(c, "s", "n")
				if name == "hung" {
					w.preference("s")[0].Resume()
				} else {
					w.preference("s")[0].Restart()
				}
				w.raise(d, "s", "n")
				w.raise(c, "s", "n")
				w.whole(c)
				w.raise(d, "s", "n")
				w.sees(c, "s", "n=7")
			})
		})
	}
}

// partition is a way to the nodes that can be cut for one of them.
type partition struct {
	mu    sync.Mutex // guards below
	gone  string     // the address
	conns map[net.Conn]string
}

func (p *partition) dial(w *world) func(ctx context.Context, network, addr string) (net.Conn, error) {
	p.conns = map[net.Conn]string{}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if addr == p.gone {
			return nil, errors.New("cut off")
		}
		nc, err := w.dial(ctx, network, addr)
		if err == nil {
			p.conns[nc] = addr
		}
		return nc, err
	}
}

// cut ends all connections to the node, and lets no other be made.
func (p *partition) cut(n *testenv.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = n.Addr()
	for nc, addr := range p.conns {
		if addr == p.gone {
			nc.Close()
		}
	}
}

// Two deciders, since one process is cut off from the primary, or each from another home: what was
// acknowledged is counted, whichever order their commands come in.
func TestTwoDecidersLoseNoUpdateUnseen(t *testing.T) {
	for _, bothCut := range []bool{false, true} {
		for at := range 8 {
			story(t, 3, func(w *world) {
				var wayOfC, wayOfD partition
				c, d := w.cluster(Config{DialContext: wayOfC.dial(w)}), w.cluster(Config{DialContext: wayOfD.dial(w)})
				w.create(c, "s", "n=0")
				w.raise(d, "s", "n")
				acknowledged := int64(1)
				raise := func(c *Cluster) {
					if c.Update(context.Background(), "s", raise("n")) == nil {
						atomic.AddInt64(&acknowledged, 1)
					}
				}
				if bothCut {
					wayOfC.cut(w.preference("s")[1])
				}
				seen := 0
				var done sync.WaitGroup
				w.onCommand(func(sentCommand) { // d has its turn in the middle of c's
					w.mu.Lock()
					seen++
					now := seen == at+1
					w.mu.Unlock()
					if now {
						done.Add(1)
						defer done.Done()
						wayOfD.cut(w.preference("s")[0])
						raise(d)
					}
				})
				raise(c)
				w.onCommand(nil)
				synctest.Wait()
				done.Wait()
				got := w.load(w.cluster(Config{}), "s").Attrs["n"]
				if n, _ := strconv.ParseInt(string(got), 10, 64); n < acknowledged || n > 3 {
					w.Errorf("both cut %v, before command %d: %d were acknowledged, and n is %d", bothCut, at, acknowledged, n)
				}
			})
		}
	}
}

// A node is taken off the list, and one instance is cut off from it meanwhile: what was acknowledged is
// counted.
func TestTwoDecidersDuringATransitionLoseNoUpdateUnseen(t *testing.T) {
	for at := range 8 {
		story(t, 4, func(w *world) {
			var wayOfD partition
			c, d := w.cluster(Config{}), w.cluster(Config{DialContext: wayOfD.dial(w)})
			w.create(c, "s", "n=0")
			primary := w.preference("s")[0]
			var left []int
			for i, n := range w.env.All() {
				if n != primary {
					left = append(left, i)
				}
			}
			w.set(c, left...)
			w.set(d, left...)
			time.Sleep(10 * time.Second)
			w.raise(c, "s", "n")
			w.raise(d, "s", "n")
			acknowledged := int64(2)
			raise := func(c *Cluster) {
				if c.Update(context.Background(), "s", raise("n")) == nil {
					atomic.AddInt64(&acknowledged, 1)
				}
			}
			seen := 0
			var done sync.WaitGroup
			w.onCommand(func(sentCommand) {
				w.mu.Lock()
				seen++
				now := seen == at+1
				w.mu.Unlock()
				if now {
					done.Add(1)
					defer done.Done()
					wayOfD.cut(primary)
					raise(d)
				}
			})
			raise(c)
			w.onCommand(nil)
			synctest.Wait()
			done.Wait()
			got := w.load(c, "s").Attrs["n"]
			if n, _ := strconv.ParseInt(string(got), 10, 64); n < acknowledged {
				w.Errorf("before command %d: %d were acknowledged, and n is %d", at, acknowledged, n)
			}
		})
	}
}

// A change may take long. Meanwhile the primary is back, an update elsewhere is decided there, and the home that this
// update would have been decided at does not hear of it.
func TestAnUpdateOfWhatWasReadLongAgoReadsAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		w.create(a, "s", "n=")
		list := w.preference("s")
		list[0].Pause()
		made := 0
		err := a.Update(context.Background(), "s", func(r *Record) error {
			if made++; made == 1 {
				list[0].Resume()
				w.until(b, list[0], StateUp)
				time.Sleep(2 * pollEvery)
				w.whole(b)
				list[1].Pause()
				if err := b.Update(context.Background(), "s", appendTo("n", "b")); err != nil {
					w.Errorf("update elsewhere: %v", err)
				}
				list[1].Resume()
			}
			return appendTo("n", "a")(r)
		})
		if err != nil {
			w.Errorf("update: %v", err)
		}
		time.Sleep(time.Minute)
		w.sees(b, "s", "n=ba")
	})
}

func appendTo(name, text string) func(*Record) error {
	return func(r *Record) error {
		r.Attrs[name] = append(slices.Clone(r.Attrs[name]), text...)
		return nil
	}
}
