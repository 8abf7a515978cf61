package gorillastore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/serializer"
)

// Session fixation: an id that names no session is never taken over, though its signature is good.
func TestUnknownIDsAreNotAdopted(t *testing.T) {
	_, c, store := start(t)
	for what, end := range map[string]func(u *user, id string){
		"logged out": func(u *user, _ string) { u.logOut(store, "app") },
		"lost":       func(_ *user, id string) { c.Delete(context.Background(), id) },
		"renewed":    func(u *user, _ string) { u.renew(store, "app") },
	} {
		u := newUser(t)
		u.set(store, "app", "user", "ann")
		old, id := u.cookie("app"), u.see(store, "app").id
		end(u, id)
		u.present("app", old)
		u.wantFresh(store, "app")
		u.set(store, "app", "user", "eve")
		if v := u.see(store, "app"); v.id == id || v.id == "" {
			t.Errorf("%s: the id was adopted", what)
		}
		if u.cookie("app") == old {
			t.Errorf("%s: no new cookie was set", what)
		}
		u.present("app", old)
		u.wantFresh(store, "app")
	}
}

// logOut deletes the session, which must succeed.
func (u *user) logOut(store sessions.Store, name string) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, name)
		session.Options.MaxAge = -1
		u.save(session, r, w)
	})
}

// renew gives the session a new id, which must succeed.
func (u *user) renew(store *gorillastore.Store, name string) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := store.RenewID(r, w, u.open(store, r, name)); err != nil {
			u.t.Errorf("RenewID: %v", err)
		}
	})
}

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

// Loads end with their request; a load that was cut short is no reason to overwrite anything.
func TestCancelledLoad(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		session, err := store.Get(r.WithContext(ctx), "app")
		if !errors.Is(err, context.Canceled) || !session.IsNew {
			t.Errorf("Get: %v", err)
		}
		if err := store.Save(r, w, session); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, context.Canceled) {
			t.Errorf("Save: %v", err)
		}
	})
	u.want(store, "app", "user", "ann")
}

type discarded struct{ N int }

// damage puts bytes that mean nothing under a key of the user's session.
func damage(t *testing.T, c *cluster.Cluster, id string, name string) {
	t.Helper()
	rec, err := c.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	rec.Attrs[name] = []byte{0xff, 0x00, 0xff}
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
}

func TestValueThatCannotBeDecoded(t *testing.T) {
	cart, err := serializer.MarshalKey("cart")
	if err != nil {
		t.Fatal(err)
	}
	for what, attr := range map[string]string{"a value": cart, "a key": "no attribute of ours"} {
		t.Run(what, func(t *testing.T) {
			_, c, store := start(t)
			u := newUser(t)
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				session.Values["user"] = "ann"
				for i := range 40 {
					session.Values[i] = i
				}
				u.save(session, r, w)
			})
			cookie, id := u.cookie("app"), u.see(store, "app").id
			damage(t, c, id, attr)

			// Left to itself the store serves nothing, and overwrites nothing.
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session, err := store.Get(r, "app")
				if !errors.Is(err, gorillastore.ErrUndecodable) || !errors.Is(err, serializer.ErrCorrupt) {
					t.Errorf("Get: %v", err)
				}
				if attr == cart && !strings.Contains(err.Error(), `"cart"`) {
					t.Errorf("%q does not name the key", err)
				}
				if !session.IsNew || session.ID != "" || len(session.Values) != 0 {
					t.Errorf("half a session: %+v", session)
				}
				if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, gorillastore.ErrUndecodable) {
					t.Errorf("Save: %v", err)
				}
			})
			if rec, err := c.Load(context.Background(), id); err != nil || len(rec.Attrs) != 42 {
				t.Errorf("the stored session was changed: %v", err)
			}

			// An app that drops the value goes on with the rest.
			var name string
			var key any
			store.OnDecodeError = func(n string, k any, err error) error {
				if !errors.Is(err, serializer.ErrCorrupt) {
					t.Errorf("OnDecodeError: %v", err)
				}
				name, key = n, k
				return nil
			}
			u.want(store, "app", "user", "ann")
			if name != "app" || attr == cart && key != "cart" || attr != cart && key != nil {
				t.Errorf("OnDecodeError was told of session %q, key %v", name, key)
			}
			u.want(store, "app", "cart", nil)
			u.set(store, "app", "more", 1)
			store.OnDecodeError = nil
			u.want(store, "app", "user", "ann")
			if u.see(store, "app").id != id {
				t.Error("the session has another id")
			}

			// An app that says no decides what Get says.
			damage(t, c, id, attr)
			sorry := errors.New("sorry")
			store.OnDecodeError = func(string, any, error) error { return sorry }
			if v := u.see(store, "app"); !errors.Is(v.err, sorry) || !errors.Is(v.err, gorillastore.ErrUndecodable) || len(v.values) != 0 {
				t.Errorf("Get: %v", v.err)
			}

			// Logging out works in any case.
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session, _ := store.Get(r, "app")
				session.Options.MaxAge = -1
				u.save(session, r, w)
			})
			u.present("app", cookie)
			u.wantFresh(store, "app")
		})
	}
}

