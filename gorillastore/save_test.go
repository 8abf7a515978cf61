package gorillastore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// A slow request sets a, a fast one meanwhile sets b and removes c: all of it holds. Also when both
// run in one process, where a table of loads by id would give the slow request the load of the fast
// one.
func TestParallelRequestsOfOneSession(t *testing.T) {
	env, c, store := start(t)
	for what, other := range map[string]*gorillastore.Store{"one instance": store, "two instances": newStore(t, newCluster(t, env))} {
		t.Run(what, func(t *testing.T) {
			u := newUser(t)
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				session.Values["a"], session.Values["c"], session.Values["d"] = 0, 0, 0
				u.save(session, r, w)
			})
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				slow := u.open(store, r, "app")
				u.visit(func(w http.ResponseWriter, r *http.Request) {
					fast := u.open(other, r, "app")
					fast.Values["b"] = 1
					fast.Values["d"] = 1
					delete(fast.Values, "c")
					u.save(fast, r, w)
				})
				slow.Values["a"] = 2
				u.save(slow, r, w)
				// And once more: what the first save has merged is no removal of the second.
				slow.Values["e"] = 2
				u.save(slow, r, w)
			})
			for key, want := range map[string]any{"a": 2, "b": 1, "c": nil, "d": 1, "e": 2} {
				u.want(other, "app", key, want)
				u.want(store, "app", key, want)
			}
		})
	}
	if s := c.Stats(); s.Merges == 0 {
		t.Error("nothing was merged: the requests did not overlap")
	}
}

func TestManyParallelRequests(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	const requests = 20
	var loaded, done sync.WaitGroup
	loaded.Add(requests)
	for i := range requests {
		done.Go(func() {
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				loaded.Done()
				loaded.Wait()
				session.Values[fmt.Sprint("key", i)] = i
				u.save(session, r, w)
			})
		})
	}
	done.Wait()
	got := u.see(store, "app").values
	for i := range requests {
		if got[fmt.Sprint("key", i)] != i {
			t.Errorf("key%d is %v", i, got[fmt.Sprint("key", i)])
		}
	}
}

// One session saved by two goroutines of its request.
func TestSessionSavedTwiceAtOnce(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "k", 0)
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["k"] = 1
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() { u.save(session, r, httptest.NewRecorder()) })
		}
		done.Wait()
	})
	u.want(store, "app", "k", 1)
}

func TestLogoutWhileAnotherRequestRuns(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	old := u.cookie("app")
	var afterwards string
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		slow := u.open(store, r, "app")
		u.logOut(store, "app")
		u.set(store, "app", "user", "the next user of this browser")
		afterwards = u.cookie("app")
		slow.Values["seen"] = true
		u.save(slow, r, w)
		u.save(slow, r, w)
		if err := store.RenewID(r, w, slow); !errors.Is(err, cluster.ErrDestroyed) {
			t.Errorf("RenewID: %v", err)
		}
		slow.ID = ""
		if err := slow.Save(r, w); !errors.Is(err, cluster.ErrDestroyed) {
			t.Errorf("Save with an emptied ID: %v", err)
		}
		slow.ID = "an id of the app's own"
		if err := slow.Save(r, w); !errors.Is(err, cluster.ErrDestroyed) {
			t.Errorf("Save with a changed ID: %v", err)
		}
		if _, err := c.Load(context.Background(), slow.ID); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("the values of the deleted session live on under another id: %v", err)
		}
	})
	if c := given(resp, "app"); c != nil {
		t.Errorf("the slow request set a cookie, MaxAge %d", c.MaxAge)
	}
	if u.cookie("app") != afterwards {
		t.Error("the slow request has taken the new login's cookie")
	}
	u.want(store, "app", "user", "the next user of this browser")
	u.want(store, "app", "seen", nil)
	u.present("app", old)
	u.wantFresh(store, "app")
}

// Logout, then a message: what is saved after a deletion is another session.
func TestSaveAfterLogoutInOneRequest(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	old, id := u.cookie("app"), u.see(store, "app").id
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Options.MaxAge = -1
		u.save(session, r, w)
		u.save(session, r, w)
		if s := c.Stats(); s.Deletes != 1 {
			t.Errorf("%d deletions, want one: a middleware that saves once more has nothing to delete", s.Deletes)
		}
		clear(session.Values)
		session.AddFlash("bye")
		session.Options.MaxAge = 3600
		u.save(session, r, w)
	})
	v := u.see(store, "app")
	if v.err != nil || v.isNew || v.id == id || v.values["user"] != nil || len(v.values) != 1 {
		t.Errorf("new %v, same id %v, %d values, error %v", v.isNew, v.id == id, len(v.values), v.err)
	}
	u.present("app", old)
	u.wantFresh(store, "app")
}

