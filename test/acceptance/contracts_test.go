package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file holds the stores to what apps expect that know scs and gorilla/sessions
// only: nothing but the store is ours in them.

// scsApp is an app whose handlers use a SessionManager as its documentation shows.
func scsApp(t *testing.T, w *world, configure func(*scs.SessionManager), handle map[string]func(*scs.SessionManager, *http.Request) string) *app {
	t.Helper()
	codec := map[string]scs.Codec{scsGobDriver.name: scs.GobCodec{}}[w.driver.name]
	if codec == nil {
		codec = serializerCodec
	}
	m := newSessionManager(w.connect(options{}), options{scs: configure}, codec)
	mux := http.NewServeMux()
	for path, h := range handle {
		mux.HandleFunc(path, func(rw http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(rw, h(m, r)) })
	}
	return w.startHandler(m.LoadAndSave(mux))
}

type scsPage = func(*scs.SessionManager, *http.Request) string

var scsBasics = map[string]scsPage{
	"/put": func(m *scs.SessionManager, r *http.Request) string {
		m.Put(r.Context(), r.FormValue("key"), r.FormValue("value"))
		return m.Token(r.Context())
	},
	"/get": func(m *scs.SessionManager, r *http.Request) string {
		return m.GetString(r.Context(), r.FormValue("key"))
	},
	"/pop": func(m *scs.SessionManager, r *http.Request) string {
		return m.PopString(r.Context(), r.FormValue("key"))
	},
	"/keys": func(m *scs.SessionManager, r *http.Request) string { return strings.Join(m.Keys(r.Context()), ",") },
	"/clear": func(m *scs.SessionManager, r *http.Request) string {
		return fmt.Sprint(m.Clear(r.Context()))
	},
	"/destroy": func(m *scs.SessionManager, r *http.Request) string {
		return fmt.Sprint(m.Destroy(r.Context()))
	},
	"/start-over": func(m *scs.SessionManager, r *http.Request) string {
		err := m.Destroy(r.Context())
		m.Put(r.Context(), "after", "1")
		return fmt.Sprint(err)
	},
	"/renew": func(m *scs.SessionManager, r *http.Request) string {
		return fmt.Sprint(m.RenewToken(r.Context()))
	},
	"/merge": func(m *scs.SessionManager, r *http.Request) string {
		return fmt.Sprint(m.MergeSession(r.Context(), r.FormValue("token")))
	},
	"/remember": func(m *scs.SessionManager, r *http.Request) string {
		m.RememberMe(r.Context(), r.FormValue("me") == "yes")
		return "noted"
	},
	"/deadline": func(m *scs.SessionManager, r *http.Request) string {
		return m.Deadline(r.Context()).Format(time.RFC3339Nano)
	},
}

func eachSCS(t *testing.T, configure func(*scs.SessionManager), story func(t *testing.T, w *world, app1, app2 *app)) {
	each(t, []driver{scsDriver, scsGobDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		story(t, w, scsApp(t, w, configure, scsBasics), scsApp(t, w, configure, scsBasics))
	})
}

func TestSCSVerbs(t *testing.T) {
	eachSCS(t, nil, func(t *testing.T, w *world, app1, app2 *app) {
		u := w.newUser()
		for _, key := range []string{"a", "b", "c"} {
			u.do(app1, "/put", "key", key, "value", "of "+key)
		}
		u.sees(app2, "a,b,c", "/keys")
		u.sees(app2, "of b", "/pop", "key", "b")
		u.sees(app1, "", "/pop", "key", "b")
		deadline := u.do(app1, "/deadline")
		u.sees(app2, deadline, "/deadline")
		before := u.cookie("session")
		u.sees(app1, "<nil>", "/renew")
		if u.cookie("session") == before {
			t.Error("RenewToken kept the token")
		}
		u.sees(app2, "a,c", "/keys")
		u.sees(app2, "<nil>", "/clear")
		u.sees(app1, "", "/keys")
		u.do(app1, "/put", "key", "d", "value", "1")
		u.sees(app2, "<nil>", "/destroy")
		u.sees(app1, "", "/keys")
		// A session that was destroyed in a request may be followed by another in the same.
		u.do(app1, "/put", "key", "d", "value", "1")
		before = u.cookie("session")
		u.sees(app1, "<nil>", "/start-over")
		u.sees(app2, "after", "/keys")
		thief := w.newUser()
		thief.present("session", before)
		thief.sees(app2, "", "/keys")
		// Destroying what was never stored is fine.
		w.newUser().sees(app1, "<nil>", "/destroy")
	})
}

