package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what an instance does with its local copies while no node can be reached, and what
// becomes of that.

const outage = 10 * time.Minute

func (w *world) all(do func(*testenv.Node)) {
	for _, n := range w.env.All() {
		do(n)
	}
}

// allDown kills all nodes, and waits until the cluster knows.
func (w *world) allDown(c *Cluster) {
	w.all((*testenv.Node).Kill)
	for _, n := range w.env.All() {
		for stateOf(c, n) != StateDown {
			_ = c.Ping(context.Background())
			time.Sleep(time.Millisecond)
		}
	}
}

// All nodes die. Users go on, and find everything when the nodes return empty, on another instance
// too.
func TestUsersGoOnWithoutANode(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		story(t, nodes, func(w *world) {
			app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(sticky(Local{Outage: outage}))
			v := w.create(app1, "s", "n=0").Version()
			reads := w.create(app1, "reads", "a=1").Version()
			w.allDown(app1)
			for i := range 100 {
				time.Sleep(outage / 110)
				r := w.brings(app1, "s", v, fmt.Sprint("n=", i))
				r.Attrs["n"] = []byte(fmt.Sprint(i + 1))
				r.Deadline = time.Now().Add(time.Hour)
				w.save(app1, r)
				v = r.Version()
				w.brings(app1, "reads", reads, "a=1")
				if _, err := app2.LoadVersion(w.Context(), "s", v); !isErr(err, ErrUnavailable) {
					w.Errorf("another instance: %v", err)
				}
			}
			fresh := NewRecord("new") // a session that begins in the outage
			fresh.Attrs["b"] = []byte("2")
			w.save(app1, fresh)
			w.all((*testenv.Node).Restart)
			for range 2000 { // from the first moment on
				r, err := app1.LoadVersion(w.Context(), "s", v)
				if err != nil {
					w.Fatalf("while the nodes return: %v", err)
				}
				w.same(r.Attrs, "n=100")
				if _, err := app1.LoadVersion(w.Context(), "reads", reads); err != nil {
					w.Fatalf("while the nodes return: %v", err)
				}
				time.Sleep(time.Millisecond)
			}
			w.written(app1)
			for id, attrs := range map[string]string{"s": "n=100", "reads": "a=1", "new": "b=2"} {
				if r := w.sees(app2, id, attrs); r.Behind() {
					w.Errorf("%s is behind", id)
				}
				for _, n := range w.preference(id)[:2] {
					w.holds(n, id, attrs)
				}
			}
			if r := w.brings(app2, "s", v, "n=100"); r.Behind() || app2.Stats().Behind != 0 {
				w.Error("what was written counts as lost")
			}
		})
	}
}

func TestAnOutageIsAnErrorWithoutOutage(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{WriteBehind: true}))
		v := w.create(c, "s", "a=1").Version()
		w.allDown(c)
		time.Sleep(DefaultFresh)
		if r, err := c.LoadVersion(w.Context(), "s", v); !isErr(err, ErrUnavailable) {
			w.Errorf("%v, %v", r, err)
		}
	})
}

func TestAnOutageIsServedForAsLongAsItMay(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{Outage: outage}))
		r := w.create(c, "s", "a=1")
		last := w.load(c, "s")
		w.allDown(c)
		time.Sleep(outage - time.Second)
		w.brings(c, "s", r.Version(), "a=1")
		time.Sleep(time.Second)
		if _, err := c.LoadVersion(w.Context(), "s", r.Version()); !isErr(err, ErrUnavailable) {
			w.Errorf("load: %v", err)
		}
		last.Attrs["a"] = []byte("2")
		if err := c.Save(w.Context(), last); !isErr(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		if err := c.Delete(w.Context(), "s"); !isErr(err, ErrUnavailable) {
			w.Errorf("delete: %v", err)
		}
		if _, err := c.LoadVersion(w.Context(), "s", ""); !isErr(err, ErrUnavailable) {
			w.Errorf("without a version: %v", err)
		}
	})
}

