package main

import (
	"cmp"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/internal/web"
	"github.com/holdfast-go/holdfast/gorillastore"
)

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>holdfast with gorilla/sessions</title>
<h1>{{if .Name}}Hello, {{.Name}}{{else}}Hello, stranger{{end}}</h1>
{{if .Name}}<p>You have been here <b>{{.Count}}</b> {{if eq .Count 1}}time{{else}}times{{end}}. <a href="/">Again</a></p>
<p><a href="/devices">Your devices</a></p>
<form method="post" action="/logout"><button>Log out</button></form>
{{else}}<form method="post" action="/login"><label>Name <input name="name" required maxlength="40" autofocus></label> <button>Log in</button></form>
{{end}}<p><small>Answered by {{.Instance}}.</small></p>
`))

// app returns the whole web app. Only RenewID, at login, and the page "your devices" are not in the
// interfaces of gorilla/sessions.
func app(c *cluster.Cluster, store *gorillastore.Store) http.Handler {
	host, _ := os.Hostname()
	instance := cmp.Or(os.Getenv("HOSTNAME"), host, "this instance")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		name, _ := session.Values["name"].(string)
		count, _ := session.Values["count"].(int)
		if name != "" {
			count++
			session.Values["count"] = count
			err = session.Save(r, w)
		}
		if outOfReach(w, err) {
			return
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
		session, _ := store.Get(r, "app") // a session that could not be loaded cannot be renewed either
		session.Values["name"], session.Values["count"] = name, 0
		if !outOfReach(w, store.RenewID(r, w, session)) { // nobody may have planted the id before the login
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app") // and one that could not be loaded can be deleted
		session.Options.MaxAge = -1
		if !outOfReach(w, session.Save(r, w)) {
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	})

	// loggedIn is for pages of users. The owner is the user of this session, never one that a form names.
	loggedIn := func(page func(w http.ResponseWriter, r *http.Request, name, id string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if outOfReach(w, err) {
				return
			}
			name, _ := session.Values["name"].(string)
			if name == "" {
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
			page(w, r, name, session.ID)
		}
	}
	mux.HandleFunc("GET /devices", loggedIn(func(w http.ResponseWriter, r *http.Request, name, id string) {
		devices, err := store.Sessions(r.Context(), name)
		if !outOfReach(w, err) {
			web.ShowDevices(w, name, devices, id)
		}
	}))
	mux.HandleFunc("POST /devices/end", loggedIn(func(w http.ResponseWriter, r *http.Request, name, _ string) {
		err := store.Destroy(r.Context(), name, r.FormValue("ref"))
		if errors.Is(err, cluster.ErrNotFound) || !outOfReach(w, err) {
			http.Redirect(w, r, "/devices", http.StatusSeeOther)
		}
	}))
	mux.HandleFunc("POST /devices/others", loggedIn(func(w http.ResponseWriter, r *http.Request, name, id string) {
		if _, err := store.DestroyAll(r.Context(), name, id); !outOfReach(w, err) {
			http.Redirect(w, r, "/devices", http.StatusSeeOther)
		}
	}))

	all := http.NewServeMux()
	all.Handle("/", http.NewCrossOriginProtection().Handler(mux))
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

// outOfReach answers the request if there is an error. A cookie that is not ours is none: its user
// is a stranger.
func outOfReach(w http.ResponseWriter, err error) bool {
	var forged securecookie.Error
	if err == nil || errors.As(err, &forged) {
		return false
	}
	log.Print(err)
	http.Error(w, "Sessions are out of reach. Please try again in a moment.", http.StatusServiceUnavailable)
	return true
}
