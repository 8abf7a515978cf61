package gorillastore_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides what requests do to each other that change one value at the same time.

// raise adds one to the number under the key.
func raise(key string) func(*sessions.Session) error {
	return func(session *sessions.Session) error {
		n, _ := session.Values[key].(int)
		session.Values[key] = n + 1
		return nil
	}
}

func TestParallelUpdatesOfOneSession(t *testing.T) {
	env, _, store := start(t)
	stores := []*gorillastore.Store{store, newStore(t, newCluster(t, env))}
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				if err := stores[i%2].Update(r, w, "app", raise("n")); err != nil {
					t.Error(err)
				}
			})
		})
	}
	wg.Wait()
	u.want(store, "app", "n", 30)
	u.want(stores[1], "app", "user", "ann")
}

// The session object shows what is stored, what was changed before is stored as well, and a save after it
// takes nothing of it back.
func TestAfterAnUpdateTheSessionShowsWhatIsStored(t *testing.T) {
	env, _, store := start(t)
	other := newStore(t, newCluster(t, env))
	u := newUser(t)
	u.set(store, "app", "n", 1)
	u.set(store, "app", "gone", 1)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["before"] = 1
		delete(session.Values, "gone")
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			if err := other.Update(r, w, "app", raise("n")); err != nil {
				t.Error(err)
			}
		})
		if err := store.Update(r, w, "app", raise("n")); err != nil {
			t.Error(err)
		}
		if session.Values["n"] != 3 || session.Values["before"] != 1 || session.Values["gone"] != nil {
			t.Errorf("the session shows %v", session.Values)
		}
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			if err := other.Update(r, w, "app", raise("n")); err != nil {
				t.Error(err)
			}
		})
		session.Values["after"] = 1
		u.save(session, r, w)
	})
	for key, want := range map[string]any{"n": 4, "before": 1, "after": 1, "gone": nil} {
		u.want(other, "app", key, want)
	}
}

func TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "n", 1)
	own := errors.New("sold out")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["mine"] = 1
		for what, change := range map[string]func(*sessions.Session) error{
			"its own error": func(s *sessions.Session) error { s.Values["n"] = 7; return own },
			"a bad value":   func(s *sessions.Session) error { s.Values["n"] = func() {}; return nil },
		} {
			if err := store.Update(r, w, "app", change); err == nil || what == "its own error" && !errors.Is(err, own) {
				t.Errorf("%s: %v", what, err)
			}
			if session.Values["n"] != 1 || session.Values["mine"] != 1 {
				t.Errorf("after %s the session shows %v", what, session.Values)
			}
		}
		func() {
			defer func() { _ = recover() }()
			_ = store.Update(r, w, "app", func(s *sessions.Session) error { s.Values["n"] = 7; panic("oh") })
		}()
		if err := store.Update(r, w, "app", nil); err == nil {
			t.Error("a nil function is no error")
		}
		// It would expire the cookie, and leave the session as it is to whoever has that.
		maxAge := session.Options.MaxAge
		if err := store.Update(r, w, "app", func(s *sessions.Session) error { s.Options.MaxAge = -1; return nil }); err == nil || !strings.Contains(err.Error(), "delete it by Save") {
			t.Errorf("a function that deletes: %v", err)
		}
		session.Options.MaxAge = maxAge
		if err := c.Delete(r.Context(), session.ID); err != nil {
			t.Error(err)
		}
		if err := store.Update(r, w, "app", raise("n")); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("after a logout: %v", err)
		}
	})
}

// Within the function of an Update nothing else can be done with the session, and nothing waits for ever. The
// cookie of before was none, so that Get has an error to take back.
func TestAnUpdateDoesNotWaitForItself(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "app", Value: "forged"})
		session, _ := store.Get(r, "app")
		u.save(session, r, w)
		err := store.Update(r, w, "app", func(s *sessions.Session) error {
			for what, err := range map[string]error{
				"Save":    store.Save(r, w, s),
				"RenewID": store.RenewID(r, w, s),
				"Update":  store.Update(r, w, "app", raise("n")),
			} {
				if err == nil {
					t.Errorf("%s within an update is no error", what)
				}
			}
			if same, err := store.Get(r, "app"); same != s || err != nil {
				t.Errorf("Get within an update: %v", err)
			}
			return raise("n")(s)
		})
		if err != nil {
			t.Error(err)
		}
		u.save(session, r, w)
	})
	u.want(store, "app", "n", 1)
}

// A visitor without a session gets one.
func TestAnUpdateBeginsASession(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	for range 2 {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			if err := store.Update(r, w, "app", raise("n")); err != nil {
				t.Error(err)
			}
		})
	}
	u.want(store, "app", "n", 2)
}

