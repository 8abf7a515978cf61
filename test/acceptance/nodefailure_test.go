package acceptance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells what users see while nodes die, hang, and come back.

func TestPrimaryIsKilled(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		w.preferred(u.id(app1))[0].Kill()
		u.is("ann", app1, app1, app2, app1, app2)
		u.set(app2, "a", "1")
		u.finds(app1, "a", "1")
	})
}

func TestBothHoldersAreKilledWithARequestInBetween(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.id(app1)
		nodes := w.preferred(id)
		nodes[0].Kill()
		u.is("ann", app1)
		nodes[1].Kill()
		u.is("ann", app1, app2, app1)
		u.set(app2, "a", "1")
		u.finds(app1, "a", "1")
	})
}

func TestAllNodesDieInTurnWithARequestInBetween(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		visited := []*app{app1, app2}
		for i, node := range append(w.preferred(u.id(app1)), w.env.All()...) {
			node.Kill()
			u.is("ann", visited[i%2])
			node.Restart()
			isUp(t, app1, app2)
		}
		u.is("ann", app1, app2)
	})
}

func TestOnlyAStandbyNodeIsUp(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		w.nodes[2].Standby = true
		app1, app2 := w.pair(options{})
		before := w.newUser()
		before.logIn(app1, "bob")
		regular, standby := w.env.All()[:2], w.env.All()[2]
		regular[0].Kill()
		before.is("bob", app1) // the request that lets the session survive the second death
		regular[1].Kill()

		u := w.newUser()
		u.is("nobody", app2)
		u.logIn(app1, "ann")
		u.set(app2, "a", "1")
		u.finds(app1, "a", "1")
		u.is("ann", app2, app1)
		before.is("bob", app2, app1)
		id := u.id(app1)
		if got := w.holders(id); len(got) != 1 || got[0] != standby {
			t.Fatalf("the session is held by %d nodes, want the standby alone", len(got))
		}

		for _, n := range regular {
			n.Restart()
		}
		isUp(t, app1, app2)
		u.is("ann", app2)
		before.is("bob", app1)
		for _, n := range regular {
			if _, held := n.Get(w.key(id)); !held {
				t.Errorf("the session has not moved back to %s", n.ID())
			}
		}
		standby.Kill()
		u.finds(app1, "a", "1")
		u.is("ann", app1, app2)
		before.is("bob", app2)
	})
}

// An outage must not look like "no session": the handler would write to an empty one,
// the user would get a new cookie, and be logged out for good.
func TestOutageIsAnErrorAndNoLogout(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{config: func(c *cluster.Config) { c.Timeout = short / 4 }})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		for _, n := range w.env.All() {
			n.Pause()
		}
		for _, a := range []*app{app1, app2, app1, app2} {
			for _, path := range []string{"/whoami", "/set", "/login", "/logout"} {
				r := u.ask(a, path, "key", "a", "value", "2", "user", "eve")
				if r.status != http.StatusServiceUnavailable {
					t.Errorf("%s during the outage: %v", path, r)
				}
				if c := r.cookie(d.cookie); c != nil {
					t.Errorf("%s during the outage sets the cookie %v", path, c)
				}
			}
		}
		for _, n := range w.env.All() {
			n.Resume()
		}
		isUp(t, app1, app2)
		u.is("ann", app1, app2)
	})
}

func TestOutageByRefusedConnections(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		for _, n := range w.env.All() {
			n.Kill()
		}
		for _, a := range []*app{app1, app2} {
			for _, path := range []string{"/whoami", "/set", "/logout"} {
				if r := u.ask(a, path, "key", "a", "value", "2"); r.status != http.StatusServiceUnavailable || r.cookie(d.cookie) != nil {
					t.Errorf("%s during the outage: %v", path, r)
				}
			}
			// Who has no session needs none to be told so.
			w.newUser().is("nobody", a)
		}
		for _, n := range w.env.All() {
			n.Restart()
		}
		isUp(t, app1, app2)
		u.is("nobody", app1, app2) // now it is known to be lost
		u.logIn(app2, "ann")
		u.is("ann", app1)
	})
}

func TestPrimaryRestartsEmptyBetweenTwoRequests(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.id(app1)
		nodes := w.preferred(id)
		nodes[0].Restart()
		u.is("ann", app1)
		primary, held := nodes[0].Get(w.key(id))
		backup, _ := nodes[1].Get(w.key(id))
		if !held || string(primary) != string(backup) {
			t.Fatalf("after the read the primary holds a copy: %v, the same as the backup: %v", held, string(primary) == string(backup))
		}
		nodes[1].Kill()
		u.is("ann", app2, app1)
	})
}

