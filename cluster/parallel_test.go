package cluster

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what becomes of changes that meet.

func TestParallelRequestsThatChangeDifferentKeysKeepBoth(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(Config{}), w.cluster(Config{})
		w.create(app1, "s", "a=0 b=0 gone=0")
		slow, fast := w.load(app1, "s"), w.load(app2, "s")
		slow.Attrs["a"] = []byte("1")
		delete(slow.Attrs, "gone")
		fast.Attrs["b"] = []byte("2")
		fast.Attrs["c"] = []byte("3")
		w.save(app2, fast)
		w.save(app1, slow)
		w.sees(app2, "s", "a=1 b=2 c=3")
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", "a=1 b=2 c=3")
		}
		if s := app1.Stats(); s.Merges != 1 || s.Conflicts != 0 {
			w.Errorf("stats %+v", s)
		}
	})
}

func TestTheLaterSaveOfAKeyWinsWhateverTheClocksSay(t *testing.T) {
	for _, skew := range []time.Duration{0, 20 * time.Minute, -20 * time.Minute} {
		story(t, 3, func(w *world) {
			app1 := w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
			app2 := w.cluster(Config{})
			w.create(app2, "s", "a=0")
			// One after the other, each having read the last.
			for i := range 6 {
				w.change([]*Cluster{app1, app2}[i%2], "s", "a", fmt.Sprint(i))
			}
			w.sees(app1, "s", "a=5")
			// In parallel: loaded together, saved one after the other.
			for i, apps := range [][2]*Cluster{{app1, app2}, {app2, app1}} {
				first, second := w.load(apps[0], "s"), w.load(apps[1], "s")
				first.Attrs["a"], second.Attrs["a"] = []byte("first"), fmt.Appendf(nil, "second%d", i)
				w.save(apps[0], first)
				w.save(apps[1], second)
				w.sees(app1, "s", fmt.Sprintf("a=second%d", i))
				w.sees(app2, "s", fmt.Sprintf("a=second%d", i))
				if t.Failed() {
					w.Fatalf("skew %v, order %d", skew, i)
				}
			}
			// A removal is a change like any other.
			first, second := w.load(app1, "s"), w.load(app2, "s")
			first.Attrs["a"] = []byte("set")
			delete(second.Attrs, "a")
			w.save(app1, first)
			w.save(app2, second)
			w.sees(app1, "s", "")
		})
	}
}

