package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/test/baseline"
	"github.com/holdfast-go/holdfast/testenv"
)

// The drivers, as they are named in paths.
const (
	withSCS     = "scs"
	withGorilla = "gorilla"
	withOneCopy = "onecopy"
)

// cookieName is the name of the session cookie of a driver's app.
func cookieName(driver string) string { return "live_" + driver }

// versionName is the name of the cookie in which a client of scs carries the version of what it has
// seen. With gorilla that is in the session cookie.
func versionName(driver string) string { return cookieName(driver) + "_v" }

// builder makes the handler of an app on a cluster.
type builder func(app string, c *cluster.Cluster) (http.Handler, error)

func buildSCS(app string, c *cluster.Cluster) (http.Handler, error) {
	s := scs.New()
	s.Cookie.Name = cookieName(withSCS)
	store := scsstore.New(c)
	s.Store, s.Codec = store, serializer.Codec{}
	return scsApp(app, s, func(pages http.Handler) http.Handler { return store.LoadAndSave(s, pages) }), nil
}

// buildGorilla returns the builder of instances that share a key.
func buildGorilla(key []byte) builder {
	return func(app string, c *cluster.Cluster) (http.Handler, error) {
		store, err := gorillastore.New(c, key)
		if err != nil {
			return nil, err
		}
		return gorillaApp(app, cookieName(withGorilla), store), nil
	}
}

// buildOneCopy needs no cluster: it is the app with scs as it is without holdfast.
func buildOneCopy(store *baseline.Store) builder {
	return func(app string, _ *cluster.Cluster) (http.Handler, error) {
		s := scs.New()
		s.Cookie.Name = cookieName(withOneCopy)
		s.Store = store
		return scsApp(app, s, s.LoadAndSave), nil
	}
}

// instance is one copy of a web app: a server of its own, with a Cluster and a
// network of its own. It shares nothing with the other instances but the memcached
// nodes. It can be killed and started again.
type instance struct {
	name   string
	driver string
	build  builder
	wire   *testenv.Wire
	remote *remote // not nil: it runs elsewhere, and can only be looked at

	mu   sync.Mutex // guards below
	life *life      // nil while the instance is down
}

// life is an instance from one start, or one change of its configuration, to the next.
type life struct {
	url      string
	server   *http.Server
	cluster  *cluster.Cluster // nil for an app without holdfast
	handler  http.Handler
	requests sync.WaitGroup
}

var errAlive = errors.New("it runs already")

func newInstance(name, driver string, build builder) *instance {
	return &instance{name: name, driver: driver, build: build, wire: testenv.NewWire(nil)}
}

// start serves the app on a free loopback port.
func (in *instance) start(cfg cluster.Config) error {
	if in.remote != nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.life != nil {
		return errAlive
	}
	l, err := in.newLife(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.close()
		return err
	}
	l.url = "http://" + listener.Addr().String()
	l.server = &http.Server{Handler: in, ReadHeaderTimeout: 5 * time.Second, ErrorLog: quiet}
	go func() { _ = l.server.Serve(listener) }()
	in.life = l
	return nil
}

// quiet is for what is bound to happen here: connections that break, panics that
// http.ErrAbortHandler stands for.
var quiet = log.New(io.Discard, "", 0)

func (in *instance) newLife(cfg cluster.Config) (*life, error) {
	l := &life{}
	var err error
	if in.driver != withOneCopy {
		cfg.DialContext = in.wire.DialContext
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.Trace = noteSource
		if l.cluster, err = cluster.New(cfg); err != nil {
			return nil, err
		}
	}
	app, err := in.build(in.name, l.cluster)
	if err != nil {
		l.close()
		return nil, err
	}
	l.handler = sourced(app)
	return l, nil
}

func (l *life) close() {
	if l.server != nil {
		_ = l.server.Close()
	}
	if l.cluster != nil {
		_ = l.cluster.Close()
	}
}

// ServeHTTP serves a request with the life that there is when it comes.
func (in *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	l := in.life
	if l == nil {
		in.mu.Unlock()
		panic(http.ErrAbortHandler) // it came in while the instance was being killed
	}
	l.requests.Add(1)
	in.mu.Unlock()
	defer l.requests.Done()
	l.handler.ServeHTTP(w, r)
}

// kill ends the instance in the middle of whatever it does: its connections break,
// and what its handlers still try on the cluster fails.
func (in *instance) kill() bool {
	in.mu.Lock()
	l := in.life
	in.life = nil
	in.mu.Unlock()
	if l != nil {
		l.close()
	}
	return l != nil
}

// Close kills the instance for good.
func (in *instance) Close() {
	in.kill()
	_ = in.wire.Close()
}

// reconfigure gives a running instance a new Cluster, as a deploy does: requests
// under way finish on the old one.
func (in *instance) reconfigure(cfg cluster.Config) error {
	in.mu.Lock()
	old := in.life
	if old == nil {
		in.mu.Unlock()
		return nil // it will start with the new configuration
	}
	l, err := in.newLife(cfg)
	if err != nil {
		in.mu.Unlock()
		return err
	}
	l.url, l.server = old.url, old.server
	in.life = l
	in.mu.Unlock()
	old.requests.Wait()
	if old.cluster != nil {
		_ = old.cluster.Close()
	}
	return nil
}

// url returns where the instance serves; "" while it is down.
func (in *instance) url() string {
	if in.remote != nil {
		return in.remote.url()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.life == nil {
		return ""
	}
	return in.life.url
}

// sessions returns the instance's Cluster; nil while it is down, where it runs
// elsewhere, and for an app without holdfast. It may be closed at any time.
func (in *instance) sessions() *cluster.Cluster {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.life == nil {
		return nil
	}
	return in.life.cluster
}

// nodes returns what the instance thinks of the nodes; nil while it is down.
func (in *instance) nodes() []cluster.NodeStatus {
	if in.remote != nil {
		return in.remote.nodes()
	}
	if c := in.sessions(); c != nil {
		return c.Nodes()
	}
	return nil
}

// local returns what the instance tells of its local copies.
func (in *instance) local() localState {
	if in.remote != nil {
		return in.remote.local()
	}
	return localOf(in.sessions().Stats()) // of no Cluster there is nothing to tell
}

// where returns what the instance finds of a session; an error while it is down.
func (in *instance) where(ctx context.Context, id string) ([]cluster.Placement, error) {
	if in.remote != nil {
		return in.remote.where(ctx, id)
	}
	if c := in.sessions(); c != nil {
		return c.Where(ctx, id)
	}
	return nil, cluster.ErrClosed
}

// sees returns what the instance thinks of the node; false while it is down.
func (in *instance) sees(id string) (cluster.NodeStatus, bool) {
	for _, n := range in.nodes() {
		if n.ID == id {
			return n, true
		}
	}
	return cluster.NodeStatus{}, false
}

// settled waits until this instance thinks what is true of the node, so that the
// story shows one thing at a time.
func (in *instance) settled(ctx context.Context, id string, want cluster.State) error {
	for {
		if n, ok := in.sees(id); ok && n.State == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: node %s did not become %s: %w", in.name, id, want, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
