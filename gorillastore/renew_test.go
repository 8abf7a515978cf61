package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what a new id means for the old one.

func TestRenewID(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "cart", 3)
	old, oldID := u.cookie("app"), u.see(store, "app").id
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["user"] = "ann"
		if err := store.RenewID(r, w, session); err != nil {
			t.Errorf("RenewID: %v", err)
		}
		if session.ID == oldID || session.ID == "" {
			t.Error("the session's ID was not renewed")
		}
		session.Values["later"] = 1
		u.save(session, r, w)
	})
	if c := given(resp, "app"); c == nil || c.Value == old || c.Value == "" {
		t.Errorf("no new cookie was set")
	}
	for key, want := range map[string]any{"cart": 3, "user": "ann", "later": 1} {
		u.want(store, "app", key, want)
	}

	// The old id is dead on every node that may hold a copy of it: each in turn is the only one
	// that still has its memory.
	victim := newUser(t)
	victim.present("app", old)
	victim.wantFresh(store, "app")
	homes := 0
	for _, n := range env.All() {
		for _, key := range n.Keys() {
			if strings.HasPrefix(key, prefixOf(env)) {
				homes++
			}
		}
	}
	if homes < 4 {
		t.Errorf("%d copies on all nodes: the renewed session and the memory of the old one should have two each", homes)
	}
	for _, n := range env.All() {
		n.Restart()
		eventually(t, "the restarted node is in use", func() bool {
			u.want(store, "app", "user", "ann")
			return c.Ping(context.Background()) == nil
		})
		victim.present("app", old)
		victim.wantFresh(store, "app")
	}
}

func TestRenewIDOfANewSession(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["user"] = "ann"
		if err := store.RenewID(r, w, session); err != nil {
			t.Errorf("RenewID: %v", err)
		}
		first := session.ID
		if err := store.RenewID(r, w, session); err != nil || session.ID == first {
			t.Errorf("RenewID again: %v", err)
		}
	})
	u.want(store, "app", "user", "ann")
}

// An id that the attacker has planted is worth nothing after the login.
func TestFixation(t *testing.T) {
	_, _, store := start(t)
	attacker, victim := newUser(t), newUser(t)
	attacker.set(store, "app", "visits", 1)
	planted := attacker.cookie("app")
	victim.present("app", planted)
	victim.visit(func(w http.ResponseWriter, r *http.Request) {
		session := victim.open(store, r, "app")
		session.Values["user"] = "ann"
		if err := store.RenewID(r, w, session); err != nil {
			t.Errorf("RenewID: %v", err)
		}
	})
	victim.want(store, "app", "user", "ann")
	attacker.present("app", planted)
	attacker.wantFresh(store, "app")
}

func TestRenewIDWithNegativeMaxAgeDeletes(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	old := u.cookie("app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Options.MaxAge = -1
		if err := store.RenewID(r, w, session); err != nil {
			t.Errorf("RenewID: %v", err)
		}
	})
	u.present("app", old)
	u.wantFresh(store, "app")
}

// What fails leaves the old session and its cookie as they were.
func TestRenewIDDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "cart", 3)
	cookie := u.cookie("app")
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		id := session.ID
		session.Values["user"] = "ann"
		outage(t, env, c, func() {
			if err := store.RenewID(r, w, session); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("RenewID: %v", err)
			}
		})
		if session.ID != id {
			t.Error("the session's ID was changed")
		}
	})
	if given(resp, "app") != nil || u.cookie("app") != cookie {
		t.Error("a cookie was set")
	}
	u.want(store, "app", "cart", 3)
	u.want(store, "app", "user", nil)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := store.RenewID(r, w, u.open(store, r, "app")); err != nil {
			t.Errorf("RenewID after the outage: %v", err)
		}
	})
	u.want(store, "app", "cart", 3)
}

// refuse makes every node deaf to a verb until the returned function is called. Then what it was
// told is applied, late.
func refuse(t *testing.T, env *testenv.Env, verb string) (allow func()) {
	wall := make(chan struct{})
	allow = sync.OnceFunc(func() { close(wall) })
	t.Cleanup(allow)
	for _, n := range env.All() {
		n.OnCommand(func(v, _ string) {
			if v == verb {
				<-wall
			}
		})
	}
	return allow
}

// Whatever step fails, the user keeps a session: the new one is stored before the old one is
// destroyed. Deletions are the only blind sets on the wire, new sessions the only adds.
func TestRenewIDThatFailsHalfWay(t *testing.T) {
	for _, test := range []struct {
		what, verb string
		renewed    bool
	}{
		{"the new session cannot be stored", "add", false},
		{"it cannot be known whether the old session still exists", "gets", false},
		{"the old session cannot be destroyed", "set", true},
	} {
		t.Run(test.what, func(t *testing.T) {
			env := testenv.Start(t, 3, testenv.Embedded())
			store := newStore(t, newCluster(t, env, func(cfg *cluster.Config) { cfg.Timeout = 300 * time.Millisecond }))
			u := newUser(t)
			u.set(store, "app", "cart", 3)
			oldID := u.see(store, "app").id
			resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				session.Values["user"] = "ann"
				allow := refuse(t, env, test.verb)
				defer allow()
				err := store.RenewID(r, w, session)
				if !errors.Is(err, cluster.ErrUnavailable) || strings.Contains(err.Error(), "old one could not be destroyed") != test.renewed {
					t.Errorf("RenewID: %v", err)
				}
				if (session.ID != oldID) != test.renewed {
					t.Error("the session's ID does not fit the outcome")
				}
			})
			if (given(resp, "app") != nil) != test.renewed {
				t.Error("the cookie does not fit the outcome")
			}
			// Another instance, whose nodes are all up. The ones here may still think otherwise.
			store = newStore(t, newCluster(t, env))
			u.want(store, "app", "cart", 3)
			var user any
			if test.renewed {
				user = "ann"
			}
			u.want(store, "app", "user", user)
		})
	}
}
