package acceptance

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells when a session begins, changes its id, and ends.

func TestRemovedValuesAreGoneAndFlashesAreShownOnce(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.set(app1, "a", "1")
		u.set(app1, "b", "2")
		u.do(app2, "/remove", "key", "a")
		u.finds(app1, "a", "")
		u.finds(app1, "b", "2")
		// Gone also for who reads the copy that missed it.
		w.preferred(u.id(app1))[0].Kill()
		u.finds(app2, "a", "")
		u.finds(app2, "b", "2")
		u.set(app2, "a", "again")
		u.finds(app1, "a", "again")

		u.do(app1, "/flash", "message", "saved")
		u.do(app2, "/flash", "message", "sent")
		u.sees(app1, "saved,sent", "/flashes")
		u.sees(app2, "", "/flashes")
		u.sees(app1, "", "/flashes")
		u.do(app2, "/flash", "message", "anew")
		u.sees(app2, "anew", "/flashes")
		u.sees(app1, "", "/flashes")
	})
}

func TestLoginRenewsTheID(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.set(app1, "cart", "full") // before the login, with a cookie that others may know
		planted, oldID := u.cookie(d.cookie), u.id(app1)
		u.logIn(app1, "ann")
		if u.id(app1) == oldID || u.cookie(d.cookie) == planted {
			t.Fatal("the login kept the id")
		}
		u.is("ann", app2, app1)
		u.finds(app2, "cart", "full")

		isDead := func(when string) {
			t.Helper()
			for _, a := range []*app{app1, app2} {
				thief := w.newUser()
				thief.present(d.cookie, planted)
				if who, status := thief.do(a, "/whoami"), thief.do(a, "/status"); who != "nobody" || status != "new" {
					t.Fatalf("%s the old id shows %q, %s", when, who, status)
				}
				thief.present(d.cookie, planted)
				thief.finds(a, "cart", "")
				thief.present(d.cookie, planted)
				thief.set(a, "cart", "stolen") // what it writes goes elsewhere
			}
			u.finds(app1, "cart", "full")
		}
		isDead("after the login")
		if got := w.holders(oldID); len(got) != 0 {
			t.Errorf("%d nodes hold the old session", len(got))
		}
		nodes := w.preferred(oldID)
		nodes[0].Kill()
		isDead("without its primary")
		nodes[0].Restart()
		isUp(t, app1, app2)
		nodes[1].Restart()
		isDead("with its backup empty")
	})
}

// The old id is dead on a node that was out of reach at login, too.
func TestLoginRenewsTheIDWhileANodeHangs(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.start(impatient), w.start(options{})
		u := w.newUser()
		u.set(app1, "cart", "full")
		planted := u.cookie(d.cookie)
		nodes := w.preferred(u.id(app1))
		nodes[0].Pause()
		u.logIn(app1, "ann")
		nodes[0].Resume()
		nodes[1].Restart()
		thief := w.newUser()
		thief.present(d.cookie, planted)
		thief.sees(app2, "new", "/status")
		thief.finds(app1, "cart", "")
		u.is("ann", app2, app1)
	})
}

func TestIdleTimeoutMovesWithEveryRequest(t *testing.T) {
	eachVirtual(t, all, func(t *testing.T, w *world) {
		app1, app2 := w.pair(options{virtual: true, idle: time.Second})
		apps := []*app{app1, app2}
		u := w.newUser()
		u.logIn(app1, "ann")
		for i := range 60 {
			time.Sleep(500 * time.Millisecond)
			u.is("ann", apps[i%2])
		}
		time.Sleep(990 * time.Millisecond)
		u.is("ann", app2)
		old := u.cookie(w.driver.cookie)
		time.Sleep(1100 * time.Millisecond)
		for _, a := range apps {
			u.present(w.driver.cookie, old)
			u.is("nobody", a)
		}
	})
}

// day is what the lifetimes below are counted in.
const day = 24 * time.Hour

