package gorillastore_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what several stores of one request do to each other.

// The registry of gorilla/sessions knows names and no stores: it would hand the session of one
// store to another, which would save the values of the one among its own.
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