// The client goes away in the middle: what its handler saves is saved, and what it deletes is
// deleted.
func TestClientThatDisconnects(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	gone := func(w http.ResponseWriter, r *http.Request, age int) {
		ctx, cancel := context.WithCancel(r.Context())
		r = r.WithContext(ctx)
		session := u.open(store, r, "app")
		session.Values["k"] = "v"
		session.Options.MaxAge = age
		cancel()
		u.save(session, r, w)
	}
	u.visit(func(_ http.ResponseWriter, r *http.Request) { gone(httptest.NewRecorder(), r, 60) })
	u.want(store, "app", "k", "v")
	id := u.see(store, "app").id
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		r = r.WithContext(ctx)
		session := u.open(store, r, "app")
		cancel()
		if err := store.RenewID(r, httptest.NewRecorder(), session); err != nil || session.ID == id {
			t.Errorf("RenewID: %v", err)
		}
		gone(httptest.NewRecorder(), r, -1)
	})
	u.wantFresh(store, "app")
}

// A session that was loaded and cannot be saved: the app hears of it, and the browser gets nothing.
func TestSaveDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "k", 1)
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["k"] = 2
		outage(t, env, c, func() {
			if err := session.Save(r, w); !errors.Is(err, cluster.ErrUnavailable) || !strings.Contains(err.Error(), `"app"`) {
				t.Errorf("Save: %v", err)
			}
		})
	})
	if given(resp, "app") != nil {
		t.Error("a cookie was set")
	}
	if v := u.see(store, "app"); v.err != nil || v.isNew {
		t.Errorf("after the outage: new %v, error %v", v.isNew, v.err)
	}
}

// A session that is made and deleted in one request, by an app that empties the ID on the way.
func TestDeletedBeforeItWasSeen(t *testing.T) {
	_, c, store := start(t)
	newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		if err := session.Save(r, w); err != nil {
			t.Errorf("Save: %v", err)
		}
		id := session.ID
		session.ID, session.Options.MaxAge = "", -1
		if err := session.Save(r, w); err != nil {
			t.Errorf("Save: %v", err)
		}
		if _, err := c.Load(context.Background(), id); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("the session is still there: %v", err)
		}
	})
}

// session.ID = "" before a Save is how many apps ask for a new id.
func TestEmptiedAndChangedIDs(t *testing.T) {
	_, c, store := start(t)
	for _, own := range []string{"", "an id of the app's own, not a good one"} {
		u := newUser(t)
		u.set(store, "app", "user", "ann")
		old, id := u.cookie("app"), u.see(store, "app").id
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.ID = own
			u.save(session, r, w)
			if session.ID == id || session.ID == "" || own != "" && session.ID != own {
				t.Error("the session has not the id it should have")
			}
			session.Values["more"] = 1
			u.save(session, r, w)
		})
		u.want(store, "app", "user", "ann")
		u.want(store, "app", "more", 1)
		if _, err := c.Load(context.Background(), id); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("the old id: %v", err)
		}
		now := u.cookie("app")
		u.present("app", old)
		u.wantFresh(store, "app")
		u.present("app", now)
		u.logOut(store, "app")
	}

	// An id of the app's own that was deleted cannot come back, and is no silent loss either.
	newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.ID = "an id of the app's own, not a good one"
		err := session.Save(r, w)
		if !errors.Is(err, cluster.ErrDestroyed) || strings.Contains(err.Error(), session.ID) {
			t.Errorf("Save under a deleted id: %v", err)
		}
		session.ID = ""
		if err := session.Save(r, w); err != nil {
			t.Errorf("Save: %v", err)
		}
		session.ID = strings.Repeat("long", 2000)
		if err := session.Save(r, w); err == nil || !strings.Contains(err.Error(), "8000 bytes") {
			t.Errorf("Save under an id that fits into no cookie: %v", err)
		}
	})
}

func TestNilValuesEmptyTheSession(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	id := u.see(store, "app").id
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values = nil
		u.save(session, r, w)
	})
	if v := u.see(store, "app"); v.err != nil || v.isNew || v.id != id || len(v.values) != 0 || v.values == nil {
		t.Errorf("new %v, %d values, error %v", v.isNew, len(v.values), v.err)
	}
}

func TestSessionsThatTheAppBuilt(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	id, cookie := u.see(store, "app").id, u.cookie("app")

	// Without an ID it is a new session.
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := sessions.NewSession(store, "app")
		session.Options.Path = "/"
		session.Values["user"] = "bob"
		u.save(session, r, w)
		session.Values["more"] = 1
		u.save(session, r, w)
	})
	if c := given(resp, "app"); c.MaxAge != 0 {
		t.Errorf("MaxAge %d, want that of the session's empty Options", c.MaxAge)
	}
	u.want(store, "app", "user", "bob")
	u.want(store, "app", "more", 1)
	if u.see(store, "app").id == id {
		t.Error("the session has an id that it was not given")
	}
	u.present("app", cookie)
	u.want(store, "app", "user", "ann")

	// With an ID it is that session, with these values and no others.
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := sessions.NewSession(store, "app")
		session.Options = nil
		session.ID = id
		session.Values["role"] = "admin"
		u.save(session, r, w)
	})
	u.want(store, "app", "role", "admin")
	u.want(store, "app", "user", nil)

	// A negative MaxAge without an ID deletes what the request's cookie stands for, and with an ID
	// that and nothing else.
	admin := newUser(t)
	admin.set(store, "app", "user", "admin")
	deleteAs := func(u *user, id string) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := sessions.NewSession(store, "app")
			session.Options.Path, session.Options.MaxAge, session.ID = "/", -1, id
			if id != "" {
				w = httptest.NewRecorder() // it is not the admin's cookie that ends
			}
			u.save(session, r, w)
		})
	}
	adminCookie := admin.cookie("app")
	deleteAs(admin, id)
	u.wantFresh(store, "app")
	admin.want(store, "app", "user", "admin")
	deleteAs(admin, "")
	admin.present("app", adminCookie)
	admin.wantFresh(store, "app")
}