func TestChangeWhileTheBackupIsDownOutlivesThePrimary(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "old")
		nodes := w.preferred(u.id(app1))
		nodes[1].Kill()
		u.set(app1, "a", "new")
		nodes[0].Kill()
		u.finds(app2, "a", "new")
		u.finds(app1, "a", "new")
		u.is("ann", app1, app2)
	})
}

func TestHungNodeReturnsWithOldMemory(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.start(impatient), w.start(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "old")
		u.set(app1, "removed", "not yet")
		for i, value := range []string{"1", "2"} {
			hung := w.preferred(u.id(app1))[i]
			hung.Pause()
			u.set(app1, "a", value)
			u.do(app1, "/remove", "key", "removed")
			hung.Resume()
			for _, a := range []*app{app2, app1} {
				u.finds(a, "a", value)
				u.finds(a, "removed", "")
			}
			isUp(t, app1, app2)
			u.set(app2, "removed", "not yet")
		}
		u.is("ann", app1, app2)
	})
}

func TestLogoutWhileANodeHangsIsFinal(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		for name, hang := range map[string]int{"primary": 0, "backup": 1} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, d, 3)
				app1, app2 := w.start(impatient), w.start(options{})
				u := w.newUser()
				u.logIn(app1, "ann")
				u.is("ann", app2)
				stolen := w.newUser()
				stolen.present(d.cookie, u.cookie(d.cookie))
				nodes := w.preferred(u.id(app1))
				hung, other := nodes[hang], nodes[1-hang]
				hung.Pause()
				u.do(app1, "/logout")
				hung.Resume()
				other.Restart()
				stolen.is("nobody", app2, app1)
				stolen.sees(app2, "new", "/status")
				isUp(t, app1, app2)
				again := w.newUser()
				again.present(d.cookie, stolen.cookie(d.cookie))
				again.is("nobody", app1, app2)
			})
		}
	})
}

// Every connection of a pool breaks when its node restarts. None of them may cost a
// request.
func TestNodeRestartsUnderPooledConnections(t *testing.T) {
	const users = 32
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 2)
		wire := &tap{}
		a := w.start(options{config: func(c *cluster.Config) {
			c.Timeout = limit // a node that is stopped for a moment is not hung
			c.DialContext = wire.over(c.DialContext)
		}})
		node := w.env.Node(0)
		round := func(name, value string, meanwhile func()) {
			t.Helper()
			g := a.newGate(name)
			replies := make(chan reply, users)
			for _, u := range w.crowd[:users] {
				go func() { replies <- u.ask(a, "/set", "key", "a", "value", value, "gate", name) }()
			}
			for range users {
				<-g.arrived
			}
			meanwhile()
			for range users {
				if r := <-replies; !r.ok() {
					t.Fatalf("a request failed: %v", r)
				}
			}
		}
		for range users {
			u := w.newUser()
			u.logIn(a, "ann")
			w.crowd = append(w.crowd, u)
		}
		large := strings.Repeat("1", 17<<10) // small ones would share a connection
		round("fill the pool", large, func() {
			node.Pause()
			close(a.gates["fill the pool"].release)
			eventually(t, "each save has a connection of its own", func() bool { return wire.open(node.Addr()) >= users })
			node.Resume()
		})
		node.Restart()
		round("use it", large+"2", func() { close(a.gates["use it"].release) })
		for _, u := range w.crowd {
			u.finds(a, "a", large+"2")
			u.is("ann", a)
		}
		round("share", "3", func() { node.Restart(); close(a.gates["share"].release) })
		for _, u := range w.crowd {
			u.finds(a, "a", "3")
		}
		// A poll of the markers may come while no server listens.
		if s := a.cluster.Nodes()[0]; s.State != cluster.StateUp || s.Errors != 0 && !strings.Contains(s.LastError, "connection refused") {
			t.Errorf("the node that restarted is %v after %d errors, the last of them: %s", s.State, s.Errors, s.LastError)
		}
	})
}

func TestEvictedCopiesAreMadeAgain(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.id(app1)
		for range 4 {
			for _, n := range w.preferred(id)[:2] {
				evict(t, n, w.key(id))
				u.is("ann", app2)
				w.isHome(id)
			}
			u.set(app1, "a", "1")
		}
		// Evicted between a request's load and its save.
		g := app1.newGate("slow")
		slow := u.begin(t.Context(), g, app1, "/set", "key", "b", "value", "2", "gate", "slow")
		evict(t, w.preferred(id)[0], w.key(id))
		close(g.release)
		if r := <-slow; !r.ok() {
			t.Fatal(r)
		}
		u.finds(app2, "a", "1")
		u.finds(app2, "b", "2")
		w.isHome(id)
	})
}

func evict(t *testing.T, n *testenv.Node, key string) {
	t.Helper()
	if !n.Delete(key) {
		t.Fatalf("%s held no copy to evict", n.ID())
	}
}
