package gorillastore_test

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// This file decides that an app which knows only the interfaces of gorilla/sessions finds here what
// it is used to: each test runs on gorilla's own store as well.

// onBoth runs a test on gorilla's FilesystemStore and on ours.
func onBoth(t *testing.T, test func(t *testing.T, store sessions.Store, u *user)) {
	t.Run("upstream", func(t *testing.T) {
		test(t, sessions.NewFilesystemStore(t.TempDir(), authKey), newUser(t))
	})
	t.Run("holdfast", func(t *testing.T) {
		_, _, store := start(t)
		test(t, store, newUser(t))
	})
}

func TestContractNewThenStored(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			if !session.IsNew || session.ID != "" || session.Values == nil || len(session.Values) != 0 {
				t.Errorf("without a cookie: IsNew %v, Values %v", session.IsNew, session.Values)
			}
			if session.Name() != "app" || session.Store() != store {
				t.Errorf("Name %q, Store %v", session.Name(), session.Store())
			}
			session.Values["user"] = "ann"
			session.Values[7] = 8
			u.save(session, r, w)
			if session.ID == "" {
				t.Error("no ID after Save")
			}
		})
		u.want(store, "app", "user", "ann")
		u.want(store, "app", 7, 8)
		u.other().wantFresh(store, "app")
	})
}

func TestContractFlashesAreShownOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.AddFlash("saved")
			session.AddFlash("twice")
			session.AddFlash("careful", "warnings")
			u.save(session, r, w)
		})
		for i, want := range [][]any{{"saved", "twice"}, nil} {
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				if got := session.Flashes(); !reflect.DeepEqual(got, want) {
					t.Errorf("visit %d: flashes %v, want %v", i, got, want)
				}
				u.save(session, r, w)
			})
		}
		u.visit(func(_ http.ResponseWriter, r *http.Request) {
			if got := u.open(store, r, "app").Flashes("warnings"); !reflect.DeepEqual(got, []any{"careful"}) {
				t.Errorf("named flashes: %v", got)
			}
		})
	})
}

func TestContractRemovedValuesAreGone(t *testing.T) {
	onBoth(t, func(_ *testing.T, store sessions.Store, u *user) {
		u.set(store, "app", "a", 1)
		u.set(store, "app", "b", 2)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			delete(session.Values, "a")
			u.save(session, r, w)
		})
		u.want(store, "app", "a", nil)
		u.want(store, "app", "b", 2)
	})
}

func TestContractSeveralSessionsInOneRequest(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			u.open(store, r, "one").Values["k"] = "first"
			u.open(store, r, "two").Values["k"] = "second"
			if err := sessions.Save(r, w); err != nil {
				t.Errorf("sessions.Save: %v", err)
			}
		})
		u.want(store, "one", "k", "first")
		u.want(store, "two", "k", "second")
		if u.cookie("one") == u.cookie("two") {
			t.Error("both sessions have one cookie value")
		}
	})
}

func TestContractGetIsCachedAndNewIsNot(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.set(store, "app", "k", "v")
		u.visit(func(_ http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			if u.open(store, r, "app") != session {
				t.Error("Get twice in a request gave two sessions")
			}
			again, err := store.New(r, "app")
			if err != nil || again == session || again.Values["k"] != "v" {
				t.Errorf("New: %v, same %v, values %v", err, again == session, again.Values)
			}
		})
	})
}

func TestContractNegativeMaxAgeDeletes(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.set(store, "app", "user", "ann")
		old := u.cookie("app")
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.Options.MaxAge = -1
			u.save(session, r, w)
		})
		c := given(resp, "app")
		if c == nil || c.MaxAge >= 0 || c.Value != "" || !c.Expires.Before(time.Now()) || c.Path != "/" {
			t.Errorf("the cookie was not expired: %v", c)
		}
		if u.cookie("app") != "" {
			t.Error("the browser still has the cookie")
		}
		u.present("app", old)
		if v := u.see(store, "app"); !v.isNew || len(v.values) != 0 {
			t.Errorf("the old cookie still opens the session: %d values", len(v.values))
		}
	})
}

