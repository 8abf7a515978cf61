package acceptance

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides where a story takes place: nodes, apps on them, users, and a
// look at where the copies of a session lie.

// world is the nodes, apps and users of one story.
type world struct {
	t      *testing.T
	env    *testenv.Env
	driver driver
	prefix string // of the keys: nodes that run elsewhere are shared
	nodes  []cluster.Node
	said   *transcript // what the clusters have logged
	crowd  []*user

	// listen and dial are nil for real sockets.
	listen func() net.Listener
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

// newWorld returns a world on n nodes: memcached processes where there are some. In a short
// run they are embedded, since starting processes takes most of a story's time.
func newWorld(t *testing.T, d driver, n int, opts ...testenv.Option) *world {
	t.Helper()
	if testing.Short() {
		opts = append([]testenv.Option{testenv.Embedded()}, opts...)
	}
	env := testenv.Start(t, n, opts...)
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, env: env, driver: d, nodes: nodes[:n], prefix: "acceptance-" + rand.Text() + ":", said: &transcript{}}
	t.Cleanup(func() { w.said.check(t) })
	return w
}

const (
	// timeout is the Config.Timeout of the instances that meet no hung node: so long
	// that a busy machine is never taken for a node that hangs, which would be one
	// fault more than the story tells of.
	timeout = 10 * time.Second
	// short is that of instances that do, and pay it.
	short = time.Second
)

// impatient makes an instance that is going to meet a hung node.
var impatient = options{config: func(c *cluster.Config) { c.Timeout = short }}

func (w *world) config(o options) cluster.Config {
	cfg := cluster.Config{
		Nodes: append([]cluster.Node(nil), w.nodes...), KeyPrefix: w.prefix, Timeout: timeout,
		DialContext: w.env.DialContext, Logger: slog.New(slog.NewTextHandler(w.said, nil)),
	}
	if o.config != nil {
		o.config(&cfg)
	}
	return cfg
}

func (w *world) connect(o options) *cluster.Cluster {
	w.t.Helper()
	c, err := cluster.New(w.config(o))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c
}

// start starts an instance of the app.
func (w *world) start(o options) *app {
	w.t.Helper()
	c := w.connect(o)
	wrap, err := w.driver.build(c, o)
	if err != nil {
		w.t.Fatal(err)
	}
	a := newApp(wrap)
	a.cluster = c
	w.serve(a)
	return a
}

// startHandler starts an app that is nothing but that handler.
func (w *world) startHandler(h http.Handler) *app {
	w.t.Helper()
	a := newApp(nil)
	a.handler = h
	w.serve(a)
	return a
}

// serve gives the app a server, which ends with the test.
func (w *world) serve(a *app) {
	var srv *httptest.Server
	if w.listen == nil {
		srv = httptest.NewUnstartedServer(a.handler)
	} else {
		srv = &httptest.Server{Listener: w.listen(), Config: &http.Server{Handler: a.handler}}
	}
	srv.Config.ErrorLog = log.New(serverLog{w.t}, "", 0)
	srv.Start()
	a.url = srv.URL
	w.t.Cleanup(func() {
		close(a.over)
		srv.Close()
	})
}

// pair starts two instances of the app.
func (w *world) pair(o options) (app1, app2 *app) {
	w.t.Helper()
	return w.start(o), w.start(o)
}

// newUser returns a user without cookies.
func (w *world) newUser() *user {
	transport := &http.Transport{DialContext: w.dial, MaxIdleConnsPerHost: 100}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &user{t: w.t, said: w.said, transport: transport, cookies: map[string]string{}}
}

// observe asks a fresh cluster, which has no opinion of any node yet, where the
// session's copies lie.
func (w *world) observe(id string) []cluster.Placement {
	w.t.Helper()
	c, err := cluster.New(w.config(options{}))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	places, err := c.Where(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return places
}

// preferred returns the nodes of the session's preference list, in its order: primary, backup,
// fallbacks.
func (w *world) preferred(id string) []*testenv.Node {
	w.t.Helper()
	var nodes []*testenv.Node
	for _, p := range w.observe(id) {
		nodes = append(nodes, w.node(p.Node.Addr))
	}
	return nodes
}

// holders returns the nodes that hold a live copy, in the order of the preference list.
func (w *world) holders(id string) []*testenv.Node {
	w.t.Helper()
	var nodes []*testenv.Node
	for _, p := range w.observe(id) {
		if p.Held && !p.Destroyed {
			nodes = append(nodes, w.node(p.Node.Addr))
		}
	}
	return nodes
}

// isHome demands that the session's primary and backup hold it.
func (w *world) isHome(id string) {
	w.t.Helper()
	for _, p := range w.observe(id)[:2] {
		if !p.Held || p.Destroyed {
			w.t.Errorf("the %s, %s, does not hold the session", p.Role, p.Node.ID)
		}
	}
}

func (w *world) node(addr string) *testenv.Node {
	w.t.Helper()
	for _, n := range w.env.All() {
		if n.Addr() == addr {
			return n
		}
	}
	w.t.Fatalf("there is no node at %s", addr)
	return nil
}

// key is where the session's record lies on a node, which no log may tell either.
func (w *world) key(id string) string {
	sum := sha256.Sum256([]byte(id))
	key := base64.RawURLEncoding.EncodeToString(sum[:])
	w.said.hides(key)
	return w.prefix + key
}

// isUp waits until each instance takes all nodes for up.
func isUp(t *testing.T, apps ...*app) {
	t.Helper()
	for _, a := range apps {
		var sick string
		eventually(t, "all nodes are up", func() bool {
			for _, n := range a.cluster.Nodes() {
				if n.State != cluster.StateUp {
					sick = a.String()
					return false
				}
			}
			return true
		}, &sick)
	}
}

// transcript collects what is logged. Logs are read by people who must not be able
// to become a user.
type transcript struct {
	mu      sync.Mutex // guards below
	text    strings.Builder
	secrets []string
}

func (tr *transcript) Write(b []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(b)
}

// hides adds a text that must not be logged.
func (tr *transcript) hides(secret string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.secrets = append(tr.secrets, secret)
}

func (tr *transcript) check(t *testing.T) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, secret := range tr.secrets {
		if strings.Contains(tr.text.String(), secret) {
			t.Errorf("the logs hold the secret %q", secret)
		}
	}
}

// serverLog fails the test when a handler panics.
type serverLog struct{ t *testing.T }

func (l serverLog) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "panic") {
		l.t.Errorf("a request crashed: %s", b)
	}
	return len(b), nil
}
