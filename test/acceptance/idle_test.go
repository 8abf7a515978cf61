package acceptance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what users see who were away while nodes were restarted, drained and replaced: no
// request touches their sessions meanwhile.

// quick makes an instance whose nodes become whole soon.
var quick = options{config: func(c *cluster.Config) { c.Timeout, c.TransitionFor = short/2, 5*time.Second }}

// away logs users in who then do nothing.
func (w *world) away(n int, a *app) {
	w.t.Helper()
	for i := range n {
		u := w.newUser()
		u.logIn(a, fmt.Sprint("idle", i))
		w.crowd = append(w.crowd, u)
	}
}

// allAreBack demands that all of them are still logged in.
func (w *world) allAreBack(a *app) {
	w.t.Helper()
	for i, u := range w.crowd {
		u.is(fmt.Sprint("idle", i), a)
	}
}

// whole waits until every node is whole, as an operator does before the next step.
func (a *app) whole(w *world) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.cluster.WaitWhole(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func TestIdleUsersOutliveARestartOfEveryNode(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		w.away(20, app1)
		app1.whole(w)
		for i, n := range w.env.All() {
			n.Restart()
			if i == 1 { // the one that may be healing ends
				if err := app1.cluster.Close(); err != nil {
					t.Error(err)
				}
			}
			app2.whole(w)
		}
		w.allAreBack(app2)
	})
}

func TestWhatAnIdleUserDidWhileANodeHungHolds(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		u, out := w.newUser(), w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		out.logIn(app1, "bob")
		app1.whole(w)
		old := out.cookie(d.cookie)
		nodes := w.preferred(u.id(app1))
		nodes[0].Pause()
		u.set(app1, "a", "2")
		out.do(app1, "/logout")
		nodes[0].Resume()
		app2.whole(w)
		nodes[1].Kill()
		u.finds(app2, "a", "2")
		thief := w.newUser()
		thief.present(d.cookie, old)
		thief.is("nobody", app2)
	})
}

func TestADrainedNodeIsStoppedAndAnotherFails(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		w.away(20, app1)
		app1.whole(w)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		n1, n2 := w.env.Node(0), w.env.Node(1)
		if err := app1.cluster.Drain(ctx, n1.ID()); err != nil {
			t.Fatal(err)
		}
		n1.Kill()
		n2.Kill()
		w.allAreBack(app2)
		n1.Restart()
		n2.Restart()
		if err := app1.cluster.Undrain(ctx, n1.ID()); err != nil {
			t.Error(err)
		}
		app2.whole(w)
		w.env.Node(2).Kill()
		w.allAreBack(app2)
	})
}

func TestAllNodesAreReplacedUnderRunningInstances(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		w.away(10, app1)
		busy, out := w.newUser(), w.newUser()
		busy.logIn(app1, "ann")
		out.logIn(app1, "bob")
		old := out.cookie(d.cookie)
		app1.whole(w)
		var next []cluster.Node
		for range 3 {
			n := w.env.Add()
			next = append(next, cluster.Node{ID: n.ID(), Addr: n.Addr()})
		}
		step := func(v string) {
			busy.set(app1, "a", v)
			busy.finds(app2, "a", v)
			busy.set(app2, "b", v)
			busy.finds(app1, "b", v)
		}
		for i, a := range []*app{app1, app2} {
			if err := a.cluster.SetNodes(next); err != nil {
				t.Fatal(err)
			}
			step(fmt.Sprint(i))
		}
		out.do(app2, "/logout")
		app1.whole(w)
		app2.whole(w)
		for _, a := range []*app{app1, app2} {
			eventually(t, "the former list is out of force", func() bool { return len(a.cluster.Nodes()) == 3 })
		}
		for _, n := range w.env.All()[:3] {
			n.Kill()
		}
		step("last")
		w.allAreBack(app1)
		w.allAreBack(app2)
		thief := w.newUser()
		thief.present(d.cookie, old)
		thief.is("nobody", app1)
	})
}

// Both nodes of a zone are killed at once. Idle and busy users keep what they have, and so does who comes
// by, or logs out, while the other zone is alone; the zone comes back empty, and the other one is lost.
func TestAZoneIsLost(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 4)
		for i := range w.nodes {
			w.nodes[i].Zone = []string{"a", "b"}[i%2]
		}
		app1, app2 := w.pair(quick)
		w.away(20, app1)
		busy, out := w.newUser(), w.newUser()
		busy.logIn(app1, "ann")
		out.logIn(app2, "bob")
		old := out.cookie(d.cookie)
		step := func(v string) {
			busy.set(app1, "a", v)
			busy.finds(app2, "a", v)
			busy.set(app2, "b", v)
			busy.finds(app1, "b", v)
		}
		step("both zones")
		for lost, zone := range [][]int{{1, 3}, {0, 2}} {
			for _, i := range zone {
				w.env.Node(i).Kill()
			}
			step(fmt.Sprint("zone ", lost))
			if lost == 0 {
				out.do(app1, "/logout")
			}
			w.allAreBack(app2)
			thief := w.newUser()
			thief.present(d.cookie, old)
			thief.is("nobody", app2)
			for _, i := range zone {
				w.env.Node(i).Restart()
			}
			app1.whole(w)
		}
		step("both again")
		w.allAreBack(app1)
	})
}