func TestALogoutInAnOutageHoldsHereAndThenEverywhere(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		v := w.create(app1, "s", "a=1").Version()
		underWay := w.load(app1, "s")
		w.all((*testenv.Node).Pause)
		for _, n := range w.env.All() {
			for stateOf(app1, n) != StateDown {
				_ = app1.Ping(context.Background())
				time.Sleep(time.Millisecond)
			}
		}
		w.brings(app1, "s", v, "a=1")
		w.delete(app1, "s")
		if _, err := app1.LoadVersion(w.Context(), "s", v); !isErr(err, ErrNotFound) {
			w.Errorf("here: %v", err)
		}
		underWay.Attrs["a"] = []byte("2")
		if err := app1.Save(w.Context(), underWay); !isErr(err, ErrDestroyed) {
			w.Errorf("a save after the logout: %v", err)
		}
		w.all((*testenv.Node).Resume) // with the session in their memory
		w.written(app1)
		w.missing(app2, "s", ErrNotFound)
		w.missing(app1, "s", ErrNotFound)
	})
}

// One instance is cut off from the nodes, and another one is not. What both change is merged, and no
// client sees less than it has seen.
func TestWhatOthersChangeInAnOutageIsMerged(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
		w.create(app2, "s", "a=0 b=0")
		w.load(app1.Cluster, "s")
		app1.cut()
		v := w.load(app2, "s").Version()
		here := w.brings(app1.Cluster, "s", v, "a=0 b=0")
		here.Attrs["a"] = []byte("1")
		w.save(app1.Cluster, here)
		time.Sleep(time.Second)
		there := w.load(app2, "s")
		there.Attrs["b"] = []byte("1")
		w.save(app2, there)
		if _, err := app1.LoadVersion(w.Context(), "s", there.Version()); !isErr(err, ErrUnavailable) {
			w.Errorf("a client that has seen more: %v", err)
		}
		if r, err := app2.LoadVersion(w.Context(), "s", here.Version()); err != nil || !r.Behind() {
			w.Errorf("a client that has seen what is not there: %v, %v", r.Attrs, err)
		}
		app1.mend()
		w.brings(app1.Cluster, "s", here.Version(), "a=1 b=1")
		w.brings(app1.Cluster, "s", there.Version(), "a=1 b=1")
		if r := w.brings(app2, "s", here.Version(), "a=1 b=1"); r.Behind() {
			w.Error("what was written counts as lost")
		}
	})
}

// Meanwhile another instance has destroyed the session, or has given it an end that has passed: what was
// done here does not bring it back.
func TestWhatWasDoneInAnOutageRevivesNothing(t *testing.T) {
	for name, end := range map[string]func(w *world, c *Cluster){
		"destroyed": func(w *world, c *Cluster) { w.delete(c, "s") },
		"ended": func(w *world, c *Cluster) {
			r := w.load(c, "s")
			r.Deadline = time.Now().Add(time.Second)
			w.save(c, r)
			time.Sleep(2 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
				w.create(app2, "s", "a=0")
				r := w.load(app1.Cluster, "s")
				app1.cut()
				end(w, app2)
				r.Attrs["a"] = []byte("1")
				r.Deadline = time.Now().Add(time.Hour)
				w.save(app1.Cluster, r)
				app1.mend()
				w.written(app1.Cluster)
				w.missing(app2, "s", ErrNotFound)
				if _, err := app1.LoadVersion(w.Context(), "s", r.Version()); !isErr(err, ErrNotFound) {
					w.Errorf("here: %v", err)
				}
			})
		})
	}
}

// The session's end on the nodes passes in the outage; the user has moved it here. It lives.
func TestASessionThatWasExtendedInAnOutageLives(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		r := NewRecord("s")
		r.Deadline = time.Now().Add(time.Minute)
		w.save(app1, r)
		w.all((*testenv.Node).Pause)
		for range 5 {
			time.Sleep(30 * time.Second)
			r.Deadline = time.Now().Add(time.Minute)
			w.save(app1, r)
		}
		w.all((*testenv.Node).Resume)
		w.written(app1)
		w.sees(app2, "s", "")
	})
}

