package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what becomes of a session that ends while a request of it is running, in
// virtual time.

// The handler takes longer than the session lives. Others have seen it end, and it stays ended: the
// Save stores nothing, sets no cookie, and is nil, as for a session that was deleted meanwhile.
func TestLateSaveDoesNotReviveASession(t *testing.T) {
	const late = 2500 * time.Millisecond
	saved := func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
		return session.Save(r, w)
	}
	for _, test := range []struct {
		what   string
		before func(w http.ResponseWriter, r *http.Request, session *sessions.Session) // at once, where the request comes in
		after  func(session *sessions.Session)
		save   func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error
	}{
		{what: "a change", after: func(session *sessions.Session) { session.Values["k"] = "late" }, save: saved},
		{what: "nothing changed", save: saved},
		{what: "a flash", after: func(session *sessions.Session) { session.AddFlash("welcome") }, save: saved},
		{what: "flashes that are shown", after: func(session *sessions.Session) { session.Flashes() }, save: saved},
		{what: "an hour more", after: func(session *sessions.Session) { session.Options.MaxAge = 3600 }, save: saved},
		{what: "all sessions saved", save: func(w http.ResponseWriter, r *http.Request, _ *sessions.Session) error { return sessions.Save(r, w) }},
		{what: "a copy", save: func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			copied := *session
			return copied.Save(r, w)
		}},
		{what: "saved in time and late", before: func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			session.Values["step"] = 1
			_ = session.Save(r, w)
		}, save: saved},
		{what: "saved late, twice", save: func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return errors.Join(session.Save(r, w), session.Save(r, w))
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
				store.MaxAge(1)
				u.visit(func(w http.ResponseWriter, r *http.Request) {
					session := u.open(store, r, "app")
					session.Values["k"] = "v"
					session.AddFlash("hello")
					u.save(session, r, w)
				})
				cookie, id := u.cookie("app"), u.see(store, "app").id
				resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
					session := u.open(store, r, "app")
					if test.before != nil {
						test.before(w, r, session)
					}
					time.Sleep(late)
					u.present("app", cookie)
					u.wantFresh(store, "app")
					if test.after != nil {
						test.after(session)
					}
					if err := test.save(w, r, session); err != nil {
						t.Errorf("Save: %v", err)
					}
				})
				if c := given(resp, "app"); c != nil {
					t.Errorf("a cookie was set, MaxAge %d", c.MaxAge)
				}
				u.present("app", cookie)
				u.wantFresh(store, "app")
				if _, err := c.Load(context.Background(), id); !errors.Is(err, cluster.ErrNotFound) {
					t.Errorf("the nodes have it again: %v", err)
				}
			})
		})
	}
}

// A new id is none for it either, and the app is told, since it counts on it.
func TestLateRenewIDDoesNotReviveASession(t *testing.T) {
	for what, renew := range map[string]func(store *gorillastore.Store, w http.ResponseWriter, r *http.Request, session *sessions.Session) error{
		"RenewID": func(store *gorillastore.Store, w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return store.RenewID(r, w, session)
		},
		"an emptied ID": func(_ *gorillastore.Store, w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			session.ID = ""
			return session.Save(r, w)
		},
		"an ID of the app's own": func(_ *gorillastore.Store, w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			session.ID = "an id of the app's own"
			return session.Save(r, w)
		},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
				u.setWithMaxAge(store, 1)
				resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
					session := u.open(store, r, "app")
					time.Sleep(2500 * time.Millisecond)
					if err := renew(store, w, r, session); !errors.Is(err, cluster.ErrDestroyed) {
						t.Errorf("%v", err)
					}
					if _, err := c.Load(context.Background(), session.ID); !errors.Is(err, cluster.ErrNotFound) {
						t.Errorf("its values live on: %v", err)
					}
				})
				if given(resp, "app") != nil {
					t.Error("a cookie was set")
				}
			})
		})
	}
}

// What has not ended is saved, however late: another request has prolonged it, or nobody has stored
// it before.
func TestLateSaveOfALivingSession(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *cluster.Cluster, store *gorillastore.Store, u *user) {
		u.setWithMaxAge(store, 2)
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			for range 3 {
				time.Sleep(1500 * time.Millisecond)
				u.set(store, "app", "meanwhile", 1)
			}
			session.Values["late"] = true
			u.save(session, r, w)
		})
		if given(resp, "app") == nil {
			t.Error("no cookie was set")
		}
		u.want(store, "app", "late", true)
		u.want(store, "app", "meanwhile", 1)

		other := u.other()
		other.visit(func(w http.ResponseWriter, r *http.Request) {
			session := other.open(store, r, "app")
			session.Options.MaxAge = 1
			time.Sleep(2500 * time.Millisecond)
			session.Values["k"] = "v"
			other.save(session, r, w)
		})
		other.want(store, "app", "k", "v")
	})
}

// The user logs out of a session that has just ended: the cookie goes, and nothing is wrong.
func TestLateLogout(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *cluster.Cluster, store *gorillastore.Store, u *user) {
		u.setWithMaxAge(store, 1)
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			time.Sleep(2500 * time.Millisecond)
			session.Options.MaxAge = -1
			u.save(session, r, w)
		})
		if c := given(resp, "app"); c == nil || c.MaxAge >= 0 {
			t.Errorf("the cookie was not expired: %v", c)
		}
	})
}
