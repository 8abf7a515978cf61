package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides what an instance of the app does, with either driver.

// app is one instance.
type app struct {
	cluster  *cluster.Cluster
	handlers [2]http.Handler // of scs and of gorilla
	stores   [2]owners
}

// owners is what the stores of both drivers do for the owners of sessions.
type owners interface {
	DestroyAll(ctx context.Context, owner string, except ...string) (int, error)
}

func newApp(c *cluster.Cluster) (*app, error) {
	a := &app{cluster: c}
	store := scsstore.New(c)
	store.OwnerKey = "user"
	m := scs.New()
	if own, ok := m.Store.(*memstore.MemStore); ok {
		own.StopCleanup()
	}
	m.Store, m.Codec = store, serializer.Codec{}
	m.ErrorFunc = unavailable
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "user", r.FormValue("user"))
	})
	mux.HandleFunc("/renew", func(w http.ResponseWriter, r *http.Request) {
		if err := m.RenewToken(r.Context()); err != nil {
			unavailable(w, r, err)
		}
	})
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, m.GetString(r.Context(), "user"))
	})
	mux.HandleFunc("/id", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, m.Token(r.Context()))
	})
	a.handlers[0], a.stores[0] = store.LoadAndSave(m, mux), store

	gorilla, err := gorillastore.New(c, []byte("everywhere-everywhere-everywhere"))
	if err != nil {
		return nil, err
	}
	gorilla.OwnerKey = "user"
	a.handlers[1], a.stores[1] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := gorilla.Get(r, "session")
		if err != nil {
			unavailable(w, r, err)
			return
		}
		text := ""
		switch r.URL.Path {
		case "/login":
			session.Values["user"] = r.FormValue("user")
			err = session.Save(r, w)
		case "/renew":
			err = gorilla.RenewID(r, w, session)
		case "/who":
			text, _ = session.Values["user"].(string)
		case "/id":
			text = session.ID
		}
		if err != nil {
			unavailable(w, r, err)
			return
		}
		_, _ = io.WriteString(w, text)
	}), gorilla
	return a, nil
}

func unavailable(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

// browser is one device of a user.
type browser struct {
	driver  int
	cookies []*http.Cookie // one of each name
}

// ask makes a request to an instance. Ok is false for one that was not answered well.
func (b *browser) ask(a *app, path string) (text string, ok bool) {
	// Only a request with a Done channel of its own is one of net/http's.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	a.handlers[b.driver].ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Body.String(), false
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 && c.Value != "" {
			b.keep(c)
		}
	}
	return w.Body.String(), true
}

// keep takes a cookie in the place of the one of its name.
func (b *browser) keep(c *http.Cookie) {
	b.cookies = append(slices.DeleteFunc(b.cookies, func(o *http.Cookie) bool { return o.Name == c.Name }), c)
}