func TestSCSMergeSession(t *testing.T) {
	eachSCS(t, nil, func(t *testing.T, w *world, app1, app2 *app) {
		visitor, member := w.newUser(), w.newUser()
		visitor.do(app1, "/put", "key", "cart", "value", "full")
		member.do(app2, "/put", "key", "user", "value", "ann")
		old := visitor.cookie("session")
		member.sees(app2, "<nil>", "/merge", "token", old)
		member.sees(app1, "cart,user", "/keys")
		visitor.sees(app1, "", "/keys")
		visitor.present("session", old)
		visitor.sees(app2, "", "/keys")
		member.sees(app1, "<nil>", "/merge", "token", member.cookie("session"))
		member.sees(app1, "<nil>", "/merge", "token", "of nobody")
		member.sees(app2, "cart,user", "/keys")
	})
}

func TestSCSRememberMe(t *testing.T) {
	eachSCS(t, func(m *scs.SessionManager) { m.Cookie.Persist = false }, func(t *testing.T, w *world, app1, app2 *app) {
		u := w.newUser()
		put := func(a *app) *http.Cookie { return u.ask(a, "/put", "key", "a", "value", "1").cookie("session") }
		if c := put(app1); c == nil || c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("before, the cookie is %v", c)
		}
		u.do(app1, "/remember", "me", "yes")
		if c := put(app2); c == nil || c.MaxAge <= 0 || c.Expires.IsZero() {
			t.Errorf("remembered, the cookie is %v", c)
		}
		u.do(app2, "/remember", "me", "no")
		if c := put(app1); c == nil || c.MaxAge != 0 || !c.Expires.IsZero() {
			t.Errorf("forgotten, the cookie is %v", c)
		}
	})
}

func TestSCSHashedTokens(t *testing.T) {
	eachSCS(t, func(m *scs.SessionManager) { m.HashTokenInStore = true }, func(t *testing.T, w *world, app1, app2 *app) {
		u := w.newUser()
		u.do(app1, "/put", "key", "a", "value", "1")
		u.sees(app2, "1", "/get", "key", "a")
		u.sees(app2, "<nil>", "/renew")
		u.sees(app1, "1", "/get", "key", "a")
		old := u.cookie("session")
		u.sees(app1, "<nil>", "/destroy")
		u.present("session", old)
		u.sees(app2, "", "/get", "key", "a")
	})
}

func TestSCSSeveralSessionsInOneRequest(t *testing.T) {
	each(t, []driver{scsDriver, scsGobDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		c := w.connect(options{})
		codec := map[string]scs.Codec{scsGobDriver.name: scs.GobCodec{}, scsDriver.name: serializerCodec}[d.name]
		first := newSessionManager(c, options{}, codec)
		second := newSessionManager(c, options{scs: func(m *scs.SessionManager) { m.Cookie.Name = "prefs" }}, codec)
		mux := http.NewServeMux()
		mux.HandleFunc("/put", func(_ http.ResponseWriter, r *http.Request) {
			first.Put(r.Context(), "a", "first "+r.FormValue("value"))
			second.Put(r.Context(), "a", "second "+r.FormValue("value"))
		})
		mux.HandleFunc("/get", func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprint(rw, first.GetString(r.Context(), "a"), "; ", second.GetString(r.Context(), "a"))
		})
		mux.HandleFunc("/logout", func(_ http.ResponseWriter, r *http.Request) { _ = first.Destroy(r.Context()) })
		a := w.startHandler(first.LoadAndSave(second.LoadAndSave(mux)))
		u := w.newUser()
		for _, value := range []string{"1", "2"} {
			u.do(a, "/put", "value", value)
			u.sees(a, "first "+value+"; second "+value, "/get")
		}
		u.do(a, "/logout")
		u.sees(a, "; second 2", "/get")
	})
}

