package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what an app may do to a session between its load and its save.

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
