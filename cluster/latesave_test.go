package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what becomes of a save that comes late: after the end of its session, long
// after its load, or after its process stood still.

// createFor saves a session that lives for so long.
func (w *world) createFor(c *Cluster, id, attrs string, life time.Duration) *Record {
	w.Helper()
	r := NewRecord(id)
	r.Attrs, r.Deadline = attrsOf(attrs), c.cfg.Now().Add(life)
	w.save(c, r)
	return r
}

func (w *world) findsDestroyed(c *Cluster, r *Record) {
	w.Helper()
	if err := c.Save(w.Context(), r); !isErr(err, ErrDestroyed) {
		w.Errorf("save: %v, want %v", err, ErrDestroyed)
	}
}

func TestALateSaveDoesNotBringAnEndedSessionBack(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 1200 * time.Millisecond, 2500 * time.Millisecond, 3 * time.Hour} {
		for name, late := range map[string]func(w *world, c *Cluster) *Record{
			"loaded":  func(w *world, c *Cluster) *Record { return w.load(c, "s") },
			"created": func(w *world, c *Cluster) *Record { return w.createFor(c, "s", "a=1", time.Second) },
			"saved": func(w *world, c *Cluster) *Record {
				r := w.load(c, "s")
				r.Attrs["b"] = []byte("1")
				w.save(c, r)
				return r
			},
		} {
			t.Run(fmt.Sprint(name, " ", after), func(t *testing.T) {
				story(t, 3, func(w *world) {
					c, other := w.cluster(Config{}), w.cluster(Config{RefreshSlack: 100 * time.Millisecond})
					for id, c := range map[string]*Cluster{"s": c, "t": other} {
						w.createFor(c, id, "a=1", time.Second)
					}
					r, unchanged := late(w, c), w.load(other, "t")
					time.Sleep(after)
					w.missing(other, "s", ErrNotFound)
					r.Attrs["b"], r.Deadline = []byte("2"), time.Now().Add(time.Hour)
					w.findsDestroyed(c, r)
					if after > 100*time.Millisecond+time.Second { // the slack
						w.findsDestroyed(other, unchanged)
						w.missing(c, "t", ErrNotFound)
					}
					time.Sleep(2 * time.Second)
					w.findsDestroyed(c, r) // again
					w.missing(other, "s", ErrNotFound)
				})
			})
		}
	}
}

func TestALateSaveOfASessionThatWasProlongedIsMerged(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.createFor(c, "s", "a=1", time.Second)
		late := w.load(c, "s")
		r := w.load(other, "s")
		r.Attrs["b"], r.Deadline = []byte("1"), time.Now().Add(time.Hour)
		w.save(other, r)
		time.Sleep(3 * time.Second)
		late.Attrs["c"], late.Deadline = []byte("1"), time.Now().Add(time.Second)
		w.save(c, late)
		w.sees(other, "s", "a=1 b=1 c=1")
	})
}

// Another request has given the session an earlier end, which has come. What the late request
// had loaded says otherwise, and the nodes must still be able to tell.
func TestALateSaveDoesNotBringAShortenedSessionBack(t *testing.T) {
	for _, after := range []time.Duration{1100 * time.Millisecond, 10 * time.Second, 59 * time.Minute, 2 * time.Hour} {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{})
			w.createFor(c, "s", "a=1", time.Hour)
			late := w.load(c, "s")
			r := w.load(other, "s")
			r.Deadline = time.Now().Add(time.Second)
			w.save(other, r)
			time.Sleep(after)
			w.missing(other, "s", ErrNotFound)
			late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(time.Hour)
			w.findsDestroyed(c, late)
			w.missing(other, "s", ErrNotFound)
		})
	}
}

// The earlier end is known from what others have stored, or from what the save itself has
// loaded: what it writes is kept until the latest end of all.
func TestTheLatestEndIsRemembered(t *testing.T) {
	for name, shorten := range map[string]func(w *world, c *Cluster){
		"by a new record": func(w *world, c *Cluster) { w.createFor(c, "s", "a=2", time.Second) },
		"and changed by one that knew the old end": func(w *world, c *Cluster) {
			knew, r := w.load(c, "s"), w.load(c, "s")
			r.Deadline = time.Now().Add(time.Second)
			w.save(c, r)
			w.change(w.cluster(Config{}), "s", "b", "1") // which has not heard of it
			knew.Attrs["c"], knew.Deadline = []byte("1"), r.Deadline
			w.save(c, knew)
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c, other := w.cluster(Config{}), w.cluster(Config{})
				w.createFor(c, "s", "a=1", time.Hour)
				late := w.load(c, "s")
				shorten(w, other)
				time.Sleep(10 * time.Minute)
				late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(time.Hour)
				w.findsDestroyed(c, late)
				w.missing(other, "s", ErrNotFound)
			})
		})
	}
}

// A tombstone lasts as long as its session could have lived. A request that found the session
// destroyed does not begin it anew when that time is over.
func TestASaveThatFoundItsSessionDestroyedNeverStoresIt(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{Lifetime: time.Minute}), w.cluster(Config{Lifetime: time.Minute})
		w.createFor(c, "s", "a=1", time.Minute)
		late := w.load(c, "s")
		w.delete(other, "s")
		late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(24*time.Hour)
		w.findsDestroyed(c, late)
		for _, n := range w.env.All() {
			n.Restart()
		}
		w.until(c, w.env.Node(0), StateUp)
		w.findsDestroyed(c, late)
		time.Sleep(25 * time.Hour)
		w.findsDestroyed(c, late)
		w.missing(other, "s", ErrNotFound)
	})
}