// gorillaApp is an app whose handlers use a sessions.Store as its documentation shows.
func gorillaApp(t *testing.T, w *world, c *cluster.Cluster) *app {
	t.Helper()
	made, err := gorillastore.New(c, authKey)
	if err != nil {
		t.Fatal(err)
	}
	var store sessions.Store = made
	mux := http.NewServeMux()
	handle := func(path string, h func(r *http.Request) (string, error)) {
		mux.HandleFunc(path, func(rw http.ResponseWriter, r *http.Request) {
			body, err := h(r)
			if err == nil {
				err = sessions.Save(r, rw)
			}
			if err != nil {
				fail(rw, err)
				return
			}
			_, _ = io.WriteString(rw, body)
		})
	}
	get := func(r *http.Request, name string) *sessions.Session {
		session, _ := store.Get(r, name) // many apps look at no error here
		return session
	}
	handle("/put", func(r *http.Request) (string, error) {
		get(r, "session").Values["a"] = "first " + r.FormValue("value")
		get(r, "prefs").Values["a"] = "second " + r.FormValue("value")
		get(r, "prefs").Values[42] = r.FormValue("value")
		return "", nil
	})
	handle("/get", func(r *http.Request) (string, error) {
		return fmt.Sprint(get(r, "session").Values["a"], "; ", get(r, "prefs").Values["a"], "; ", get(r, "prefs").Values[42]), nil
	})
	handle("/logout", func(r *http.Request) (string, error) {
		get(r, "session").Options.MaxAge = -1
		return "", nil
	})
	handle("/flash", func(r *http.Request) (string, error) {
		get(r, "session").AddFlash(r.FormValue("message"))
		get(r, "session").AddFlash("!"+r.FormValue("message"), "warnings")
		return "", nil
	})
	handle("/flashes", func(r *http.Request) (string, error) {
		s := get(r, "session")
		return fmt.Sprint(s.Flashes(), s.Flashes("warnings")), nil
	})
	return w.startHandler(mux)
}

func TestGorillaSeveralSessionsInOneRequest(t *testing.T) {
	each(t, []driver{gorillaDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := gorillaApp(t, w, w.connect(options{})), gorillaApp(t, w, w.connect(options{}))
		u := w.newUser()
		for _, value := range []string{"1", "2"} {
			u.do(app1, "/put", "value", value)
			u.sees(app2, fmt.Sprintf("first %s; second %s; %s", value, value, value), "/get")
		}
		if u.cookie("session") == u.cookie("prefs") {
			t.Error("two sessions have one cookie")
		}
		u.do(app2, "/logout")
		u.sees(app1, "<nil>; second 2; 2", "/get")
		// A cookie is worth nothing under another name.
		u.present("session", u.cookie("prefs"))
		u.sees(app2, "<nil>; second 2; 2", "/get")
	})
}

func TestGorillaFlashes(t *testing.T) {
	each(t, []driver{gorillaDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := gorillaApp(t, w, w.connect(options{})), gorillaApp(t, w, w.connect(options{}))
		u := w.newUser()
		u.do(app1, "/flash", "message", "saved")
		u.do(app2, "/flash", "message", "sent")
		u.sees(app1, "[saved sent] [!saved !sent]", "/flashes")
		u.sees(app2, "[] []", "/flashes")
	})
}

// An app that ignores the error of Get goes on with an empty session. Its save must not
// replace the one that could not be loaded.
func TestGorillaSaveAfterAFailedLoad(t *testing.T) {
	each(t, []driver{gorillaDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		wire := &partition{}
		a := gorillaApp(t, w, w.connect(options{config: func(c *cluster.Config) {
			c.Timeout = short / 4
			c.DialContext = wire.over(c.DialContext)
		}}))
		u := w.newUser()
		u.do(a, "/put", "value", "1")
		for _, n := range w.env.All() {
			wire.set(n.Addr(), true)
		}
		r := u.ask(a, "/put", "value", "2")
		if r.status < 500 || !strings.Contains(r.body, "session") {
			t.Errorf("the save went through: %v", r)
		}
		if r.cookie("session") != nil || r.cookie("prefs") != nil {
			t.Errorf("a failed save sets cookies: %v", r.cookies)
		}
		for _, n := range w.env.All() {
			wire.set(n.Addr(), false)
		}
		eventually(t, "the nodes are reached again", func() bool {
			r := u.ask(a, "/get")
			return r.ok() && r.body == "first 1; second 1; 1"
		})
	})
}

// Apps that share nodes share nothing else, also where they share their keys.
func TestAppsWithDifferentPrefixesDoNotMeet(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		shop := w.start(options{})
		forum := w.start(options{config: func(c *cluster.Config) { c.KeyPrefix += "forum:" }})
		u, v := w.newUser(), w.newUser()
		u.logIn(shop, "ann")
		v.logIn(forum, "anonymous")
		inShop, inForum := u.cookie(d.cookie), v.cookie(d.cookie)
		u.present(d.cookie, inForum)
		u.is("nobody", shop)
		v.present(d.cookie, inShop)
		v.is("nobody", forum)
		v.do(forum, "/logout") // deletes nothing of the shop's
		u.present(d.cookie, inShop)
		u.is("ann", shop)
		v.present(d.cookie, inForum)
		v.is("anonymous", forum)
		if _, err := forum.cluster.Load(t.Context(), u.id(shop)); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("the forum loads a session of the shop: %v", err)
		}
	})
}
