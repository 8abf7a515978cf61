package main

import (
	"net/http"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/apptest"
	"github.com/holdfast-go/holdfast/scsstore"
)

func TestApp(t *testing.T) {
	apptest.Run(t, func(_ *testing.T, c *cluster.Cluster) http.Handler {
		store := scsstore.New(c)
		return app(c, store, manager(store))
	})
}
