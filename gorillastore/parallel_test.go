package gorillastore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what several requests of one session do to each other.

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
