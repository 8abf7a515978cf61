package acceptance

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what users see when instances of the app share their sessions,
// and when one of them dies.

func TestSessionsAreSharedByInstances(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.set(app1, "a", "1")
		u.finds(app2, "a", "1")
		u.set(app2, "a", "2")
		u.finds(app1, "a", "2")
		u.do(app1, "/remove", "key", "a")
		u.finds(app2, "a", "")
		u.logIn(app2, "ann")
		u.is("ann", app1)
		stranger := w.newUser()
		stranger.is("nobody", app1, app2)
		stolen := u.cookie(d.cookie)
		u.do(app1, "/logout")
		u.is("nobody", app2, app1)
		u.present(d.cookie, stolen)
		u.is("nobody", app2, app1)
	})
}

// Nothing of a session lives in the app alone: what a request has acknowledged is on
// the nodes.
func TestInstanceIsKilledInTheMiddleOfRequests(t *testing.T) {
	const users, enough = 6, 150
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, kill := w.startProcess(t)
		app2 := w.start(options{})
		var (
			acknowledged atomic.Int64
			running      sync.WaitGroup
			last         [users]int // the latest count that the user was shown
			reached      = make(chan struct{})
		)
		for i := range users {
			u := w.newUser()
			u.logIn(app1, fmt.Sprint("user", i))
			w.crowd = append(w.crowd, u)
			running.Go(func() {
				for {
					r := u.ask(app1, "/increment", "key", "n")
					if r.err != nil {
						return // the app is gone
					}
					n, err := strconv.Atoi(r.body)
					if !r.ok() || err != nil {
						t.Errorf("before the app died: %v", r)
						return
					}
					last[i] = n
					if acknowledged.Add(1) == enough {
						close(reached)
					}
				}
			})
		}
		<-reached
		kill()
		running.Wait()
		for i, u := range w.crowd {
			u.is(fmt.Sprint("user", i), app2)
			n, err := strconv.Atoi(u.do(app2, "/count", "key", "n"))
			// The request that was under way may have been saved without a word.
			if err != nil || n != last[i] && n != last[i]+1 {
				t.Errorf("user %d was shown %d by the app that died and now finds %d", i, last[i], n)
			}
			u.sees(app2, fmt.Sprint(n+1), "/increment", "key", "n")
		}
	})
}

// Copies are written for three reasons: something has changed, the deadline moves, or a
// copy is missing. Here it is the deadline alone.
func TestPostingTheSameValueAgainCostsNoMoreThanARefresh(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		wire := &tap{}
		o := options{idle: limit, config: func(c *cluster.Config) { quick.config(c); c.DialContext = wire.over(c.DialContext) }}
		app1, app2 := w.pair(o)
		app1.whole(w) // no session is healed meanwhile
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		cost := func(a *app, path string) int {
			t.Helper()
			before := wire.writes()
			u.do(a, path, "key", "a", "value", "1")
			return wire.writes() - before
		}
		for _, a := range []*app{app1, app2, app1} {
			refresh := cost(a, "/whoami") // every request of this app moves the deadline
			repeat := cost(a, "/set")
			if refresh == 0 || refresh > 2 || repeat > refresh {
				t.Errorf("a refresh of the deadline costs %d writes, want one for each copy; posting the same value again %d", refresh, repeat)
			}
		}
		u.finds(app2, "a", "1")
	})
}

func TestStoppedInstanceLeavesNoConnection(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		wire := &tap{}
		app1 := w.start(options{config: func(c *cluster.Config) { c.DialContext = wire.over(c.DialContext) }})
		app2 := w.start(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		w.env.Node(0).Restart()
		u.is("ann", app1)
		if err := app1.cluster.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range w.env.All() {
			if open := wire.open(n.Addr()); open != 0 {
				t.Errorf("%d connections to %s are open", open, n.ID())
			}
		}
		if r := u.ask(app1, "/whoami"); r.status != 500 {
			t.Errorf("a request of the stopped instance: %v", r)
		}
		u.is("ann", app2)
	})
}
