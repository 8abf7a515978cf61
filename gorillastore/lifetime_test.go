package gorillastore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides when sessions end, in virtual time: cookie, record and nodes must agree.

const day = 24 * time.Hour

// inBubble runs a test in virtual time, on nodes in memory.
func inBubble(t *testing.T, test func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user)) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 3, testenv.InMemory())
		c := newCluster(t, env)
		test(t, c, newStore(t, c), newVirtualUser(t))
	})
}

// ends fails unless the session is there until the moment that lies left ahead, and gone from then
// on: for the browser, for a client that keeps the cookie for longer, and on the nodes.
func ends(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user, left time.Duration) {
	t.Helper()
	deadline := time.Now().Add(left)
	v, cookie := u.see(store, "app"), u.cookie("app")
	if rec, err := c.Load(context.Background(), v.id); err != nil {
		t.Errorf("no record: %v", err)
	} else if !rec.Deadline.Equal(deadline) {
		t.Errorf("the record ends %v after the time it should", rec.Deadline.Sub(deadline))
	}
	time.Sleep(time.Until(deadline) - time.Millisecond)
	u.want(store, "app", "k", "v")
	time.Sleep(time.Millisecond)
	u.wantFresh(store, "app")
	u.present("app", cookie)
	u.wantFresh(store, "app")
	time.Sleep(2 * time.Second) // the grain of a node's clock is a second
	if _, err := c.Load(context.Background(), v.id); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("the nodes still have the session: %v", err)
	}
}

// setWithMaxAge saves k=v in a session with this MaxAge.
func (u *user) setWithMaxAge(store *gorillastore.Store, age int) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Options.MaxAge = age
		session.Values["k"] = "v"
		u.save(session, r, w)
	})
}

func TestLifetimes(t *testing.T) {
	for _, test := range []struct {
		what  string
		store func(*gorillastore.Store)
		age   int
		lives time.Duration
	}{
		{"a second", nil, 1, time.Second},
		{"an hour", nil, 3600, time.Hour},
		{"30 days, the default", nil, gorillastore.DefaultMaxAge, 30 * day},
		{"31 days, behind memcached's limit for relative times", nil, 31 * 86400, 31 * day},
		{"400 days, behind the default of securecookie", nil, 400 * 86400, 400 * day},
		{"longer than the MaxAge of the store", func(s *gorillastore.Store) { s.MaxAge(3600) }, 60 * 86400, 60 * day},
		{"shorter than the MaxAge of the store", func(s *gorillastore.Store) { s.MaxAge(86400) }, 60, time.Minute},
		{"longer than an int of nanoseconds", nil, math.MaxInt, 3650 * day},
		{"a browser session", nil, 0, 24 * time.Hour},
		{"a browser session in a store of them", func(s *gorillastore.Store) { s.MaxAge(0) }, 0, 24 * time.Hour},
		{"a browser session with a lifetime", func(s *gorillastore.Store) { s.DefaultLifetime = 90 * time.Minute }, 0, 90 * time.Minute},
		{"a browser session with a long lifetime", func(s *gorillastore.Store) { s.DefaultLifetime = 90 * day }, 0, 90 * day},
		{"a browser session with a negative lifetime", func(s *gorillastore.Store) { s.DefaultLifetime = -1 }, 0, 24 * time.Hour},
	} {
		t.Run(test.what, func(t *testing.T) {
			// Cookies count whole seconds; the session may begin anywhere in one.
			for _, phase := range []time.Duration{0, 400 * time.Millisecond, 999 * time.Millisecond} {
				inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
					if test.store != nil {
						test.store(store)
					}
					time.Sleep(phase)
					got := given(u.setWithMaxAge(store, test.age), "app")
					if got == nil {
						t.Error("no cookie was set")
						return
					}
					if want := min(test.age, int(test.lives/time.Second)); got.MaxAge != want {
						t.Errorf("Max-Age of the cookie is %d, want %d", got.MaxAge, want)
					}
					if test.age == 0 && !got.Expires.IsZero() || test.age > 0 && got.Expires.Before(time.Now()) {
						t.Errorf("the cookie expires %v", got.Expires)
					}
					ends(t, c, store, u, test.lives)
				})
			}
		})
	}
}