func TestParallelSavesOfOneSessionAllCount(t *testing.T) {
	story(t, 3, func(w *world) {
		apps := []*Cluster{w.cluster(Config{}), w.cluster(Config{})}
		w.create(apps[0], "s", "")
		w.slow()
		var wg sync.WaitGroup
		want := ""
		for i := range 50 {
			name := fmt.Sprint("k", i)
			want += name + "=1 "
			wg.Go(func() {
				c := apps[i%2]
				r, err := c.Load(context.Background(), "s")
				if err != nil {
					w.Error(err)
					return
				}
				r.Attrs[name] = []byte("1")
				if err := c.Save(context.Background(), r); err != nil {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		w.sees(apps[0], "s", want)
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", want)
		}
		if w.count("set") != 0 {
			w.Error("a live record was set blindly")
		}
	})
}

// once runs f before the first command that matches, and only then. It returns whether one has come.
func (w *world) once(match func(sentCommand) bool, f func()) (came func() bool) {
	var done atomic.Bool
	w.onCommand(func(c sentCommand) {
		if match(c) && done.CompareAndSwap(false, true) {
			f()
		}
	})
	return done.Load
}

// isFor matches the commands to a node about a session.
func isFor(node int, id string) func(sentCommand) bool {
	key := record.KeyOf(id).Name("")
	return func(c sentCommand) bool { return c.node == node && c.key == key }
}

// index is the node's place in the list of nodes.
func (w *world) index(id string, place int) int {
	for i, n := range w.env.All() {
		if n == w.preference(id)[place] {
			return i
		}
	}
	return -1
}

// A save that is half done has been read by others: it must not get a new timestamp, or
// it would win over what they went on to write.
func TestNewSessionThatIsHalfStoredKeepsItsTimestamp(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(Config{}), w.cluster(Config{})
		backup := w.index("s", 1)
		w.once(func(c sentCommand) bool { return c.verb == "add" && c.node == backup }, func() {
			time.Sleep(time.Millisecond) // the primary has it by now
			w.same(w.load(app2, "s").Attrs, "a=1 b=1")
			w.change(app2, "s", "a", "2")
		})
		w.create(app1, "s", "a=1 b=1")
		w.sees(app1, "s", "a=2 b=1")
	})
}

func TestSaveThatIsHalfStoredKeepsItsTimestamp(t *testing.T) {
	for _, skew := range []time.Duration{20 * time.Minute, -20 * time.Minute} {
		story(t, 3, func(w *world) {
			app1, app2 := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
			w.create(app1, "s", "a=0")
			backup := w.index("s", 1)
			r := w.load(app1, "s")
			r.Attrs["a"] = []byte("1")
			w.once(func(c sentCommand) bool { return c.verb == "cas" && c.node == backup }, func() {
				time.Sleep(time.Millisecond)
				w.same(w.load(app2, "s").Attrs, "a=1")
				w.change(app2, "s", "a", "2")
			})
			w.save(app1, r)
			w.sees(app1, "s", "a=2")
		})
	}
}

// lossy is a connection whose answers are lost while loses is set.
type lossy struct {
	net.Conn
	loses *atomic.Bool
}

func (m lossy) Read(b []byte) (int, error) {
	for {
		n, err := m.Conn.Read(b)
		if err != nil || !m.loses.Load() {
			return n, err
		}
	}
}

// The answer to a write is lost, but not the write.
func TestSaveThatMayBeStoredKeepsItsTimestamp(t *testing.T) {
	story(t, 3, func(w *world) {
		primary, backup := w.preference("s")[0], w.index("s", 1)
		var loses atomic.Bool
		app1 := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := w.env.DialContext(ctx, network, addr)
			if addr == primary.Addr() && err == nil {
				nc = lossy{nc, &loses}
			}
			return nc, err
		}})
		app2 := w.cluster(Config{Now: func() time.Time { return time.Now().Add(20 * time.Minute) }})
		w.create(app1, "s", "a=0")
		r := w.load(app1, "s")
		r.Attrs["a"] = []byte("1")
		loses.Store(true)
		w.once(func(c sentCommand) bool { return c.verb == "cas" && c.node == backup }, func() {
			time.Sleep(time.Millisecond)
			w.same(w.load(app2, "s").Attrs, "a=1")
			w.change(app2, "s", "a", "2")
		})
		w.save(app1, r)
		w.sees(app2, "s", "a=2")
	})
}

func TestReplayedSavesOfOneRequestChangeNothing(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(Config{}), w.cluster(Config{})
		r := w.create(app1, "s", "a=1")
		w.change(app2, "s", "a", "2")
		w.save(app1, r) // the same bytes again: not a change
		w.sees(app1, "s", "a=2")
	})
}

// conflicts has each cas end in a CAS conflict: another instance has just moved the deadline. The
// later it did, the later the session ends.
func (w *world) conflicts(id string) {
	var first sync.Once
	var ahead int64 // by how much each deadline is ahead of its clock
	w.onCommand(func(cmd sentCommand) {
		if cmd.verb == "cas" {
			n := w.env.Node(cmd.node)
			was := w.on(n, id)
			first.Do(func() { ahead = was.Deadline() - was.Newest() })
			at := record.Timestamp{Clock: was.Newest() + 1, Writer: 7}
			w.put(n, id, record.Change(was, was.Values(), ahead+at.Clock, at))
		}
	})
}

func TestSaveWithCASConflictsForEverEndsInErrConflict(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=0")
		r := w.load(c, "s")
		r.Attrs["a"] = []byte("1")
		w.conflicts("s")
		w.forget()
		err := c.Save(context.Background(), r)
		w.onCommand(nil)
		if !isErr(err, ErrConflict) || c.Stats().Conflicts != 1 {
			w.Errorf("save: %v, stats %+v", err, c.Stats())
		}
		if got := w.count("cas"); got != 2*(1+saveRounds) {
			w.Errorf("%d cas, want the fast path and %d rounds on two nodes", got, saveRounds)
		}
		w.sees(c, "s", "a=0")
	})
}