// An app that gives one Options to every session it makes must not mix them up.
func TestSharedOptions(t *testing.T) {
	_, _, store := start(t)
	ann, bob := newUser(t), newUser(t)
	var shared *sessions.Options
	ann.visit(func(w http.ResponseWriter, r *http.Request) {
		session := ann.open(store, r, "app")
		session.Values["user"] = "ann"
		ann.save(session, r, w)
		shared = session.Options
	})
	bob.visit(func(w http.ResponseWriter, r *http.Request) {
		session := sessions.NewSession(store, "app")
		session.Options = shared
		session.Values["user"] = "bob"
		bob.save(session, r, w)
	})
	ann.want(store, "app", "user", "ann")
	bob.want(store, "app", "user", "bob")
}

// A copy of the struct merges as its original does, and both know of each other's saves.
func TestCopiedSession(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		original := u.open(store, r, "app")
		u.set(store, "app", "meanwhile", 1)
		copied := *original
		copied.Values["copy"] = 2
		if err := store.Save(r, w, &copied); err != nil {
			t.Errorf("Save of the copy: %v", err)
		}
		original.Values["original"] = 3
		u.save(original, r, w)
	})
	for key, want := range map[string]any{"user": "ann", "meanwhile": 1, "copy": 2, "original": 3} {
		u.want(store, "app", key, want)
	}
}

// Options that the app replaces change nothing in what is known of the session.
func TestReplacedOptions(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		u.set(store, "app", "meanwhile", 1)
		session.Options = &sessions.Options{Path: "/", MaxAge: 60}
		session.Values["more"] = 2
		u.save(session, r, w)
	})
	u.want(store, "app", "meanwhile", 1)
	u.want(store, "app", "more", 2)
}

// Stores with prefixes of their own share nodes, keys and even ids, and no session.
func TestTwoPrefixesOnTheSameNodes(t *testing.T) {
	env, _, _ := start(t)
	var stores []*gorillastore.Store
	for _, prefix := range []string{"one:", "two:"} {
		stores = append(stores, newStore(t, newCluster(t, env, func(cfg *cluster.Config) { cfg.KeyPrefix += prefix })))
	}
	u := newUser(t)
	u.set(stores[0], "app", "user", "ann")
	u.want(stores[0], "app", "user", "ann")
	u.wantFresh(stores[1], "app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := sessions.NewSession(stores[1], "app")
		session.ID = u.see(stores[0], "app").id
		session.Values["user"] = "bob"
		u.save(session, r, w)
	})
	u.want(stores[0], "app", "user", "ann")
	u.want(stores[1], "app", "user", "bob")
}

// Neither ids, values nor keys appear in what a log may hold.
func TestSilence(t *testing.T) {
	env, c, store := start(t)
	sealed := newStore(t, c, authKey, []byte("sealing-key-of-x"))
	u := newUser(t)
	var said []string
	say := func(err error) {
		if err == nil {
			t.Error("no error to look at")
			return
		}
		said = append(said, err.Error(), fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	const planted = "planted-value-0123456789"
	u.set(store, "app", "k", planted)
	id, cookie := u.see(store, "app").id, u.cookie("app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		said = append(said, fmt.Sprintf("%v %+v %#v", store, store, store), fmt.Sprintf("%v %+v %#v", *sealed.Options, sealed, sealed))
		session.Values["bad"] = discardedText{planted}
		say(session.Save(r, w))
		delete(session.Values, "bad")
		session.Values["big"] = []byte(strings.Repeat(planted, 100000))
		say(session.Save(r, w))
		delete(session.Values, "big")
		u.logOut(store, "app")
		say(store.RenewID(r, w, session))
	})
	u.set(store, "app", "k", planted)
	ids := []string{id, cookie, u.see(store, "app").id, u.cookie("app")}
	u.present("app", flip(u.cookie("app")))
	say(u.see(store, "app").err)
	u.present("app", ids[3])
	outage(t, env, c, func() {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			say(err)
			say(session.Save(r, w))
			session.Options.MaxAge = -1
			say(session.Save(r, w))
		})
	})
	secrets := slices.Concat(ids, []string{planted, string(authKey), "sealing-key-of-x", "[48 49 50 51 52"})
	for _, s := range said {
		for _, secret := range secrets {
			if strings.Contains(s, secret) {
				t.Errorf("%.200q shows a secret", s)
			}
		}
	}
}

type discardedText struct{ Text string }
