// Package yourapp is a small app on scs with a test that kills the memcached nodes under it: see
// docs/testing-your-app.md.
package yourapp

import (
	"fmt"
	"net/http"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// New returns the app. What a test changes comes in as an argument: the cluster.
func New(c *cluster.Cluster) http.Handler {
	store := scsstore.New(c)
	sessions := scs.New()
	sessions.Store, sessions.Codec = store, serializer.Codec{}

	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			sessions.ErrorFunc(w, r, err)
			return
		}
		sessions.Put(r.Context(), "name", r.FormValue("name"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s", sessions.GetString(r.Context(), "name"))
	})
	return store.LoadAndSave(sessions, mux)
}
