package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how an app instance runs outside of the page's process, such as in
// a container of its own, and what the page gets to know of it.

// sight is what an instance tells of what it sees. A real app tells it to nobody.
type sight struct {
	Nodes  []cluster.NodeStatus `json:"nodes"`
	Places []cluster.Placement  `json:"places,omitempty"` // of the session that was asked for
	Local  localState           `json:"local"`
}

// sightPath is where an instance tells it; the parameter id names a session.
const sightPath = "/sight"

// serveApp is the whole program where it is one app instance and nothing else: it
// serves until ctx ends.
func serveApp(ctx context.Context, name, addr string, sticky bool, getenv func(string) string) error {
	driver, _, _ := strings.Cut(name, "-")
	build, err := builderOf(driver, []byte(getenv("SESSION_KEY")))
	if err != nil {
		return fmt.Errorf("-app %q: %w", name, err)
	}
	cfg, err := cluster.ConfigFromEnv(getenv)
	if err != nil {
		return err
	}
	cfg.KeyPrefix += prefix
	if sticky {
		cfg.Local = localCopies
	}
	cfg.Trace = noteSource
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	app, err := build(name, c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", sourced(app))
	mux.HandleFunc("GET "+sightPath, func(w http.ResponseWriter, r *http.Request) {
		s := sight{Nodes: c.Nodes(), Local: localOf(c.Stats())}
		if id := r.FormValue("id"); id != "" {
			places, err := c.Where(r.Context(), id)
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			s.Places = places
		}
		sendJSON(w, http.StatusOK, s)
	})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("%s listens on %s\n", name, l.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

// builderOf returns the builder of the app with that driver.
func builderOf(driver string, key []byte) (builder, error) {
	switch driver {
	case withSCS:
		return buildSCS, nil
	case withGorilla:
		if len(key) < 32 {
			return nil, errors.New("SESSION_KEY must be set, the same for every instance, at least 32 characters long: openssl rand -hex 32")
		}
		return buildGorilla(key), nil
	}
	return nil, errors.New("the name of an instance is that of its driver and a number, such as scs-1 or gorilla-2")
}

// remote is an instance that runs elsewhere. It is asked again and again how it is.
type remote struct {
	base   string
	client *http.Client

	mu   sync.Mutex // guards below
	up   bool
	last sight
}

const (
	askEvery = 200 * time.Millisecond
	// askLimit is how long an instance may take to answer before it counts as down. A
	// container that was killed is often not refused but silent.
	askLimit = time.Second
)

// parseRemotes reads "scs-1=http://scs-1:8080,gorilla-1=http://gorilla-1:8080".
func parseRemotes(s string) ([]*instance, error) {
	var apps []*instance
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, base, _ := strings.Cut(part, "=")
		driver, _, _ := strings.Cut(name, "-")
		u, err := url.Parse(base)
		if !drivers[driver] || err != nil || u.Host == "" {
			return nil, fmt.Errorf("-apps: %q has not the form scs-1=http://host:port or gorilla-1=http://host:port", part)
		}
		if slices.ContainsFunc(apps, func(in *instance) bool { return in.name == name }) {
			return nil, fmt.Errorf("-apps: %s is in the list twice", name)
		}
		in := newInstance(name, driver, nil)
		in.remote = &remote{base: strings.TrimSuffix(base, "/"), client: &http.Client{Timeout: askLimit}}
		apps = append(apps, in)
	}
	slices.SortStableFunc(apps, func(a, b *instance) int { return -cmp.Compare(a.driver, b.driver) }) // scs first
	return apps, nil
}

// follow asks until ctx ends, and calls changed when the instance is no longer, or
// again, to be reached.
func (r *remote) follow(ctx context.Context, changed func(up bool)) {
	for wait(ctx, askEvery) {
		if was, is := r.look(ctx); was != is && ctx.Err() == nil {
			changed(is)
		}
	}
}

// look asks once.
func (r *remote) look(ctx context.Context) (was, is bool) {
	s, err := r.ask(ctx, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	was, r.up = r.up, err == nil
	if r.up {
		r.last = s
	}
	return was, r.up
}

func (r *remote) ask(ctx context.Context, id string) (s sight, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+sightPath+"?id="+url.QueryEscape(id), nil)
	if err != nil {
		return s, err
	}
	res, err := r.client.Do(req)
	if err != nil {
		return s, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s answered %s", r.base, res.Status)
	}
	return s, json.NewDecoder(res.Body).Decode(&s)
}

func (r *remote) url() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up {
		return ""
	}
	return r.base
}

func (r *remote) nodes() []cluster.NodeStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up {
		return nil
	}
	return r.last.Nodes
}

func (r *remote) local() localState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last.Local
}

func (r *remote) where(ctx context.Context, id string) ([]cluster.Placement, error) {
	s, err := r.ask(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.Places, nil
}
