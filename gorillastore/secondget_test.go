package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what a second Get of a request says, after the first has failed.

// A middleware gets a session whose cookie does not verify, and saves it. What comes behind finds
// that session, and no error.
func TestErrorEndsWithTheSaveOfATamperedSession(t *testing.T) {
	_, _, store := start(t)
	for what, save := range map[string]func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error{
		"Save": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return session.Save(r, w)
		},
		"RenewID": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return store.RenewID(r, w, session)
		},
		"sessions.Save": func(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error {
			return sessions.Save(r, w)
		},
		"Save of a copy": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			copied := *session
			return store.Save(r, w, &copied)
		},
		"deletion": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			session.Options.MaxAge = -1
			defer func() { session.Options.MaxAge = 60 }()
			return session.Save(r, w)
		},
	} {
		u := newUser(t)
		u.present("app", "tampered")
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			var refused securecookie.MultiError
			if !errors.As(err, &refused) {
				t.Errorf("%s: Get: %v", what, err)
			}
			if _, err := store.Get(r, "app"); !errors.As(err, &refused) {
				t.Errorf("%s: Get before the save: %v", what, err)
			}
			session.Values["bad"] = make(chan int)
			if err := session.Save(r, w); err == nil {
				t.Errorf("%s: a channel was saved", what)
			}
			if _, err := store.Get(r, "app"); err == nil {
				t.Errorf("%s: a save that failed has mended the error", what)
			}
			delete(session.Values, "bad")
			session.Values["user"] = "ann"
			if err := save(w, r, session); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			again, err := store.Get(r, "app")
			if err != nil || again != session {
				t.Errorf("%s: Get after it: the same session %v, error %v", what, again == session, err)
			}
			again.Values["more"] = 1
			u.save(again, r, w)
		})
		u.want(store, "app", "user", "ann")
		u.want(store, "app", "more", 1)
	}
}

// The nodes are back in the middle of a request: its next Get has the session as it is stored, not
// as a handler that ignored the first error has filled it.
func TestOutageThatEndsBeforeTheNextGet(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["user"], session.Values["visits"] = "ann", 41
		session.Options.MaxAge = 600
		u.save(session, r, w)
	})
	id := u.see(store, "app").id
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		var session *sessions.Session
		outage(t, env, c, func() {
			var err error
			if session, err = store.Get(r, "app"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("Get: %v", err)
			}
			if _, err = store.Get(r, "app"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("Get while the nodes are away: %v", err)
			}
			session.Values["visits"], session.Values["user"] = 1, "nobody"
			session.AddFlash("welcome")
		})
		u.set(store, "app", "meanwhile", true)
		again, err := store.Get(r, "app")
		if err != nil || again != session || again.IsNew || again.ID != id {
			t.Errorf("Get: new %v, error %v", again.IsNew, err)
		}
		if len(again.Values) != 3 || again.Values["user"] != "ann" || again.Values["visits"] != 41 {
			t.Errorf("Get: %d values, user %v, visits %v", len(again.Values), again.Values["user"], again.Values["visits"])
		}
		if again.Options.MaxAge != 600 {
			t.Errorf("MaxAge %d, want the session's own", again.Options.MaxAge)
		}
		again.Values["visits"] = 42
		u.save(again, r, w)
	})
	if c := given(resp, "app"); c == nil || c.MaxAge != 600 {
		t.Errorf("the cookie is %v", c)
	}
	u.want(store, "app", "visits", 42)
	u.want(store, "app", "meanwhile", true)
}

// The same, and the session has ended meanwhile: then there is none, and a new one may be saved.
func TestSessionThatEndsDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	id := u.see(store, "app").id
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		outage(t, env, c, func() {
			session, _ := store.Get(r, "app")
			session.Values["user"] = "nobody"
			session.Values = nil
		})
		ended(t, c, id)
		session, err := store.Get(r, "app")
		if err != nil || !session.IsNew || session.Values == nil || len(session.Values) != 0 {
			t.Errorf("Get: new %v, %d values, error %v", session.IsNew, len(session.Values), err)
		}
		session.Values["user"] = "bob"
		u.save(session, r, w)
	})
	u.want(store, "app", "user", "bob")
	if u.see(store, "app").id == id {
		t.Error("the dead id was adopted")
	}
}

// A context of a first Get has ended, that of the second has not.
func TestGetAfterACancelledGet(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		sessions.GetRegistry(r)
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		// The registry loads with the request that has made it; what ends is the next one's.
		if session, err := store.Get(r.WithContext(ctx), "app"); err != nil || session.Values["user"] != "ann" {
			t.Errorf("Get: %v", err)
		}
	})
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		short := r.WithContext(ctx)
		if _, err := store.Get(short, "app"); !errors.Is(err, context.Canceled) {
			t.Errorf("Get: %v", err)
		}
		long := short.WithContext(context.WithoutCancel(short.Context()))
		if session, err := store.Get(long, "app"); err != nil || session.Values["user"] != "ann" {
			t.Errorf("Get: %v", err)
		}
	})
}

// What another load would not change is not loaded again.
func TestUnreadableSessionIsLoadedOnce(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	damage(t, c, u.see(store, "app").id, "suser")
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		before := c.Stats().Loads
		for range 3 {
			if _, err := store.Get(r, "app"); !errors.Is(err, gorillastore.ErrUndecodable) {
				t.Errorf("Get: %v", err)
			}
		}
		if loads := c.Stats().Loads - before; loads != 1 {
			t.Errorf("%d loads", loads)
		}
	})
}