func TestAFullProcessSaysSoInAnOutage(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{Sessions: 2, Outage: outage}))
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		w.allDown(c)
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.save(c, NewRecord("t"))
		err := c.Save(w.Context(), NewRecord("u"))
		if !isErr(err, ErrUnavailable) || !strings.Contains(err.Error(), "raise Local.Bytes or Local.Sessions") {
			w.Errorf("a third session: %v", err)
		}
		w.brings(c, "s", r.Version(), "a=2")
		w.save(c, r) // those that are here go on
	})
}

// A save that has no room beside what is pending takes none from the copies of users who only look.
func TestASaveWithoutRoomTakesNoneFromOthersInAnOutage(t *testing.T) {
	story(t, 2, func(w *world) {
		const most = 64 << 10
		c := w.cluster(sticky(Local{Bytes: most, Outage: outage}))
		looks := w.create(c, "looks", "a=1").Version()
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		w.allDown(c)
		r.Attrs["a"] = make([]byte, most*3/4)
		w.save(c, r)
		large := NewRecord("large")
		large.Attrs["a"] = make([]byte, most/2)
		if err := c.Save(w.Context(), large); !isErr(err, ErrUnavailable) {
			w.Errorf("a session that has no room: %v", err)
		}
		w.brings(c, "looks", looks, "a=1")
		w.all((*testenv.Node).Restart)
		w.whole(c)
		for range 5000 {
			if _, _, unwritten := c.local.count(); unwritten == 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if c.local.pinned != 0 {
			w.Errorf("%d bytes are pinned when all is written", c.local.pinned)
		}
	})
}

func TestCloseWritesWhatIsPendingAndSaysWhatItCouldNot(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
		other := w.behindItsWire(sticky(Local{Outage: outage}))
		w.create(app2, "s", "a=0")
		w.create(app2, "t", "b=0")
		s, tt := w.load(app1.Cluster, "s"), w.load(other.Cluster, "t")
		app1.cut()
		other.cut()
		s.Attrs["a"], tt.Attrs["b"] = []byte("1"), []byte("1")
		w.save(app1.Cluster, s)
		w.save(other.Cluster, tt)
		app1.wire.HealAll()
		if err := app1.Close(); err != nil {
			w.Errorf("the nodes are there: %v", err)
		}
		w.sees(app2, "s", "a=1")
		if err := other.Close(); !isErr(err, ErrUnavailable) || !strings.Contains(err.Error(), "1 session") {
			w.Errorf("the nodes are gone: %v", err)
		}
		if r := w.brings(app2, "t", tt.Version(), "b=0"); !r.Behind() {
			w.Error("nobody is told what was lost")
		}
	})
}

// The copies of sessions that are pending are dropped when the sessions have ended.
func TestNothingIsPendingForEver(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{Outage: outage}))
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		w.allDown(c)
		r.Attrs["a"], r.Deadline = []byte("2"), time.Now().Add(time.Hour)
		w.save(c, r)
		time.Sleep(time.Hour + 2*time.Second)
		if s := c.Stats(); s.Unwritten != 0 || s.LocalCopies != 0 || s.LocalBytes != 0 {
			w.Errorf("%+v", s)
		}
	})
}

// linesOfLocal are written once at Close, and once for a session whose changes are dropped.
var linesOfLocal = []string{"closed with changes that no node has taken", "changes that were pending are too large for the nodes"}

// A session that was shown in an outage may be on no node afterwards. Its copy leaves its room to no session that
// begins meanwhile.
func TestASessionThatWasShownInAnOutageKeepsItsRoom(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{Sessions: 2, Outage: outage})), w.cluster(Config{})
		v := w.create(c, "s", "a=1").Version()
		w.allDown(c)
		time.Sleep(DefaultFresh + time.Second)
		w.brings(c, "s", v, "a=1")
		w.save(c, NewRecord("new"))
		if err := c.Save(w.Context(), NewRecord("too much")); !isErr(err, ErrUnavailable) {
			w.Errorf("a session without room: %v", err)
		}
		w.all((*testenv.Node).Restart)
		w.written(c)
		w.sees(other, "s", "a=1")
	})
}
