package gorillastore_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides what becomes of a MaxAge that a session was given for itself.

const hour = 3600

// A session that was given a MaxAge at login keeps it in every request that follows.
func TestSessionKeepsItsOwnMaxAge(t *testing.T) {
	for _, test := range []struct {
		what       string
		store, own int
		lives      time.Duration
	}{
		{"ten minutes in a store of 30 days", 30 * 24 * hour, 600, 10 * time.Minute},
		{"30 days in a store of browser sessions", 0, 30 * 24 * hour, 30 * day},
		{"a browser session in a store of 30 days", 30 * 24 * hour, 0, 24 * time.Hour},
		{"400 days in a store of an hour", hour, 400 * 24 * hour, 400 * day},
		{"a second in a store of an hour", hour, 1, time.Second},
		{"the store's own", hour, hour, time.Hour},
	} {
		t.Run(test.what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) {
				store.MaxAge(test.store)
				u.setWithMaxAge(store, test.own)
				check := func(step string, resp *http.Response) {
					t.Helper()
					got := given(resp, "app")
					if got == nil || got.MaxAge != test.own || (test.own == 0) != got.Expires.IsZero() {
						t.Errorf("%s: the cookie is %v", step, got)
					}
				}
				for range 4 {
					time.Sleep(test.lives / 2)
					check("Save", u.set(store, "app", "n", 1))
				}
				check("RenewID", u.renew(store, "app"))
				check("Save after RenewID", u.set(store, "app", "n", 2))
				u.visit(func(w http.ResponseWriter, r *http.Request) {
					session := u.open(store, r, "app")
					if session.Options.MaxAge != test.own {
						t.Errorf("Options.MaxAge is %d, want %d", session.Options.MaxAge, test.own)
					}
					if len(session.Values) != 2 {
						t.Errorf("%d values, want the two of the app", len(session.Values))
					}
					clear(session.Values)
					session.Values["k"] = "v"
					u.save(session, r, w)
				})
				ends(t, c, store, u, test.lives)
			})
		})
	}
}

// A session has a MaxAge of its own from when the app changes it, and until it sets the store's.
func TestOwnMaxAgeIsGivenAndTaken(t *testing.T) {
	_, _, store := start(t)
	store.MaxAge(hour)
	u := newUser(t)
	want := func(step string, age int) {
		t.Helper()
		resp := u.set(store, "app", "k", "v")
		if c := given(resp, "app"); c == nil || c.MaxAge != age {
			t.Errorf("%s: the cookie is %v, want MaxAge %d", step, c, age)
		}
	}
	change := func(edit func(session *sessions.Session)) {
		t.Helper()
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			edit(session)
			u.save(session, r, w)
		})
	}
	want("new", hour)
	store.MaxAge(2 * hour)
	want("the store's MaxAge has changed", 2*hour)
	change(func(session *sessions.Session) { session.Options.MaxAge = 600 })
	want("the session has its own", 600)
	store.MaxAge(600)
	want("the store's is the same now", 600)
	store.MaxAge(3 * hour)
	want("and has changed again", 600)
	change(func(session *sessions.Session) { session.Options = nil })
	want("Options taken away", 600)
	change(func(session *sessions.Session) { session.Options = &sessions.Options{Path: "/", MaxAge: 60} })
	want("Options replaced", 60)
	change(func(session *sessions.Session) { session.Values = nil })
	want("Values taken away", 60)
	change(func(session *sessions.Session) { session.Options.MaxAge = 3 * hour })
	store.MaxAge(4 * hour)
	want("the session was given the store's", 4*hour)
	change(func(session *sessions.Session) { session.Options.MaxAge = 0 })
	want("a browser session of its own", 0)
	store.Options = nil
	want("the store has no Options", 0)
	change(func(session *sessions.Session) { session.Options.MaxAge = gorillastore.DefaultMaxAge })
	store.MaxAge(hour)
	want("the session was given the default", hour)

	// What comes after a deletion is a new session, with nothing of the old one.
	change(func(session *sessions.Session) { session.Options.MaxAge = 600 })
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Options.MaxAge = -1
		u.save(session, r, w)
		session.Options.MaxAge = hour
		u.save(session, r, w)
	})
	store.MaxAge(2 * hour)
	want("a session after a deletion", 2*hour)

	// A store that keeps nothing keeps nothing.
	change(func(session *sessions.Session) { session.Options.MaxAge = 600 })
	store.MaxAge(-1)
	if c := given(u.set(store, "app", "k", "v"), "app"); c == nil || c.MaxAge >= 0 {
		t.Errorf("a store with a negative MaxAge: the cookie is %v", c)
	}
	u.wantFresh(store, "app")
}

