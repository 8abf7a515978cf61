package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells what users see whom a load balancer sends to the same instance again and again:
// instances keep local copies of their sessions (docs/sticky.md).

// sticky makes instances with local copies.
func sticky(l cluster.Local, edit ...func(*cluster.Config)) options {
	if l.Bytes == 0 {
		l.Sessions = 1000
	}
	return options{sticky: true, config: func(c *cluster.Config) {
		c.Local, c.Timeout = l, short/2
		for _, e := range edit {
			e(c)
		}
	}}
}

// fresh is longer than any test.
const fresh = time.Hour

func TestRequestsThatStayAreReadWithoutANode(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(sticky(cluster.Local{Fresh: fresh}))
		u := w.newUser()
		u.logIn(app1, "ann")
		before := app1.cluster.Stats()
		for range 20 {
			u.is("ann", app1)
		}
		after := app1.cluster.Stats()
		if loads, local := after.Loads-before.Loads, after.LocalHits-before.LocalHits; loads != 20 || local != loads {
			t.Errorf("%d of %d loads asked no node", local, loads)
		}
		// The balancer goes to and fro: no one sees less than he has seen, and each write reaches the nodes.
		for i := range 20 {
			u.sees([]*app{app1, app2}[i%2], fmt.Sprint(i+1), "/increment", "key", "n")
			u.sees([]*app{app1, app2}[i/2%2], fmt.Sprint(i+1), "/count", "key", "n")
		}
		plain := w.start(options{}) // without local copies
		u.sees(plain, "20", "/count", "key", "n")
		for _, a := range []*app{app1, app2} {
			if s := a.cluster.Stats(); s.Behind != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestUsersOutliveAllNodes(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(sticky(cluster.Local{Outage: 10 * time.Minute}))
		ann, bob, eve := w.newUser(), w.newUser(), w.newUser()
		ann.logIn(app1, "ann")
		bob.logIn(app1, "bob")
		eve.logIn(app1, "eve")
		var idle []*user // who do nothing in the outage
		for i := range 6 {
			u := w.newUser()
			u.logIn(app1, fmt.Sprint("idle", i))
			idle = append(idle, u)
		}
		for _, n := range w.env.All() {
			n.Kill()
		}
		for i := range 10 {
			ann.sees(app1, fmt.Sprint(i+1), "/increment", "key", "n")
			bob.is("bob", app1)
		}
		if r := ann.ask(app2, "/whoami"); r.status != 503 {
			t.Errorf("another instance: %v", r)
		}
		eve.sees(app1, "goodbye", "/logout")
		eve.is("nobody", app1)
		bob.logIn(app1, "robert") // under a new id
		for _, n := range w.env.All() {
			n.Restart()
		}
		ann.is("ann", app1) // while the nodes are not known to be back
		bob.is("robert", app1)
		eve.is("nobody", app1)
		idle[0].is("idle0", app1)
		eventually(t, "everything is written", func() bool { return app1.cluster.Stats().Unwritten == 0 })
		eventually(t, "everything is on the nodes", func() bool { return app1.cluster.Stats().Unwritten == 0 && onTwoNodes(w) >= 2+len(idle) })
		ann.sees(app2, "10", "/count", "key", "n")
		bob.is("robert", app2)
		for i, u := range idle {
			u.is(fmt.Sprint("idle", i), app2)
			u.is(fmt.Sprint("idle", i), app1)
		}
		eve.is("nobody", app2)
		if s := app2.cluster.Stats(); s.Behind != 0 {
			t.Errorf("what was written counts as lost: %+v", s)
		}
	})
}

// onTwoNodes is how many keys lie on two nodes.
func onTwoNodes(w *world) (n int) {
	on := map[string]int{}
	for _, node := range w.env.All() {
		for _, key := range node.Keys() {
			if !strings.HasSuffix(key, "holdfast.node") {
				on[key]++
			}
		}
	}
	for _, times := range on {
		if times >= 2 {
			n++
		}
	}
	return n
}

