package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides who has a session and who has none.

// Session fixation: an id that names no session is never taken over, though its signature is good.
func TestUnknownIDsAreNotAdopted(t *testing.T) {
	_, c, store := start(t)
	for what, end := range map[string]func(u *user, id string){
		"logged out": func(u *user, _ string) { u.logOut(store, "app") },
		"lost":       func(_ *user, id string) { c.Delete(context.Background(), id) },
		"renewed":    func(u *user, _ string) { u.renew(store, "app") },
	} {
		u := newUser(t)
		u.set(store, "app", "user", "ann")
		old, id := u.cookie("app"), u.see(store, "app").id
		end(u, id)
		u.present("app", old)
		u.wantFresh(store, "app")
		u.set(store, "app", "user", "eve")
		if v := u.see(store, "app"); v.id == id || v.id == "" {
			t.Errorf("%s: the id was adopted", what)
		}
		if u.cookie("app") == old {
			t.Errorf("%s: no new cookie was set", what)
		}
		u.present("app", old)
		u.wantFresh(store, "app")
	}
}

// Loads end with their request; a load that was cut short is no reason to overwrite anything.
func TestCancelledLoad(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		session, err := store.Get(r.WithContext(ctx), "app")
		if !errors.Is(err, context.Canceled) || !session.IsNew {
			t.Errorf("Get: %v", err)
		}
		if err := store.Save(r, w, session); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, context.Canceled) {
			t.Errorf("Save: %v", err)
		}
	})
	u.want(store, "app", "user", "ann")
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

// Without a cookie no node is asked, so an outage is not noticed before the Save.
func TestVisitorWithoutACookieDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	outage(t, env, c, func() {
		resp := newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if err != nil || !session.IsNew {
				t.Errorf("Get: %v", err)
			}
			if err := session.Save(r, w); !errors.Is(err, cluster.ErrUnavailable) || errors.Is(err, gorillastore.ErrNotLoaded) {
				t.Errorf("Save: %v", err)
			}
		})
		if given(resp, "app") != nil {
			t.Error("a cookie was set for a session that is not stored")
		}
		if s := c.Stats(); s.Loads != 0 {
			t.Errorf("%d loads", s.Loads)
		}
	})
}

// What an app holds that has dropped the error of New.
func TestANilStoreSaysSo(t *testing.T) {
	var store *gorillastore.Store
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	store.MaxAge(60)
	for name, get := range map[string]func(*http.Request, string) (*sessions.Session, error){"Get": store.Get, "New": store.New} {
		session, err := get(r, "session")
		if err == nil || session == nil {
			t.Fatalf("%s: %v, %v", name, session, err)
		}
		if store.Save(r, w, session) == nil || store.RenewID(r, w, session) == nil {
			t.Errorf("%s: its session is saved", name)
		}
	}
	if len(w.Header()) > 0 {
		t.Errorf("headers are set: %v", w.Header())
	}
}
