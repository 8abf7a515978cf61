// This file decides what a second Get of a request says, after the first has failed, and when two
// stores ask for one name.

package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

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

// The registry of gorilla/sessions knows names and no stores: it would hand the session of one store
// to another, which would save the values of the one among its own.
func TestTwoStoresAskForOneName(t *testing.T) {
	_, c, first := start(t)
	_, other, _ := start(t)
	for what, second := range map[string]*gorillastore.Store{
		"other nodes":                newStore(t, other),
		"other keys":                 newStore(t, c, []byte("another secret of another store!")),
		"the same nodes and keys":    newStore(t, c),
		"other nodes and other keys": newStore(t, other, []byte("another secret of another store!")),
	} {
		u := newUser(t)
		u.set(first, "app", "user", "ann")
		saves := other.Stats().Saves
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			mine := u.open(first, r, "app")
			session, err := second.Get(r, "app")
			if err == nil || !strings.Contains(err.Error(), "another store") || !strings.Contains(err.Error(), `"app"`) {
				t.Errorf("%s: Get: %v", what, err)
			}
			if session == nil || session == mine || !session.IsNew || session.ID != "" || len(session.Values) != 0 {
				t.Errorf("%s: the session is not empty: %+v", what, session)
			}
			session.Values["user"] = "eve"
			rec := httptest.NewRecorder()
			for how, save := range map[string]func() error{
				"Save":          func() error { return session.Save(r, rec) },
				"RenewID":       func() error { return second.RenewID(r, rec, session) },
				"of the first":  func() error { return second.Save(r, rec, mine) },
				"renewal of it": func() error { return second.RenewID(r, rec, mine) },
				"deletion": func() error {
					session.Options.MaxAge = -1
					return session.Save(r, rec)
				},
			} {
				if err := save(); err == nil || !strings.Contains(err.Error(), "another store") {
					t.Errorf("%s: %s: %v", what, how, err)
				}
			}
			if len(rec.Header()) != 0 {
				t.Errorf("%s: a cookie was set", what)
			}
			// The store that came first goes on as if nothing had been.
			mine.Values["more"] = 1
			if mine.Store() != first {
				t.Errorf("%s: the session belongs to the second store now", what)
			}
			u.save(mine, r, w)
			if err := sessions.Save(r, w); err != nil {
				t.Errorf("%s: sessions.Save: %v", what, err)
			}
			if again := u.open(first, r, "app"); again != mine {
				t.Errorf("%s: the first store has another session now", what)
			}
		})
		if got := resp.Header.Values("Set-Cookie"); len(got) != 1 {
			t.Errorf("%s: %d cookies", what, len(got))
		}
		u.want(first, "app", "user", "ann")
		u.want(first, "app", "more", 1)
		if got := other.Stats().Saves - saves; got != 0 {
			t.Errorf("%s: %d saves on the second store's nodes", what, got)
		}
	}
}

// Requests of their own, and names of their own, are nobody's concern.
func TestTwoStoresSideBySide(t *testing.T) {
	_, _, first := start(t)
	_, other, _ := start(t)
	second := newStore(t, other)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		u.open(first, r, "one").Values["k"] = 1
		u.open(second, r, "two").Values["k"] = 2
		if err := sessions.Save(r, w); err != nil {
			t.Errorf("sessions.Save: %v", err)
		}
	})
	u.want(first, "one", "k", 1)
	u.want(second, "two", "k", 2)
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		if session, err := second.New(r, "one"); err != nil || !session.IsNew || session.Store() != second {
			t.Errorf("New, which the registry knows nothing of: %v", err)
		}
	})
}

// A store of another kind came first. Its session is no longer to be had for its own store, whose
// place the registry has given away; but nothing of it is written here.
func TestStoreOfAnotherKindAsksForTheSameName(t *testing.T) {
	_, c, store := start(t)
	files := sessions.NewFilesystemStore(t.TempDir(), authKey)
	u := newUser(t)
	u.set(files, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		theirs := u.open(files, r, "app")
		for range 2 {
			session, err := store.Get(r, "app")
			if err == nil || !strings.Contains(err.Error(), "another store") || len(session.Values) != 0 {
				t.Errorf("Get: %d values, error %v", len(session.Values), err)
			}
			if err := session.Save(r, w); err == nil {
				t.Error("Save of the session that came with the error")
			}
		}
		if err := store.Save(r, w, theirs); err == nil {
			t.Error("Save of the other store's session")
		}
		u.save(u.open(files, r, "app"), r, w)
	})
	u.want(files, "app", "user", "ann")
	if s := c.Stats(); s.Saves != 0 {
		t.Errorf("%d saves", s.Saves)
	}
}

// A store of the app's own around this one.
type wrapped struct{ *gorillastore.Store }

func (s wrapped) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

func TestWrappedStore(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(wrapped{store}, "app", "user", "ann")
	u.want(wrapped{store}, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(wrapped{store}, r, "app")
		if u.open(store, r, "app") != session {
			t.Error("the store within has another session")
		}
		session.Values["more"] = 1
		u.save(session, r, w)
	})
	u.want(store, "app", "more", 1)
}