// A logout in the outage holds where the nodes come back with the session in their memory, too.
func TestALogoutInAnOutageHolds(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(sticky(cluster.Local{Outage: 10 * time.Minute}))
		u, thief := w.newUser(), w.newUser()
		u.logIn(app1, "ann")
		for name, value := range u.cookies {
			thief.cookies[name] = value
		}
		for _, n := range w.env.All() {
			n.Pause()
		}
		u.is("ann", app1)
		u.sees(app1, "goodbye", "/logout")
		thief.is("nobody", app1)
		for _, n := range w.env.All() {
			n.Resume()
		}
		eventually(t, "the logout is written", func() bool { return app1.cluster.Stats().Unwritten == 0 })
		thief.is("nobody", app1)
		thief.is("nobody", app2)
	})
}

func TestWhatAnInstanceTakesWithItIsSeen(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		for _, behind := range []bool{true, false} {
			w := newWorld(t, d, 3)
			wire := testenv.NewWire(w.env.DialContext)
			app1 := w.start(sticky(cluster.Local{Fresh: fresh, WriteBehind: behind}, func(c *cluster.Config) { c.DialContext = wire.DialContext }))
			app2 := w.start(sticky(cluster.Local{Fresh: fresh, WriteBehind: behind}))
			t.Cleanup(func() { _ = wire.Close() })
			u := w.newUser()
			u.logIn(app1, "ann")
			u.sees(app1, "set", "/set", "key", "cart", "value", "one")
			eventually(t, "it is written", func() bool { return app1.cluster.Stats().Unwritten == 0 })
			for _, n := range w.env.All() {
				wire.Refuse(n.Addr())
				wire.Reset(n.Addr())
			}
			if r := u.ask(app1, "/set", "key", "cart", "value", "two"); r.ok() != behind {
				t.Errorf("write-behind %v: %v", behind, r)
			}
			u.sees(app2, "one", "/get", "key", "cart") // app1 is gone
			want := uint64(0)
			if behind {
				want = 1
			}
			if got := app2.cluster.Stats().Behind; got != want {
				t.Errorf("write-behind %v: behind %d times", behind, got)
			}
			u.sees(app2, "set", "/set", "key", "cart", "value", "three")
			wire.HealAll()
			eventually(t, "what was pending is written", func() bool { return app1.cluster.Stats().Unwritten == 0 })
		}
	})
}

func TestAVersionThatIsNoneIsANormalLoad(t *testing.T) {
	each(t, []driver{scsDriver, scsGobDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1 := w.start(sticky(cluster.Local{Fresh: fresh}))
		u, other := w.newUser(), w.newUser()
		u.logIn(app1, "ann")
		other.logIn(app1, "bob")
		name := d.cookie + "_v"
		own := u.cookies[name]
		if len(own) != 16 {
			t.Fatalf("the version is %q", own)
		}
		for _, v := range []string{"", "AAAAAAAAAAAAAAAA", "________________", own + own, other.cookies[name], "%", own[:15]} {
			u.cookies[name] = v
			before := app1.cluster.Stats()
			u.is("ann", app1)
			if s := app1.cluster.Stats(); s.LocalHits != before.LocalHits || s.Behind != before.Behind {
				t.Errorf("with %q: %+v", v, s)
			}
			if u.cookies[name] != own {
				t.Errorf("after %q the client has %q", v, u.cookies[name])
			}
		}
		u.is("ann", app1)
		if app1.cluster.Stats().LocalHits == 0 {
			t.Error("the right version is not believed")
		}
	})
}

func TestALogoutElsewhereIsNoticedWithinFresh(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(sticky(cluster.Local{Fresh: short / 4}))
		u, tab := w.newUser(), w.newUser()
		u.logIn(app1, "ann")
		for name, value := range u.cookies {
			tab.cookies[name] = value
		}
		u.sees(app2, "goodbye", "/logout")
		eventually(t, "app1 knows of the logout", func() bool { return tab.do(app1, "/whoami") == "nobody" })
	})
}

func TestAFloodOfSessionsStaysWithinItsBytes(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 2)
		const most = 32 << 10
		app1 := w.start(sticky(cluster.Local{Bytes: most, Fresh: fresh, Outage: time.Minute, WriteBehind: true}))
		for i := range 100 {
			w.newUser().logIn(app1, fmt.Sprint("user", i))
			if s := app1.cluster.Stats(); s.LocalBytes > most {
				t.Fatalf("%d bytes after %d users", s.LocalBytes, i)
			}
		}
		if s := app1.cluster.Stats(); s.LocalCopies == 0 {
			t.Error("there are no copies")
		}
	})
}
