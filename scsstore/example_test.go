package scsstore_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

func ExampleNew() {
	// An app has memcached nodes and names them itself; this one borrows three.
	program := testenv.NewProgram("example", os.Stderr)
	defer program.Close()
	env := testenv.Start(program, 3, testenv.Embedded())

	nodes, err := cluster.ParseNodes(env.Nodes()) // "n1:10.0.0.1:11211,n2:10.0.0.2:11211,…"
	if err != nil {
		log.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	sessions := scs.New()
	sessions.Store = scsstore.New(c)
	sessions.Codec = serializer.Codec{} // parallel requests keep each other's changes

	// From here on it is an scs app like any other.
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), "name", r.FormValue("name"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s", sessions.GetString(r.Context(), "name"))
	})
	server := httptest.NewServer(sessions.LoadAndSave(mux))
	defer server.Close()

	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	visit := func(path string) string {
		resp, err := browser.Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		return string(body)
	}
	visit("/login?name=Ann")
	fmt.Println(visit("/"))

	env.Node(0).Kill()
	fmt.Println(visit("/"))
	// Output:
	// Hello, Ann
	// Hello, Ann
}

// After a change of codec, sessions that the old one wrote are replaced by new ones,
// rather than failing every request of their users until they expire.
func ExampleStore_accept() {
	var c *cluster.Cluster // the app's

	store := scsstore.New(c)
	store.Accept = func(b []byte) bool { _, ok := serializer.Split(b); return ok }

	sessions := scs.New() // had scs.GobCodec until yesterday
	sessions.Store, sessions.Codec = store, serializer.Codec{}
}

// Store.LoadAndSave takes the place of the SessionManager's own. Without a setting, a slow
// request whose session was destroyed meanwhile leaves the browser's cookie alone.
func ExampleStore_LoadAndSave() {
	var c *cluster.Cluster // the app's

	store := scsstore.New(c)
	sessions := scs.New()
	sessions.Store, sessions.Codec = store, serializer.Codec{}

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s", sessions.GetString(r.Context(), "name"))
	})
	server := &http.Server{Handler: store.LoadAndSave(sessions, mux)}
	_ = server
}

// With scs's own LoadAndSave a setting and an ErrorFunc do the same.
func ExampleStore_reportDestroyed() {
	var c *cluster.Cluster // the app's

	store := scsstore.New(c)
	store.ReportDestroyed = true
	sessions := scs.New()
	sessions.Store = store
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		if errors.Is(err, cluster.ErrDestroyed) {
			return // the page goes out without a cookie
		}
		log.Print(err)
		http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
	}
	server := &http.Server{Handler: sessions.LoadAndSave(http.NotFoundHandler())}
	_ = server
}
