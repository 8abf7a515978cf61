package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file has the two web apps: one with scs, one with gorilla/sessions. They do
// the same (a login, a counter, a cart, a logout) and know nothing of nodes.

// answer is what an app says to every request: who the user is and what the session
// holds.
type answer struct {
	App   string   `json:"app"`
	Name  string   `json:"name"` // empty: nobody is logged in
	Count int      `json:"count"`
	Cart  []string `json:"cart"`
	// From says where the session was found: here, in the memory of the instance, or on the nodes; empty:
	// there is none, or that is not known.
	From string `json:"from,omitempty"`
	// ID is the session's id, for the page to look up where its copies lie. A real
	// app tells it to nobody.
	ID string `json:"id"`
}

// cartLimit is the most things in a cart: sessions are no place for more.
const cartLimit = 40

func (a answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(a)
}

// outOfReach answers a request whose session cannot be had or kept right now.
func outOfReach(w http.ResponseWriter, _ *http.Request, _ error) {
	http.Error(w, "Sessions are out of reach. Please try again in a moment.", http.StatusServiceUnavailable)
}

// scsApp is the app with scs. The caller sets Store and Codec, and says which LoadAndSave it is.
func scsApp(app string, s *scs.SessionManager, loadAndSave func(http.Handler) http.Handler) http.Handler {
	s.ErrorFunc = outOfReach
	say := func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		cart, _ := s.Get(ctx, "cart").([]string)
		answer{app, s.GetString(ctx, "name"), s.GetInt(ctx, "count"), cart, sourceOf(ctx), s.Token(ctx)}.send(w)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /session", say)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := s.RenewToken(r.Context()); err != nil { // nobody may have planted the token before the login
			outOfReach(w, r, err)
			return
		}
		s.Put(r.Context(), "name", r.FormValue("name"))
		s.Put(r.Context(), "count", 0)
		s.Remove(r.Context(), "cart")
		say(w, r)
	})
	mux.HandleFunc("POST /count", func(w http.ResponseWriter, r *http.Request) {
		if s.GetString(r.Context(), "name") != "" {
			s.Put(r.Context(), "count", s.GetInt(r.Context(), "count")+1)
		}
		say(w, r)
	})
	mux.HandleFunc("POST /add", func(w http.ResponseWriter, r *http.Request) {
		cart, _ := s.Get(r.Context(), "cart").([]string)
		if s.GetString(r.Context(), "name") != "" && len(cart) < cartLimit {
			s.Put(r.Context(), "cart", append(cart, r.FormValue("item")))
		}
		say(w, r)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Destroy(r.Context()); err != nil {
			outOfReach(w, r, err)
			return
		}
		answer{App: app}.send(w)
	})
	return loadAndSave(mux)
}

// gorillaApp is the app with gorilla/sessions.
func gorillaApp(app, cookie string, store *gorillastore.Store) http.Handler {
	// session gets the session; false where the request has been answered already.
	session := func(w http.ResponseWriter, r *http.Request) (*sessions.Session, bool) {
		s, err := store.Get(r, cookie)
		var forged securecookie.Error // a cookie that is not ours is none
		if err != nil && !errors.As(err, &forged) {
			outOfReach(w, r, err)
			return nil, false
		}
		return s, true
	}
	say := func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
		name, _ := s.Values["name"].(string)
		count, _ := s.Values["count"].(int)
		cart, _ := s.Values["cart"].([]string)
		answer{app, name, count, cart, sourceOf(r.Context()), s.ID}.send(w)
	}
	// change answers a request that changes the session of somebody logged in.
	change := func(do func(*sessions.Session, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s, ok := session(w, r)
			if !ok {
				return
			}
			if s.Values["name"] != nil {
				do(s, r)
				if err := s.Save(r, w); err != nil {
					outOfReach(w, r, err)
					return
				}
			}
			say(w, r, s)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, r *http.Request) {
		if s, ok := session(w, r); ok {
			say(w, r, s)
		}
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		s, ok := session(w, r)
		if !ok {
			return
		}
		s.Values = map[any]any{"name": r.FormValue("name"), "count": 0}
		if err := store.RenewID(r, w, s); err != nil { // nobody may have planted the id before the login
			outOfReach(w, r, err)
			return
		}
		say(w, r, s)
	})
	mux.HandleFunc("POST /count", change(func(s *sessions.Session, _ *http.Request) {
		n, _ := s.Values["count"].(int)
		s.Values["count"] = n + 1
	}))
	mux.HandleFunc("POST /add", change(func(s *sessions.Session, r *http.Request) {
		if cart, _ := s.Values["cart"].([]string); len(cart) < cartLimit {
			s.Values["cart"] = append(cart, r.FormValue("item"))
		}
	}))
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		s, _ := store.Get(r, cookie) // one that could not be loaded can be deleted all the same
		s.Options.MaxAge = -1
		if err := s.Save(r, w); err != nil {
			outOfReach(w, r, err)
			return
		}
		answer{App: app}.send(w)
	})
	return mux
}
