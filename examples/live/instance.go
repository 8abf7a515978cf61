package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// instance is one copy of the web app: a server of its own, with a Cluster of its
// own. It shares nothing with the other instances but the memcached nodes.
type instance struct {
	name    string
	url     string
	cluster *cluster.Cluster
	server  *http.Server
}

// startInstance serves the app on a free loopback port. Close it in the end.
func startInstance(name, nodes string) (*instance, error) {
	list, err := cluster.ParseNodes(nodes)
	if err != nil {
		return nil, err
	}
	c, err := cluster.New(cluster.Config{Nodes: list, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &instance{name: name, url: "http://" + l.Addr().String(), cluster: c}
	in.server = &http.Server{Handler: in.app(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = in.server.Serve(l) }()
	return in, nil
}

func (in *instance) Close() {
	_ = in.server.Close()
	_ = in.cluster.Close()
}

// app is an ordinary scs app: a login, a counter, a logout.
func (in *instance) app() http.Handler {
	sessions := scs.New()
	sessions.Store = scsstore.New(in.cluster)
	sessions.Codec = serializer.Codec{}
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(_ http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err == nil {
			sessions.Put(r.Context(), "name", r.FormValue("name"))
		}
	})
	mux.HandleFunc("POST /count", func(w http.ResponseWriter, r *http.Request) {
		name, n := sessions.GetString(r.Context(), "name"), sessions.GetInt(r.Context(), "count")
		if name == "" {
			_, _ = io.WriteString(w, "not logged in")
			return
		}
		sessions.Put(r.Context(), "count", n+1)
		fmt.Fprintf(w, "hello %s, count %d", name, n+1)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "logged out")
	})
	return sessions.LoadAndSave(mux)
}

// settled waits until this instance thinks what is true of the node, so that the
// story shows one thing at a time.
func (in *instance) settled(ctx context.Context, id string, want cluster.State) error {
	for {
		for _, n := range in.cluster.Nodes() {
			if n.ID == id && n.State == want {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: node %s did not become %s: %w", in.name, id, want, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