// Requests that a LockHandler guards run one at a time, on all instances, and each sees the session as
// the one before has left it, also where the session was loaded before.
func TestLockedRequestsRunOneAtATime(t *testing.T) {
	env, _, store := start(t)
	stores := []*gorillastore.Store{store, newStore(t, newCluster(t, env))}
	u := newUser(t)
	u.set(store, "app", "n", 0)
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		s := stores[i%2]
		pay := s.LockHandler("app", gorillastore.LockOptions{Wait: patience}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			session := u.open(s, r, "app")
			_ = raise("n")(session)
			time.Sleep(time.Millisecond)
			u.save(session, r, w)
		}))
		wg.Go(func() {
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				u.open(s, r, "app") // as a middleware that asks who it is
				pay.ServeHTTP(w, r)
			})
		})
	}
	wg.Wait()
	u.want(store, "app", "n", 12)
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
}

// A request that took longer than its lease neither renews nor destroys the session of the one after it.
func TestALockThatIsLostLetsNothingBeRenewedOrDestroyed(t *testing.T) {
	_, c, store := start(t)
	for what, do := range map[string]func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error{
		"RenewID": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return store.RenewID(r, w, session)
		},
		"Save with a negative MaxAge": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			session.Options.MaxAge = -1
			return store.Save(r, w, session)
		},
	} {
		u := newUser(t)
		u.set(store, "app", "n", 1)
		u.visit(store.LockHandler("app", gorillastore.LockOptions{Lease: time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			if _, _, err := c.Lock(t.Context(), session.ID, time.Minute); err != nil {
				t.Error(err)
			}
			if err := do(w, r, session); !errors.Is(err, cluster.ErrLockLost) {
				t.Errorf("%s: %v", what, err)
			}
		})).ServeHTTP)
		u.want(store, "app", "n", 1)
	}
}

func TestWhatALockHandlerLetsPass(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	ran := 0
	h := store.LockHandler("app", gorillastore.LockOptions{
		Wait: 10 * time.Millisecond, Only: func(r *http.Request) bool { return r.URL.Path != "/free" },
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ran++; u.save(u.open(store, r, "app"), r, w) }))
	u.visit(h.ServeHTTP) // no session yet
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		_, unlock, err := c.Lock(r.Context(), u.open(store, r, "app").ID, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code != http.StatusServiceUnavailable {
			t.Errorf("while another one has the lock: %d", answer.Code)
		}
		r.URL.Path = "/free"
		h.ServeHTTP(httptest.NewRecorder(), r)
	})
	if ran != 2 {
		t.Errorf("%d requests ran, want the one without a session, and the one on a free route", ran)
	}
}

// Two requests add a flash each, a third shows what is there meanwhile: each flash is shown once.
func TestParallelFlashesAreShownOnceEach(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	add := func(text string, meanwhile func()) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.AddFlash(text)
			if meanwhile != nil {
				meanwhile()
			}
			u.save(session, r, w)
		})
	}
	shown := map[any]int{}
	show := func(meanwhile func()) {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			for _, f := range session.Flashes() {
				shown[f]++
			}
			if meanwhile != nil {
				meanwhile()
			}
			u.save(session, r, w)
		})
	}
	add("a", func() {
		add("b", nil)
		show(func() { add("c", nil) })
	})
	add("a", nil) // the same text once more
	show(nil)
	show(nil)
	if fmt.Sprint(shown) != "map[a:2 b:1 c:1]" {
		t.Errorf("shown: %v", shown)
	}
}

// Flashes come in the order in which they were added, and a request that leaves them alone writes none.
func TestFlashesKeepTheirOrder(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	for _, f := range []any{"one", 2, "three"} {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.AddFlash(f)
			u.save(session, r, w)
		})
	}
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		before, err := c.Load(r.Context(), session.ID)
		if err != nil {
			t.Fatal(err)
		}
		session.Values["x"] = 1
		u.save(session, r, w)
		after, err := c.Load(r.Context(), session.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(after.Attrs) != len(before.Attrs)+1 {
			t.Errorf("%d attributes became %d", len(before.Attrs), len(after.Attrs))
		}
		for name := range before.Attrs {
			if _, kept := after.Attrs[name]; !kept {
				t.Error("a flash has got another name")
			}
		}
		if got := fmt.Sprint(session.Flashes()); got != "[one 2 three]" {
			t.Errorf("flashes: %v", got)
		}
	})
}

// flashAttrOf is the attribute under which an older version stores the list of flashes.
func flashAttrOf(t *testing.T) string {
	name, err := serializer.MarshalKey("_flash")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A session that an older version has saved has its flashes in one value.
func TestFlashesOfAnOlderVersionAreShown(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "list", []any{"old", "older"})
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		rec, err := c.Load(r.Context(), session.ID)
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string][]byte{} // as an older version stores a list of flashes
		for _, b := range rec.Attrs {
			stored[flashAttrOf(t)] = b
		}
		rec.Attrs = stored
		if err := c.Save(r.Context(), rec); err != nil {
			t.Fatal(err)
		}
	})
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.AddFlash("new")
		u.save(session, r, w)
	})
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		if got := fmt.Sprint(session.Flashes()); got != "[old older new]" {
			t.Errorf("flashes: %v", got)
		}
		u.save(session, r, w)
	})
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		if got := u.open(store, r, "app").Flashes(); len(got) != 0 {
			t.Errorf("shown again: %v", got)
		}
	})
}