// Memcached takes an expiry above 30 days for a date in 1970, and Go's servers, cookies
// and records must agree on what lies beyond.
func TestLongLifetimes(t *testing.T) {
	for _, lifetime := range []time.Duration{29 * day, 30 * day, 31 * day, 400 * day} {
		t.Run(fmt.Sprint(int(lifetime/day), " days"), func(t *testing.T) {
			eachVirtual(t, all, func(t *testing.T, w *world) {
				app1, app2 := w.pair(options{virtual: true, lifetime: lifetime})
				u := w.newUser()
				u.logIn(app1, "ann")
				began := time.Now()
				u.is("ann", app2)
				time.Sleep(lifetime / 2)
				u.is("ann", app1)
				time.Sleep(time.Until(began.Add(lifetime - time.Second)))
				u.is("ann", app2)
				time.Sleep(time.Until(began.Add(lifetime + 100*time.Millisecond)))
				u.is("nobody", app1, app2)
			})
		})
	}
}

// expiry returns when the server drops the item, by its own account.
func expiry(t *testing.T, n *testenv.Node, key string) time.Time {
	t.Helper()
	nc, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(limit))
	if _, err := nc.Write([]byte("lru_crawler metadump all\r\n")); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(nc)
	for lines.Scan() && lines.Text() != "END" && !strings.HasPrefix(lines.Text(), "BUSY") {
		var name, exp string
		for _, word := range strings.Fields(lines.Text()) {
			if v, ok := strings.CutPrefix(word, "key="); ok {
				name, _ = url.PathUnescape(v)
			}
			if v, ok := strings.CutPrefix(word, "exp="); ok {
				exp = v
			}
		}
		if name == key {
			secs, err := strconv.ParseInt(exp, 10, 64)
			if err != nil {
				t.Fatalf("%s: %q", n.ID(), lines.Text())
			}
			return time.Unix(secs, 0)
		}
	}
	return time.Time{} // the crawler is busy, or somebody has the item in hand
}

// roughly is how far the clocks of a cookie, a record and a server, which count in
// whole seconds, may lie apart, on a machine that may be busy between two looks.
const roughly = 5 * time.Second

func TestCookieRecordAndServerAgreeOnTheEnd(t *testing.T) {
	for _, lifetime := range []time.Duration{10 * time.Minute, 31 * day, 400 * day} {
		t.Run(lifetime.String(), func(t *testing.T) {
			each(t, all, func(t *testing.T, d driver) {
				w := newWorld(t, d, 3)
				a := w.start(options{lifetime: lifetime})
				u := w.newUser()
				r := u.ask(a, "/login", "user", "ann")
				c := r.cookie(d.cookie)
				if !r.ok() || c == nil {
					t.Fatal(r)
				}
				id := u.id(a)
				rec, err := a.cluster.Load(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if off := time.Until(rec.Deadline) - lifetime; off > 0 || off < -limit {
					t.Errorf("the record ends %v off its lifetime", off)
				}
				if off := c.Expires.Sub(rec.Deadline).Abs(); off > roughly {
					t.Errorf("the cookie's Expires is %v off the record's deadline", off)
				}
				if off := time.Duration(c.MaxAge)*time.Second - lifetime; off.Abs() > roughly {
					t.Errorf("the cookie's Max-Age is %v off the lifetime", off)
				}
				for _, n := range w.preferred(id)[:2] {
					var ends time.Time
					eventually(t, "the server lists the record", func() bool {
						u.is("ann", a) // which mends a copy that did not come about
						ends = expiry(t, n, w.key(id))
						return !ends.IsZero()
					})
					if off := ends.Sub(rec.Deadline); off.Abs() > roughly {
						t.Errorf("%s drops the record %v off its deadline", n.ID(), off)
					}
				}
			})
		})
	}
}

// The same with an end that is waited for.
func TestSessionEndsOnNodesAndInTheApp(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{lifetime: 2 * time.Second})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.do(app1, "/id")
		rec, err := app1.cluster.Load(t.Context(), id)
		if errors.Is(err, cluster.ErrNotFound) {
			t.Skip("this machine is too busy to look at a session of two seconds")
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the session ends", func() bool { return u.do(app2, "/whoami") == "nobody" })
		if early := time.Until(rec.Deadline); early > 0 {
			t.Errorf("it ended %v before its deadline", early)
		}
		_, err = app1.cluster.Load(t.Context(), id)
		if !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("the record still loads: %v", err)
		}
		for _, n := range w.env.All() {
			eventually(t, "the server drops the record", func() bool {
				_, held := n.Get(w.key(id))
				return !held
			})
		}
	})
}