// A session that the app has built with Options of its own has their MaxAge for good.
func TestOwnMaxAgeOfASessionThatTheAppBuilt(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := sessions.NewSession(store, "app")
		session.Options = &sessions.Options{Path: "/", MaxAge: 600}
		u.save(session, r, w)
		session.Values["k"] = 1
		u.save(session, r, w)
	})
	if c := given(u.set(store, "app", "k", "v"), "app"); c.MaxAge != 600 {
		t.Errorf("the cookie is %v", c)
	}
}

// attributes returns what the nodes hold of the user's session.
func attributes(t *testing.T, c *cluster.Cluster, store *gorillastore.Store, u *user) map[string][]byte {
	t.Helper()
	rec, err := c.Load(context.Background(), u.see(store, "app").id)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Attrs
}

// A session with the store's MaxAge costs no byte. For one with its own, an instance of an older
// version, which takes what it finds for values of the app, writes back what it has read.
func TestOwnMaxAgeOnTheNodes(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "k", "v")
	u.set(store, "app", "k", "w")
	if got := attributes(t, c, store, u); len(got) != 1 {
		t.Errorf("%d attributes of one value", len(got))
	}
	u.setWithMaxAge(store, 600)
	attrs := attributes(t, c, store, u)
	if len(attrs) != 2 {
		t.Fatalf("%d attributes, want one of the app and one of the store", len(attrs))
	}
	want, err := serializer.Marshal(600)
	if err != nil || !bytes.Equal(attrs["sholdfast/gorillastore.MaxAge"], want) {
		t.Error("the MaxAge is not where, or not what, versions to come will read")
	}
	old := map[string][]byte{}
	for name, b := range attrs {
		if len(name)+len(b) > 64 {
			t.Errorf("an attribute of %d bytes", len(name)+len(b))
		}
		key, err := serializer.UnmarshalKey(name)
		if err != nil {
			t.Fatalf("an older version cannot read the session: %v", err)
		}
		value, err := serializer.Unmarshal(b)
		if err != nil {
			t.Fatalf("an older version cannot read the session: %v", err)
		}
		name, err := serializer.MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if old[name], err = serializer.Marshal(value); err != nil || !bytes.Equal(old[name], attrs[name]) {
			t.Errorf("an older version writes something else: %v", err)
		}
	}
	// It saves with a deadline of its own, and another version loads.
	rec, err := c.Load(context.Background(), u.see(store, "app").id)
	if err != nil {
		t.Fatal(err)
	}
	old["sby"] = []byte{1}
	rec.Attrs, rec.Deadline = old, time.Now().Add(30*day)
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
	u.want(store, "app", "by", 1)
	if c := given(u.set(store, "app", "k", "x"), "app"); c.MaxAge != 600 {
		t.Errorf("the cookie is %v", c)
	}
	// The app takes the store's MaxAge again, and nothing is left.
	u.setWithMaxAge(store, gorillastore.DefaultMaxAge)
	if got := attributes(t, c, store, u); len(got) != 2 {
		t.Errorf("%d attributes of two values", len(got))
	}
}

// What stands in the place of the MaxAge and is none counts for nothing, and goes with the next
// save; the app cannot put anything there.
func TestWhatIsNoMaxAge(t *testing.T) {
	_, c, store := start(t)
	for what, value := range map[string]any{"text": "600", "less than nothing": -600, "nil": nil, "another type": int64(600)} {
		u := newUser(t)
		u.setWithMaxAge(store, 600)
		rec, err := c.Load(context.Background(), u.see(store, "app").id)
		if err != nil {
			t.Fatal(err)
		}
		for name := range rec.Attrs {
			if name != "sk" {
				if rec.Attrs[name], err = serializer.Marshal(value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		u.want(store, "app", "k", "v")
		if c := given(u.set(store, "app", "k", "x"), "app"); c.MaxAge != gorillastore.DefaultMaxAge {
			t.Errorf("%s: the cookie is %v", what, c)
		}
		if got := attributes(t, c, store, u); len(got) != 1 {
			t.Errorf("%s: %d attributes are left", what, len(got))
		}
	}
	newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.Values["holdfast/gorillastore.MaxAge"] = 600
		if err := session.Save(r, w); err == nil {
			t.Error("the app has written the store's own key")
		}
	})
}