// A session that is saved goes on; one that is only read does not.
func TestSessionsSlideWhenSaved(t *testing.T) {
	for what, age := range map[string]int{"a second": 1, "400 days": 400 * 86400, "a browser session": 0} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
				store.DefaultLifetime = 90 * day
				life := time.Duration(age) * time.Second
				if age == 0 {
					life = store.DefaultLifetime
				}
				time.Sleep(700 * time.Millisecond)
				u.setWithMaxAge(store, age)
				for range 10 {
					time.Sleep(life / 2)
					u.want(store, "app", "k", "v")
					u.setWithMaxAge(store, age)
				}
				time.Sleep(life / 2)
				u.want(store, "app", "k", "v")
				ends(t, c, store, u, life/2)
			})
		})
	}
}

// A browser that has its cookie from the first response only: the signature of a cookie does not
// age.
func TestCookieThatWasNotRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *cluster.Cluster, store *gorillastore.Store, u *user) {
		u.setWithMaxAge(store, 60)
		first := u.cookie("app")
		for range 10 {
			time.Sleep(50 * time.Second)
			u.present("app", first)
			u.setWithMaxAge(store, 60)
		}
		u.present("app", first)
		u.want(store, "app", "k", "v")
	})
}

func TestStoreMaxAge(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
		store.Options.Path, store.Options.SameSite = "/", http.SameSiteStrictMode
		store.MaxAge(400 * 86400)
		if store.Options.MaxAge != 400*86400 || store.Options.SameSite != http.SameSiteStrictMode {
			t.Errorf("Options are %+v", store.Options)
		}
		u.set(store, "app", "k", "v")
		ends(t, c, store, u, 400*day)

		u.set(store, "app", "k", "v")
		store.MaxAge(-1)
		resp := u.set(store, "app", "k", "v")
		if c := given(resp, "app"); c.MaxAge >= 0 {
			t.Errorf("Max-Age of the cookie is %d", c.MaxAge)
		}
		u.wantFresh(store, "app")

		store.Options = nil
		store.MaxAge(60)
		if store.Options == nil || store.Options.MaxAge != 60 || !store.Options.HttpOnly {
			t.Errorf("Options are %+v", store.Options)
		}
	})
}

// A renewed session has the lifetime that its Options say.
func TestRenewedSessionsLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
		u.setWithMaxAge(store, 60)
		time.Sleep(30 * time.Second)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.Options.MaxAge = 90
			if err := store.RenewID(r, w, session); err != nil {
				t.Errorf("RenewID: %v", err)
			}
		})
		ends(t, c, store, u, 90*time.Second)
	})
}

// holders are the nodes that hold a session.
func holders(env *testenv.Env) (nodes []*testenv.Node) {
	for _, n := range env.All() {
		if slices.ContainsFunc(n.Keys(), func(key string) bool { return !strings.Contains(key, ".") }) { // no marker
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// A session that was given a shorter MaxAge ends with that, also where a node hung meanwhile and
// holds it as it was: a cookie that somebody has kept opens it no more.
func TestShortenedMaxAgeHolds(t *testing.T) {
	for what, end := range map[string]func(store *gorillastore.Store, u *user){
		"saved":         func(store *gorillastore.Store, u *user) { u.setWithMaxAge(store, 600) },
		"saved for 1 s": func(store *gorillastore.Store, u *user) { u.setWithMaxAge(store, 1) },
		"logged out":    func(store *gorillastore.Store, u *user) { u.setWithMaxAge(store, -1) },
	} {
		for i := range 2 { // each node that holds it
			if testing.Short() && i > 0 {
				break // hours of virtual time each
			}
			t.Run(fmt.Sprint(what, " ", i), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					env := testenv.Start(t, 3, testenv.InMemory())
					store, u := newStore(t, newCluster(t, env)), newVirtualUser(t)
					u.setWithMaxAge(store, 3*3600)
					cookie := u.cookie("app")
					time.Sleep(time.Minute)
					n := holders(env)[i]
					n.Pause()
					u.setWithMaxAge(store, 600)
					end(newStore(t, newCluster(t, env)), u)
					time.Sleep(75 * time.Minute) // ten minutes, the hour by which clocks may differ, and more
					n.Resume()
					time.Sleep(time.Minute)
					for range 3 {
						u.present("app", cookie)
						u.wantFresh(store, "app")
						time.Sleep(20 * time.Minute)
					}
				})
			})
		}
	}
}
