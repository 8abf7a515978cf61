package gorillastore_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what an app and its users see while no node can be reached.

// The app of this test ignores every error of Get, as many do.
func TestOutageLogsNobodyOut(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	cookie := u.cookie("app")
	outage(t, env, c, func() {
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if session == nil || !session.IsNew || session.ID != "" || len(session.Values) != 0 {
				t.Errorf("got %+v, want an empty new session", session)
				return
			}
			if !errors.Is(err, cluster.ErrUnavailable) || !strings.Contains(err.Error(), `"app"`) {
				t.Errorf("Get: %v; want ErrUnavailable and the session's name", err)
			}
			if again, err := store.Get(r, "app"); again != session || err == nil {
				t.Errorf("the second Get of the request: %v", err)
			}
			session.Values["user"] = "nobody"
			session.AddFlash("near empty")
			for what, save := range map[string]func() error{
				"Save":          func() error { return session.Save(r, w) },
				"sessions.Save": func() error { return sessions.Save(r, w) },
				"RenewID":       func() error { return store.RenewID(r, w, session) },
				"Save of a copy": func() error {
					copied := *session
					return store.Save(r, w, &copied)
				},
				"Save with a new ID": func() error {
					session.ID = "mine"
					defer func() { session.ID = "" }()
					return session.Save(r, w)
				},
			} {
				err := save()
				// sessions.Save flattens its errors to text.
				if err == nil || what != "sessions.Save" && (!errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, cluster.ErrUnavailable)) {
					t.Errorf("%s: %v; want ErrNotLoaded and ErrUnavailable", what, err)
				}
			}
		})
		if c := given(resp, "app"); c != nil {
			t.Errorf("a cookie was set: %d bytes", len(c.Value))
		}
	})
	if u.cookie("app") != cookie {
		t.Error("the browser has another cookie")
	}
	u.want(store, "app", "user", "ann")
}

// The outage ends in the middle of a request: a save would succeed now, and would still replace
// what nobody has read.
func TestOutageThatEndsBeforeTheSave(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		var session *sessions.Session
		outage(t, env, c, func() { session, _ = store.Get(r, "app") })
		session.Values["user"] = "nobody"
		if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrNotLoaded) {
			t.Errorf("Save: %v", err)
		}
	})
	if given(resp, "app") != nil {
		t.Error("a cookie was set")
	}
	u.want(store, "app", "user", "ann")
}

// The user wants out, and the id is known: a load that failed does not stand in the way.
func TestLogoutAfterAFailedLoad(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	old := u.cookie("app")
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		var session *sessions.Session
		outage(t, env, c, func() { session, _ = store.Get(r, "app") })
		session.Options.MaxAge = -1
		u.save(session, r, w)
	})
	if c := given(resp, "app"); c == nil || c.MaxAge >= 0 {
		t.Errorf("the cookie was not expired: %v", c)
	}
	u.present("app", old)
	u.wantFresh(store, "app")

	// What is saved after that is a new session, not one that failed to load.
	u.set(store, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		var session *sessions.Session
		outage(t, env, c, func() { session, _ = store.Get(r, "app") })
		session.Options.MaxAge = -1
		u.save(session, r, w)
		session.Options.MaxAge = 60
		session.Values["bye"] = true
		u.save(session, r, w)
	})
	u.want(store, "app", "bye", true)
}

// While the session stands, its cookie stands: the user sees that logging out failed, and can try
// again.
func TestLogoutDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	outage(t, env, c, func() {
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, _ := store.Get(r, "app")
			session.Options.MaxAge = -1
			if err := session.Save(r, w); !errors.Is(err, cluster.ErrUnavailable) || !strings.Contains(err.Error(), "still exists") {
				t.Errorf("Save: %v", err)
			}
		})
		if given(resp, "app") != nil {
			t.Error("a cookie was set")
		}
	})
	u.want(store, "app", "user", "ann")
	u.logOut(store, "app")
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
