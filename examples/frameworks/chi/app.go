package main

import (
	"log"
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/page"
	"github.com/holdfast-go/holdfast/scsstore"
)

// app returns the whole web app. Its pages know scs only: nothing in them says where the sessions
// are.
func app(c *cluster.Cluster, store *scsstore.Store, sessions *scs.SessionManager) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := c.Ping(r.Context()); err != nil {
			log.Print(err)
			http.Error(w, "no session could be saved now", http.StatusServiceUnavailable)
		}
	})
	r.Group(func(r chi.Router) {
		// It loads the session before the handlers, and calls sessions.ErrorFunc where that fails.
		r.Use(func(next http.Handler) http.Handler { return store.LoadAndSave(sessions, next) })
		r.Get("/", func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			cart, _ := sessions.Get(ctx, "cart").([]string)
			w.Header().Set("Cache-Control", "no-store")
			if err := page.Write(w, page.View{
				Framework: "chi",
				Name:      sessions.GetString(ctx, "name"),
				Cart:      cart,
				Flash:     sessions.PopString(ctx, "flash"),
			}); err != nil {
				log.Print(err)
			}
		})
		r.Post("/login", func(w http.ResponseWriter, r *http.Request) {
			name := r.FormValue("name")
			if !page.Ok(name) {
				http.Error(w, "a name, please", http.StatusBadRequest)
				return
			}
			if err := sessions.RenewToken(r.Context()); err != nil { // nobody may have planted the token before the login
				sessions.ErrorFunc(w, r, err)
				return
			}
			sessions.Put(r.Context(), "name", name)
			sessions.Put(r.Context(), "flash", "You are logged in.")
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
		r.Post("/cart", func(w http.ResponseWriter, r *http.Request) {
			item := r.FormValue("item")
			if !page.Ok(item) {
				http.Error(w, "an item, please", http.StatusBadRequest)
				return
			}
			cart, _ := sessions.Get(r.Context(), "cart").([]string)
			sessions.Put(r.Context(), "cart", page.With(cart, item))
			sessions.Put(r.Context(), "flash", "It is in the cart.")
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
		r.Post("/logout", func(w http.ResponseWriter, r *http.Request) {
			if err := sessions.Destroy(r.Context()); err != nil {
				sessions.ErrorFunc(w, r, err)
				return
			}
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
	})
	return http.NewCrossOriginProtection().Handler(r)
}
