package cluster

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what a flood of invented session ids costs while nodes hang: how
// long real users wait, how many goroutines there are, and how much memory.

const (
	floodRate  = 10_000               // invented ids a second
	roundTrip  = 2 * time.Millisecond // between an app and a node
	floodBound = 64 << 20             // bytes of heap and stacks, for the app and its nodes together
)

// flood loads invented ids at floodRate, and is sampled ten times a second.
type flood struct {
	w        *world
	c        *Cluster
	callers  sync.WaitGroup
	inFlight atomic.Int64
	slowest  atomic.Int64 // ns that a load of an invented id took
	base     usage

	mostCallers, mostGoroutines int
	mostMemory                  uint64
}

type usage struct {
	goroutines int
	memory     uint64 // heap and stacks in use, in bytes
}

func used() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc + m.StackInuse}
}

func newFlood(w *world, c *Cluster) *flood { return &flood{w: w, c: c, base: used()} }

// run lasts that long, in virtual time; beside runs every hundredth of a second.
func (f *flood) run(lasts time.Duration, beside func()) {
	for i := range int(lasts.Seconds() * floodRate) {
		time.Sleep(time.Second / floodRate)
		f.inFlight.Add(1)
		f.callers.Go(func() {
			defer f.inFlight.Add(-1)
			began := time.Now()
			_, err := f.c.Load(context.Background(), fmt.Sprint("invented", began.UnixNano(), i))
			if !isErr(err, ErrNotFound) && !isErr(err, ErrUnavailable) {
				f.w.Errorf("an invented id: %v", err)
			}
			took := int64(time.Since(began))
			for was := f.slowest.Load(); took > was && !f.slowest.CompareAndSwap(was, took); was = f.slowest.Load() {
				continue
			}
		})
		if beside != nil && i%(floodRate/100) == 0 {
			beside()
		}
		if i%(floodRate/10) == 0 {
			f.sample()
		}
	}
}

func (f *flood) sample() {
	now, callers := used(), int(f.inFlight.Load())
	f.mostCallers = max(f.mostCallers, callers)
	f.mostGoroutines = max(f.mostGoroutines, now.goroutines-f.base.goroutines)
	if now.memory > f.base.memory {
		f.mostMemory = max(f.mostMemory, now.memory-f.base.memory)
	}
	// Each caller is a goroutine of the flood's own, and may have a write or a repair
	// under way; the rest are batches, probers and both ends of connections.
	if most := callers + 20*len(f.c.nodes()); now.goroutines-f.base.goroutines > most {
		f.w.Errorf("%d goroutines for %d callers", now.goroutines-f.base.goroutines, callers)
	}
}

// end waits for the last caller and demands that nothing is left.
func (f *flood) end() {
	f.callers.Wait()
	f.c.Close()
	synctest.Wait()
	if n := goroutinesIn("memcached.(*") + goroutinesIn("cluster.(*Cluster)") + goroutinesIn("cluster.(*node)"); n > 0 {
		f.w.Errorf("%d goroutines are left", n)
	}
	if f.mostMemory > floodBound {
		f.w.Errorf("%d bytes at the worst moment, want at most %d", f.mostMemory, floodBound)
	}
	f.w.Logf("at most %d callers at once, %d goroutines, %.1f MiB; an invented id took at most %v",
		f.mostCallers, f.mostGoroutines, float64(f.mostMemory)/(1<<20), time.Duration(f.slowest.Load()))
}

// realUsers load their sessions by turns and tell how long it takes.
type realUsers struct {
	w       *world
	c       *Cluster
	turn    int
	loads   sync.WaitGroup
	slowest atomic.Int64 // ns, since the last lap
}

const userCount = 50

func newRealUsers(w *world, c *Cluster) *realUsers {
	for i := range userCount {
		w.create(c, fmt.Sprint("user", i), "a=1")
	}
	return &realUsers{w: w, c: c}
}

// come has one user load the session, beside what else goes on.
func (u *realUsers) come() {
	id := fmt.Sprint("user", u.turn%userCount)
	u.turn++
	u.loads.Go(func() {
		began := time.Now()
		if _, err := u.c.Load(context.Background(), id); err != nil {
			u.w.Errorf("a real user: %v", err)
		}
		took := int64(time.Since(began))
		for was := u.slowest.Load(); took > was && !u.slowest.CompareAndSwap(was, took); was = u.slowest.Load() {
			continue
		}
	})
}

// lap returns the longest load since the last lap.
func (u *realUsers) lap() time.Duration {
	u.loads.Wait()
	return time.Duration(u.slowest.Swap(0))
}

// distant puts a round trip between the clusters and the nodes.
func (w *world) distant() (dial testenv.DialFunc) {
	wire := testenv.NewWire(w.env.DialContext)
	for _, n := range w.env.All() {
		wire.Delay(n.Addr(), roundTrip)
	}
	w.Cleanup(func() { wire.Close() })
	return wire.DialContext
}

func TestRealUsersDoNotFeelAFloodWhileANodeHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: a flood of requests")
	}
	story(t, 5, func(w *world) {
		dial := w.distant()
		c := w.cluster(Config{DialContext: dial})
		u := newRealUsers(w, c)
		for range 2 * userCount {
			u.come()
			time.Sleep(10 * time.Millisecond)
		}
		before := u.lap()
		hung := w.env.Node(1)
		hung.Pause()
		f := newFlood(w, c)
		f.run(time.Second, u.come)
		first := u.lap()
		if stateOf(c, hung) != StateDown {
			w.Fatalf("the node that hangs is %v", stateOf(c, hung))
		}
		f.run(2*time.Second, u.come)
		after := u.lap()
		// A session whose home is down is read wide: in two round trips, each twice as long in the flood.
		if before < roundTrip || after > 4*before {
			w.Errorf("a load took at most %v before, and %v in the flood with a node down", before, after)
		}
		if first > DefaultTimeout*5/4+2*before {
			w.Errorf("a load took %v when the node began to hang", first)
		}
		w.Logf("a real load took at most %v before, %v when the node began to hang, %v after", before, first, after)
		hung.Resume()
		f.end()
	})
}

func TestAFloodOnAClusterThatHangsCostsAGoroutineACaller(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{DialContext: w.distant()})
		w.create(c, "user", "a=1")
		for _, n := range w.env.All() {
			n.Pause()
		}
		f := newFlood(w, c)
		f.run(2*time.Second, nil)
		f.callers.Wait()
		if slowest := time.Duration(f.slowest.Load()); slowest > 3*DefaultTimeout {
			w.Errorf("an answer took %v", slowest)
		}
		for _, n := range w.env.All() {
			n.Resume()
			w.until(c, n, StateUp)
		}
		w.sees(c, "user", "a=1")
		f.end()
	})
}