func TestGorillaMaxAge(t *testing.T) {
	t.Run("zero is a browser session", func(t *testing.T) {
		eachVirtual(t, []driver{gorillaDriver}, func(t *testing.T, w *world) {
			a := w.start(options{virtual: true, gorilla: func(s *gorillastore.Store) { s.MaxAge(0) }})
			u := w.newUser()
			c := u.ask(a, "/login", "user", "ann").cookie("session")
			if c == nil || c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("the cookie is %v", c)
			}
			time.Sleep(gorillastore.DefaultLifetime - time.Second)
			u.is("ann", a)
			time.Sleep(time.Second + time.Millisecond)
			u.is("nobody", a)
		})
	})
	t.Run("zero, with a lifetime of the app's", func(t *testing.T) {
		eachVirtual(t, []driver{gorillaDriver}, func(t *testing.T, w *world) {
			a := w.start(options{virtual: true, gorilla: func(s *gorillastore.Store) {
				s.MaxAge(0)
				s.DefaultLifetime = time.Hour
			}})
			u := w.newUser()
			u.logIn(a, "ann")
			time.Sleep(time.Hour - time.Second)
			u.is("ann", a)
			time.Sleep(time.Second + time.Millisecond)
			u.is("nobody", a)
		})
	})
	t.Run("negative deletes", func(t *testing.T) {
		each(t, []driver{gorillaDriver}, func(t *testing.T, d driver) {
			w := newWorld(t, d, 3)
			a := w.start(options{})
			never := w.start(options{gorilla: func(s *gorillastore.Store) { s.MaxAge(-1) }})
			u := w.newUser()
			u.logIn(a, "ann")
			id, old := u.id(a), u.cookie("session")
			c := u.ask(never, "/set", "key", "a", "value", "1").cookie("session")
			if c == nil || c.MaxAge >= 0 || c.Value != "" {
				t.Errorf("the cookie is %v", c)
			}
			u.present("session", old)
			u.is("nobody", a)
			if got := w.holders(id); len(got) != 0 {
				t.Errorf("%d nodes hold the session", len(got))
			}
		})
	})
}

func TestSCSLifetimes(t *testing.T) {
	drivers := []driver{scsDriver, scsGobDriver}
	for name, lifetime := range map[string]time.Duration{"zero": 0, "negative": -time.Hour} {
		t.Run(name+" ends at once", func(t *testing.T) {
			each(t, drivers, func(t *testing.T, d driver) {
				w := newWorld(t, d, 3)
				a := w.start(options{scs: func(m *scs.SessionManager) { m.Lifetime = lifetime }})
				u := w.newUser()
				u.logIn(a, "ann")
				u.is("nobody", a)
			})
		})
	}
	t.Run("a lifetime is absolute, an idle timeout is not", func(t *testing.T) {
		eachVirtual(t, drivers, func(t *testing.T, w *world) {
			a := w.start(options{virtual: true, idle: time.Minute, lifetime: time.Hour})
			u := w.newUser()
			u.logIn(a, "ann")
			for range 119 {
				time.Sleep(30 * time.Second)
				u.is("ann", a)
			}
			old := u.cookie("session")
			time.Sleep(30*time.Second + time.Millisecond)
			u.present("session", old)
			u.is("nobody", a)
		})
	})
}
