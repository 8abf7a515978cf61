package gorillastore_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"

	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how the package is shown to someone who has not used it.

// A counter that does not notice when a node is lost.
func ExampleNew() {
	program := testenv.NewProgram("example", os.Stderr)
	defer program.Close()
	env := testenv.Start(program, 3, testenv.Embedded())

	nodes, err := cluster.ParseNodes(env.Nodes()) // in an app: cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	store, err := gorillastore.New(c, securecookie.GenerateRandomKey(32)) // in an app: a key that all instances share
	if err != nil {
		fmt.Println(err)
		return
	}

	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		visits, _ := session.Values["visits"].(int)
		session.Values["visits"] = visits + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("visit", visits+1)
	}))
	defer app.Close()

	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	visit := func() {
		if resp, err := browser.Get(app.URL); err == nil {
			resp.Body.Close()
		}
	}
	visit()
	visit()
	env.Node(0).Kill()
	visit()
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

// At login the session gets a new id, and its old one is destroyed.
func ExampleStore_RenewID() {
	var store *gorillastore.Store // made by New

	login := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		session.Values["user"] = r.FormValue("name")
		if err := store.RenewID(r, w, session); err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	http.HandleFunc("POST /login", login)
}
