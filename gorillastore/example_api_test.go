package gorillastore_test

import (
	"errors"
	"log"
	"net/http"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// An API whose clients keep no cookies: the id travels in a header.
func ExampleStore_header() {
	var c *cluster.Cluster // the app's
	var authKey []byte     // the app's

	store, err := gorillastore.New(c, authKey)
	if err != nil {
		log.Fatal(err)
	}
	store.Header = "X-Session"

	http.HandleFunc("POST /api/login", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "api")
		if errors.Is(err, cluster.ErrUnavailable) {
			http.Error(w, "please try again in a moment", http.StatusServiceUnavailable)
			return
		}
		session.Values["user"] = "ann"
		w.Header().Set("Cache-Control", "no-store")
		if err := store.RenewID(r, w, session); err != nil { // the response carries X-Session
			http.Error(w, "please try again in a moment", http.StatusServiceUnavailable)
		}
	})
}

// MaxAge changes how long sessions live, and their cookies: an hour after the last save.
func ExampleStore_MaxAge() {
	var store *gorillastore.Store // the app's

	store.MaxAge(3600)
}

// What happens to a session with a value whose type has been removed: it goes on without the value.
func ExampleStore_onDecodeError() {
	var store *gorillastore.Store // the app's

	store.OnDecodeError = func(name string, key any, err error) error {
		log.Printf("session %s: a value is dropped: %v", name, err)
		return nil
	}
}
