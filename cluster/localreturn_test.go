package cluster

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what becomes of the sessions that nobody used while no node could be reached, when the nodes
// come back empty.

// emptied kills all nodes, and starts them again after that time.
func (w *world) emptied(down time.Duration) {
	w.all((*testenv.Node).Kill)
	time.Sleep(down)
	w.all((*testenv.Node).Restart)
}

func TestSessionsOfIdleUsersAreBackWithTheNodes(t *testing.T) {
	for name, down := range map[string]time.Duration{"at once": 0, "after a minute": time.Minute} {
		for _, nodes := range []int{2, 3} {
			t.Run(fmt.Sprint(name, " ", nodes), func(t *testing.T) {
				story(t, nodes, func(w *world) {
					app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(sticky(Local{Outage: outage}))
					for i := range 20 {
						w.create(app1, fmt.Sprint("s", i), fmt.Sprint("a=", i))
					}
					w.emptied(down)
					time.Sleep(time.Minute) // nobody asks
					w.written(app1)
					for i := range 20 {
						if r := w.sees(app2, fmt.Sprint("s", i), fmt.Sprint("a=", i)); r.Behind() {
							t.Error("behind")
						}
					}
					if app2.Stats().Unwritten != 0 {
						t.Errorf("%+v", app2.Stats())
					}
				})
			})
		}
	}
}

// Loads that come before the write-back are not told that there is no session, with a version or without.
func TestALoadBeforeTheWriteBackFindsTheSession(t *testing.T) {
	for range 6 { // it is chance which loads meet
		loadBeforeTheWriteBack(t)
	}
}

func loadBeforeTheWriteBack(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		const users = 100
		var versions [users]string
		for i := range versions {
			versions[i] = w.create(app1, fmt.Sprint("s", i), "a=1").Version()
		}
		time.Sleep(DefaultFresh + time.Second)
		w.emptied(0)
		w.far.Store(true) // so that the loads of one session are under way at once
		for i, v := range versions {
			if i%2 == 0 {
				v = ""
			}
			var tabs sync.WaitGroup
			for range 8 {
				tabs.Go(func() {
					r, err := app1.LoadVersion(w.Context(), fmt.Sprint("s", i), v)
					for isErr(err, ErrUnavailable) { // the nodes are not known to be back
						time.Sleep(time.Millisecond)
						r, err = app1.LoadVersion(w.Context(), fmt.Sprint("s", i), v)
					}
					if err != nil {
						w.Errorf("s%d: %v", i, err)
						return
					}
					w.same(r.Attrs, "a=1")
				})
				time.Sleep(latency / 4)
			}
			tabs.Wait()
			w.sees(app2, fmt.Sprint("s", i), "a=1")
		}
	})
}

// What an outage would not have shown is not brought back.
func TestWhatNoOutageWouldShowIsNotBroughtBack(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		w.create(app1, "old", "a=1")
		w.create(app1, "destroyed", "a=1")
		w.delete(app1, "destroyed")
		short := NewRecord("short")
		short.Deadline = time.Now().Add(outage/2 + time.Second)
		w.save(app1, short)
		time.Sleep(outage / 2)
		w.create(app1, "young", "a=1")
		w.all((*testenv.Node).Kill)
		time.Sleep(outage/2 + time.Second)
		w.all((*testenv.Node).Restart)
		time.Sleep(time.Minute)
		w.written(app1)
		w.sees(app2, "young", "a=1")
		for _, id := range []string{"old", "destroyed", "short"} {
			w.missing(app1, id, ErrNotFound)
			w.missing(app2, id, ErrNotFound)
		}
	})
}

// Homes that were out of reach, and have what they had, say whether there is a session.
func TestNodesThatRememberAreBelieved(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
		v := w.create(app1.Cluster, "s", "a=1").Version()
		for _, n := range w.env.All() { // as evicted
			n.Delete(record.KeyOf("s").Name(app1.cfg.KeyPrefix))
		}
		app1.cut()
		app1.mend()
		time.Sleep(time.Minute)
		if _, err := app1.LoadVersion(w.Context(), "s", v); !isErr(err, ErrNotFound) {
			w.Errorf("%v", err)
		}
		w.missing(app2, "s", ErrNotFound)
	})
}

// A logout through another instance holds where one home has kept it, and where nodes are emptied one after the other.
func TestALogoutElsewhereHoldsWhileANodeRemembersIt(t *testing.T) {
	for name, lose := range map[string]func(w *world, c *Cluster){
		"one home keeps its memory": func(w *world, _ *Cluster) {
			n := w.preference("s")
			n[1].Pause()
			n[0].Kill()
			time.Sleep(time.Minute)
			n[0].Restart()
			time.Sleep(time.Second)
			n[1].Resume()
		},
		"one after the other": func(w *world, c *Cluster) {
			for _, n := range w.env.All() {
				n.Kill()
				time.Sleep(time.Second)
				n.Restart()
				time.Sleep(10 * time.Second)
				w.whole(c)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
				w.create(app1, "s", "a=1")
				w.delete(app2, "s")
				lose(w, app1)
				time.Sleep(time.Minute)
				w.missing(app2, "s", ErrNotFound)
				w.missing(app1, "s", ErrNotFound)
			})
		})
	}
}

// Meanwhile somebody has gone on with the session: it is merged, and nothing is taken back.
func TestACopyThatIsBroughtBackIsMerged(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(sticky(Local{Outage: outage}))
		w.create(app1, "s", "a=1")
		r := w.load(app2, "s")
		w.emptied(0)
		r.Attrs["a"] = []byte("2")
		w.save(app2, r)
		time.Sleep(time.Minute)
		w.written(app1)
		w.sees(app1, "s", "a=2")
		w.sees(app2, "s", "a=2")
	})
}

// Copies that wait for the nodes take no room from others, and are dropped where there is none.
func TestCopiesThatAreBroughtBackTakeNoRoomFromOthers(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{Sessions: 2, Outage: outage}))
		w.create(c, "s", "a=1")
		w.create(c, "t", "a=1")
		w.allDown(c)
		for key, lc := range c.local.copies { // as after a return that was none
			c.local.mark(key, lc.at)
		}
		if s := c.Stats(); s.Unwritten != 2 || c.local.pinned != 0 {
			w.Errorf("%+v", s)
		}
		w.save(c, NewRecord("u"))
		w.save(c, NewRecord("v"))
		if s := c.Stats(); s.LocalCopies != 2 || s.Unwritten != 2 {
			w.Errorf("%+v", s)
		}
		w.all((*testenv.Node).Restart)
		w.written(c)
		time.Sleep(time.Minute)
		if s := c.Stats(); s.Unwritten != 0 || c.local.marked != 0 || c.local.pinned != 0 {
			w.Errorf("%+v", s)
		}
		w.sees(c, "u", "")
	})
}

// An owner's epoch that this process has read ends a session that its copy would show.
func TestASessionThatItsOwnerHasEndedIsNotBroughtBack(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		for _, id := range []string{"s", "t"} {
			r := NewRecord(id)
			r.SetOwner("ann", "")
			w.save(c, r)
		}
		if _, err := other.DestroyAll(context.Background(), "ann", "t"); err != nil {
			w.Fatal(err)
		}
		time.Sleep(DefaultOwnerCheck + time.Second)
		w.sees(c, "t", "") // its owner's record is read
		w.emptied(time.Second)
		time.Sleep(time.Minute)
		w.missing(c, "s", ErrNotFound)
		w.sees(c, "t", "")
	})
}