// The GC watermark that a save raises over its own removals must not lie above what others have
// written since its load.
func TestWatermarkOfALateSaveIsBelowChangesMadeSinceItsLoad(t *testing.T) {
	story(t, 3, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		w.createFor(b, "s", "user=1 x=1", 24*time.Hour)
		r := w.load(b, "s")
		delete(r.Attrs, "x") // a removal, for the late save to forget
		w.save(b, r)
		late := w.load(a, "s")
		time.Sleep(time.Second)
		w.change(b, "s", "x", "2")
		w.change(b, "s", "y", "1")
		time.Sleep(2 * time.Hour)
		late.Attrs["late"] = []byte("1")
		w.save(a, late)
		w.sees(b, "s", "user=1 x=2 y=1 late=1")
	})
}

// One-time tokens: every request adds a key and removes the one before.
func TestOneTimeKeysDoNotMakeASessionGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: thousands of requests")
	}
	for name, between := range map[string]func(w *world, c *Cluster, r *Record) *Record{
		"loaded each time": func(w *world, c *Cluster, r *Record) *Record { return w.load(c, "s") },
		"one record":       func(_ *world, _ *Cluster, r *Record) *Record { return r },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				const most = 256 // attribute tombstones that a record keeps
				c := w.cluster(Config{})
				w.createFor(c, "s", "user=1", 24*time.Hour)
				r := w.load(c, "s")
				nonce := func(i int) string { return "nonce:" + strings.Repeat("x", 37) + fmt.Sprintf("%06d", i) }
				for i := range 3 * most {
					r = between(w, c, r)
					delete(r.Attrs, nonce(i-1))
					r.Attrs[nonce(i)] = []byte("1")
					w.save(c, r)
				}
				b, _ := w.preference("s")[0].Get(record.KeyOf("s").Name(""))
				if len(b) > most*80 {
					t.Errorf("%d bytes", len(b))
				}
				kept := bytesOf(t, r.snap.base, "s", nil)
				if n := bytes.Count(kept, []byte("nonce:")) + 1; n > most+3 { // and the user
					t.Errorf("the record remembers %d attributes", n)
				}
				if got := w.load(c, "s"); string(got.Attrs["user"]) != "1" || len(got.Attrs) != 2 {
					t.Errorf("%d attributes", len(got.Attrs))
				}
			})
		})
	}
}

// held is a connection of a process that stands still for once before it sends a command of
// that verb. Nobody sees its deadlines pass.
type held struct {
	net.Conn
	verb  string
	still *atomic.Int64 // how long, in ns
}

func (c held) SetDeadline(time.Time) error { return nil }

func (c held) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), c.verb) {
		time.Sleep(time.Duration(c.still.Swap(0)))
	}
	return c.Conn.Write(b)
}

// A process has heard one node, or written to it, and stands still before it comes to the
// other. Meanwhile the first is restarted empty. When the process wakes, what it did there is
// gone, and its request must not end as if it were not.
func TestProcessThatStoodStillReadsAgain(t *testing.T) {
	for name, c := range map[string]struct {
		verb string
		do   func(w *world, c *Cluster, r *Record)
		left string // attributes; empty: none
	}{
		"load":                    {"gets ", func(w *world, c *Cluster, _ *Record) { w.load(c, "s") }, "a=1"},
		"save of what was loaded": {"cas ", func(w *world, c *Cluster, r *Record) { w.save(c, r) }, "a=2"},
		"save of a new record":    {"cas ", func(w *world, c *Cluster, _ *Record) { w.create(c, "s", "a=2") }, "a=2"},
		"delete":                  {"set ", func(w *world, c *Cluster, _ *Record) { w.delete(c, "s") }, ""},
	} {
		for i := range 4 { // with two nodes there is none behind the targets, which could remember a tombstone
			place, nodes := i%2, 2+i/2
			t.Run(fmt.Sprint(name, " ", place, " ", nodes), func(t *testing.T) {
				story(t, nodes, func(w *world) {
					var still atomic.Int64
					late, first := w.preference("s")[place], w.preference("s")[1-place]
					app := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
						nc, err := w.env.DialContext(ctx, network, addr)
						if addr == late.Addr() && err == nil {
							nc = held{nc, c.verb, &still}
						}
						return nc, err
					}})
					w.create(app, "s", "a=1")
					r := w.load(app, "s")
					r.Attrs["a"] = []byte("2")
					go func() {
						time.Sleep(2 * time.Second)
						first.Restart()
					}()
					still.Store(int64(5 * time.Second))
					c.do(w, app, r)
					if still.Load() != 0 {
						t.Fatal("it did not stand still")
					}
					if c.left != "" {
						w.holds(first, "s", c.left)
						w.holds(late, "s", c.left)
					} else if s := w.on(first, "s"); s == nil || !s.IsTombstone() {
						t.Errorf("%s holds %s, want a tombstone", first.ID(), show(s))
					}
				})
			})
		}
	}
}

// The clock of an instance is behind that of the one which saved last, and two of its requests
// loaded the session then. One gives it an earlier end; the other, much later, must not take that
// for its own write, also where the process has forgotten which timestamps it gave.
func TestTwoSavesFromOneSnapshotByASlowClockAreNotTakenForOne(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		story(t, 3, func(w *world) {
			ahead := w.cluster(Config{Now: func() time.Time { return time.Now().Add(10 * time.Minute) }})
			c := w.cluster(Config{})
			w.createFor(ahead, "s", "a=1", time.Hour)
			late, ends := w.load(c, "s"), w.load(c, "s")
			ends.Attrs["a"], ends.Deadline = []byte("2"), time.Now().Add(time.Minute)
			w.save(c, ends)
			if forgets {
				c.timestamps.last = recent[int64]{}
			}
			time.Sleep(2 * time.Minute)
			late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(time.Hour)
			w.findsDestroyed(c, late)
			w.missing(c, "s", ErrNotFound)
		})
	}
}
