package main

import (
	"net/http"
	"testing"

	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/apptest"
	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/gorillastore"
)

func TestApp(t *testing.T) {
	key := securecookie.GenerateRandomKey(32)
	apptest.Run(t, func(t *testing.T, c *cluster.Cluster) http.Handler {
		store, err := gorillastore.New(c, key)
		if err != nil {
			t.Fatal(err)
		}
		return app(c, ginstore.New(store))
	})
}