// A type that the program no longer registers.
func TestValueOfATypeThatIsNoLongerRegistered(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "cart", registered{N: 3})
	id := u.see(store, "app").id
	rec, err := c.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range rec.Attrs {
		rec.Attrs[name] = []byte(strings.Replace(string(b), "registered", "registereD", 1))
	}
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
	var unregistered *serializer.UnregisteredTypeError
	if v := u.see(store, "app"); !errors.Is(v.err, gorillastore.ErrUndecodable) || !errors.As(v.err, &unregistered) {
		t.Errorf("Get: %v", v.err)
	}
}

// A record of a newer version of holdfast: an older instance serves an error, or a new session
// beside it, and changes nothing.
func TestRecordOfANewerVersion(t *testing.T) {
	env, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	cookie, id := u.cookie("app"), u.see(store, "app").id
	for _, n := range env.All() {
		for key, b := range n.Dump() {
			if !strings.HasPrefix(key, prefixOf(env)) {
				continue
			}
			const versionAt = 1 // behind the magic byte; the checksum closes the record
			b[versionAt]++
			body := b[:len(b)-4]
			n.Set(key, binary.BigEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))))
		}
	}
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if !errors.Is(err, cluster.ErrVersion) || !session.IsNew {
			t.Errorf("Get: %v", err)
		}
		if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, cluster.ErrVersion) {
			t.Errorf("Save: %v", err)
		}
	})

	store.OnDecodeError = func(name string, key any, err error) error {
		if name != "app" || key != nil || !errors.Is(err, cluster.ErrVersion) {
			t.Errorf("OnDecodeError: %q, %v, %v", name, key, err)
		}
		return nil
	}
	u.wantFresh(store, "app")
	u.set(store, "app", "user", "bob")
	u.want(store, "app", "user", "bob")
	if u.see(store, "app").id == id {
		t.Error("the new session has the id of the other one")
	}
	u.present("app", cookie)
	store.OnDecodeError = nil
	if v := u.see(store, "app"); !errors.Is(v.err, cluster.ErrVersion) {
		t.Errorf("the record of the newer version was changed: %v", v.err)
	}
}

// Without a cookie no node is asked, so an outage is not noticed before the Save.
func TestVisitorWithoutACookieDuringAnOutage(t *testing.T) {
	env, c, store := start(t)
	for _, n := range env.All() {
		n.Kill()
	}
	resp := newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if err != nil || !session.IsNew {
			t.Errorf("Get: %v", err)
		}
		if err := session.Save(r, w); !errors.Is(err, cluster.ErrUnavailable) || errors.Is(err, gorillastore.ErrNotLoaded) {
			t.Errorf("Save: %v", err)
		}
	})
	if given(resp, "app") != nil {
		t.Error("a cookie was set for a session that is not stored")
	}
	if s := c.Stats(); s.Loads != 0 {
		t.Errorf("%d loads", s.Loads)
	}
}