func TestContractBrokenCookie(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		u.set(store, "app", "user", "ann")
		good := u.cookie("app")
		for what, value := range map[string]string{
			"not base64":  "hello!",
			"not ours":    "aGVsbG8=",
			"cut off":     good[:len(good)-8],
			"one changed": flip(good),
			"doubled":     good + good,
		} {
			u.present("app", value)
			v := u.see(store, "app")
			if !v.isNew || v.err == nil || len(v.values) != 0 {
				t.Errorf("%s: new %v, error %v", what, v.isNew, v.err)
			}
			if multi, ok := v.err.(securecookie.MultiError); !ok || !multi.IsDecode() {
				t.Errorf("%s: the error is a %T, and IsDecode is not true", what, v.err)
			}
		}
		u.present("app", "hello!")
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, _ := store.Get(r, "app")
			session.Values["user"] = "eve"
			u.save(session, r, w)
		})
		u.want(store, "app", "user", "eve")
		u.present("app", good)
		u.want(store, "app", "user", "ann")
	})
}

// flip changes one character in the middle.
func flip(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] == '{' || b[len(b)/2] == '[' || b[len(b)/2] == ':' {
		b[len(b)/2] = 'b'
	}
	return string(b)
}

func TestContractOptionsAreCopied(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.Options.MaxAge = 60
			session.Options.Path = "/deep"
			u.save(session, r, w)
			u.save(u.open(store, r, "other"), r, w)
		})
		if c := given(resp, "app"); c.MaxAge != 60 || c.Path != "/deep" || time.Until(c.Expires) > time.Minute {
			t.Errorf("the session's own options were not used: %v", c)
		}
		if c := given(resp, "other"); c.MaxAge != 30*24*60*60 || c.Path != "/" {
			t.Errorf("another session has the options of the first: %v", c)
		}
	})
}

func TestContractKeyRotation(t *testing.T) {
	oldKey, newKey := authKey, []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
	dir := t.TempDir()
	_, c, _ := start(t)
	for name, newStore := range map[string]func(keys ...[]byte) sessions.Store{
		"upstream": func(keys ...[]byte) sessions.Store { return sessions.NewFilesystemStore(dir, keys...) },
		"holdfast": func(keys ...[]byte) sessions.Store { return newStore(t, c, keys...) },
	} {
		t.Run(name, func(t *testing.T) {
			before, rolling, after := newStore(oldKey), newStore(newKey, nil, oldKey), newStore(newKey)
			u := newUser(t)
			u.set(before, "app", "user", "ann")
			oldCookie := u.cookie("app")
			// FilesystemStore signs its files, too: they are written anew before the old key goes.
			u.set(rolling, "app", "seen", true)
			u.want(rolling, "app", "user", "ann")
			u.want(after, "app", "user", "ann")
			if v := u.see(before, "app"); v.err == nil {
				t.Error("the new cookie is not signed with the new key")
			}
			u.present("app", oldCookie)
			var refused securecookie.Error
			if v := u.see(after, "app"); !v.isNew || !errors.As(v.err, &refused) {
				t.Errorf("a cookie of the key that was dropped: new %v, error %v", v.isNew, v.err)
			}
		})
	}
}

func TestContractMaxAgeOfTheStore(t *testing.T) {
	onBoth(t, func(t *testing.T, store sessions.Store, u *user) {
		store.(interface{ MaxAge(age int) }).MaxAge(120)
		resp := u.set(store, "app", "k", "v")
		if c := given(resp, "app"); c.MaxAge != 120 {
			t.Errorf("Max-Age is %d, want 120", c.MaxAge)
		}
		u.want(store, "app", "k", "v")
	})
}
