package acceptance

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
)

// This file tells what becomes of the changes that parallel requests of one session
// make, on one instance and on two.

// onOneAndTwo tells the story with both requests on one instance, and on two.
func onOneAndTwo(t *testing.T, d driver, story func(t *testing.T, w *world, app1, app2 *app)) {
	t.Run("one app", func(t *testing.T) {
		w := newWorld(t, d, 3)
		a := w.start(options{})
		story(t, w, a, a)
	})
	t.Run("two apps", func(t *testing.T) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		story(t, w, app1, app2)
	})
}

func TestSlowAndFastRequestChangeDifferentValues(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			u.set(app1, "both", "old")
			u.set(app1, "doomed", "1")
			u.set(app1, "doomed too", "1")
			g := app1.newGate("slow")
			slow := u.begin(t.Context(), g, app1, "/set", "key", "a", "value", "slow", "gate", "slow")
			g2 := app1.newGate("slow remove")
			slowRemove := u.begin(t.Context(), g2, app1, "/remove", "key", "doomed", "gate", "slow remove")
			u.set(app2, "b", "fast")
			u.set(app2, "both", "new")
			u.do(app2, "/remove", "key", "doomed too")
			close(g.release)
			close(g2.release)
			for _, ch := range []<-chan reply{slow, slowRemove} {
				if r := <-ch; !r.ok() {
					t.Fatal(r)
				}
			}
			for _, a := range []*app{app1, app2} {
				u.finds(a, "a", "slow")
				u.finds(a, "b", "fast")
				u.finds(a, "both", "new")
				u.finds(a, "doomed", "")
				u.finds(a, "doomed too", "")
				u.is("ann", a)
			}
		})
	})
}

// With a codec whose bytes cannot be cut into values, the later save replaces the session.
func TestLaterSaveOfAWholeSessionStands(t *testing.T) {
	each(t, []driver{scsGobDriver}, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			g := app1.newGate("slow")
			slow := u.begin(t.Context(), g, app1, "/set", "key", "a", "value", "slow", "gate", "slow")
			u.set(app2, "b", "fast")
			close(g.release)
			if r := <-slow; !r.ok() {
				t.Fatal(r)
			}
			for _, a := range []*app{app1, app2} {
				u.finds(a, "a", "slow")
				u.finds(a, "b", "")
				u.is("ann", a)
			}
		})
	})
}

func TestManyParallelRequestsOfOneSession(t *testing.T) {
	const requests = 50
	each(t, all, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			apps := []*app{app1, app2}
			at := func(path string, form func(i int) []string) {
				t.Helper()
				var running sync.WaitGroup
				for i := range requests {
					running.Go(func() {
						if r := u.ask(apps[i%2], path, form(i)...); !r.ok() {
							t.Errorf("request %d: %v", i, r)
						}
					})
				}
				running.Wait()
			}
			at("/set", func(i int) []string { return []string{"key", fmt.Sprint("key", i), "value", fmt.Sprint(i)} })
			if d.apart {
				for i := range requests {
					u.finds(apps[i/2%2], fmt.Sprint("key", i), fmt.Sprint(i))
				}
			}
			at("/increment", func(int) []string { return []string{"key", "n"} })
			n, err := strconv.Atoi(u.do(app1, "/count", "key", "n"))
			if err != nil || n < 1 || n > requests {
				t.Errorf("after %d increments the count is %d", requests, n)
			}
			u.sees(app2, fmt.Sprint(n), "/count", "key", "n")
			u.is("ann", app1, app2)
			w.isHome(u.id(app1))
		})
	})
}

func TestLogoutDuringASlowRequestIsFinal(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			id := u.id(app1)
			old := u.cookie(d.cookie)
			g := app1.newGate("slow")
			slow := u.begin(t.Context(), g, app1, "/set", "key", "a", "value", "1", "gate", "slow")
			u.do(app2, "/logout")
			close(g.release)
			if r := <-slow; !r.ok() {
				t.Fatalf("the slow request is to blame for nothing: %v", r)
			}
			u.is("nobody", app1, app2) // whatever cookie the slow request has set
			u.finds(app1, "a", "")
			for _, a := range []*app{app1, app2} {
				thief := w.newUser()
				thief.present(d.cookie, old)
				thief.is("nobody", a)
				thief.finds(a, "a", "")
			}
			if got := w.holders(id); len(got) != 0 {
				t.Errorf("%d nodes hold the session that has ended", len(got))
			}
		})
	})
}

func TestClientThatLeavesInTheMiddle(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			g := app1.newGate("slow")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			slow := u.begin(ctx, g, app1, "/set", "key", "a", "value", "1", "gate", "slow", "until", "gone")
			if d.apart {
				u.set(app2, "b", "2") // what the others do meanwhile is kept, too
			}
			leave()
			close(g.release)
			if r := <-slow; r.err == nil {
				t.Fatalf("the client did not leave: %v", r)
			}
			<-g.finished
			for _, a := range []*app{app2, app1} {
				u.finds(a, "a", "1")
				if d.apart {
					u.finds(a, "b", "2")
				}
				u.is("ann", a)
			}
		})
	})
}
