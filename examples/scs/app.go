package main

import (
	"cmp"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/internal/web"
	"github.com/holdfast-go/holdfast/scsstore"
)

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>holdfast with scs</title>
<h1>{{if .Name}}Hello, {{.Name}}{{else}}Hello, stranger{{end}}</h1>
{{if .Name}}<p>You have been here <b>{{.Count}}</b> {{if eq .Count 1}}time{{else}}times{{end}}. <a href="/">Again</a></p>
<p><a href="/devices">Your devices</a></p>
<form method="post" action="/logout"><button>Log out</button></form>
{{else}}<form method="post" action="/login"><label>Name <input name="name" required maxlength="40" autofocus></label> <button>Log in</button></form>
{{end}}<p><small>Answered by {{.Instance}}.</small></p>
`))

// app returns the whole web app. Its pages know scs only: nothing in them says where the
// sessions are. Only the page "your devices" asks the store.
func app(c *cluster.Cluster, store *scsstore.Store, sessions *scs.SessionManager) http.Handler {
	host, _ := os.Hostname()
	instance := cmp.Or(os.Getenv("HOSTNAME"), host, "this instance")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		name, count := sessions.GetString(r.Context(), "name"), sessions.GetInt(r.Context(), "count")
		if name != "" {
			count++
			sessions.Put(r.Context(), "count", count)
		}
		w.Header().Set("Cache-Control", "no-store")
		if err := page.Execute(w, map[string]any{"Name": name, "Count": count, "Instance": instance}); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("name")
		if name == "" || len(name) > 200 {
			http.Error(w, "a name, please", http.StatusBadRequest)
			return
		}
		if err := sessions.RenewToken(r.Context()); err != nil { // nobody may have planted the token before the login
			sessions.ErrorFunc(w, r, err)
			return
		}
		sessions.Put(r.Context(), "name", name)
		sessions.Put(r.Context(), "count", 0)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			sessions.ErrorFunc(w, r, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})

	// loggedIn is for pages of users. The owner is the user of this session, never one that a form names.
	loggedIn := func(page func(w http.ResponseWriter, r *http.Request, name string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			name := sessions.GetString(r.Context(), "name")
			if name == "" {
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
			page(w, r, name)
		}
	}
	mux.HandleFunc("GET /devices", loggedIn(func(w http.ResponseWriter, r *http.Request, name string) {
		devices, err := store.Sessions(r.Context(), name)
		if err != nil {
			sessions.ErrorFunc(w, r, err)
			return
		}
		web.ShowDevices(w, name, devices, sessions.Token(r.Context()))
	}))
	mux.HandleFunc("POST /devices/end", loggedIn(func(w http.ResponseWriter, r *http.Request, name string) {
		err := store.Destroy(r.Context(), name, r.FormValue("ref"))
		if err != nil && !errors.Is(err, cluster.ErrNotFound) {
			sessions.ErrorFunc(w, r, err)
			return
		}
		http.Redirect(w, r, "/devices", http.StatusSeeOther)
	}))
	mux.HandleFunc("POST /devices/others", loggedIn(func(w http.ResponseWriter, r *http.Request, name string) {
		_, err := store.DestroyAll(r.Context(), name, sessions.Token(r.Context()))
		if err != nil {
			sessions.ErrorFunc(w, r, err)
			return
		}
		http.Redirect(w, r, "/devices", http.StatusSeeOther)
	}))

	labelled := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(scsstore.WithLabel(r.Context(), web.Device(r))))
		})
	}
	all := http.NewServeMux()
	all.Handle("/", http.NewCrossOriginProtection().Handler(labelled(store.LoadAndSave(sessions, mux))))
	all.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := c.Ping(r.Context()); err != nil {
			log.Print(err)
			http.Error(w, "no session could be saved now", http.StatusServiceUnavailable)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Instance", instance)
		all.ServeHTTP(w, r)
	})
}
