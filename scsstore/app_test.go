package scsstore_test

// The web app that the tests visit: real http servers and clients, over nodes
// of testenv, with nothing between scs and the store.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// limit ends a test that waits for something that does not come.
const limit = 30 * time.Second

var codecs = map[string]scs.Codec{"serializer": serializer.Codec{}, "gob": scs.GobCodec{}}

// perCodec runs the test with each codec.
func perCodec(t *testing.T, test func(t *testing.T, codec scs.Codec)) {
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) { test(t, codec) })
	}
}

// threeNodes returns memcached processes where there are some. In a short run the nodes are
// embedded, since starting processes takes most of a test's time.
func threeNodes(t testing.TB) *testenv.Env {
	t.Helper()
	if testing.Short() {
		return testenv.Start(t, 3, testenv.Embedded())
	}
	return testenv.Start(t, 3)
}

// connect returns a Cluster of its own over the nodes, as another process has it. Its
// timeout is out of reach, so that a busy machine fails no test.
func connect(t *testing.T, env *testenv.Env) *cluster.Cluster {
	t.Helper()
	return connectWithin(t, env, limit)
}

// connectWithin is connect with that timeout, for nodes that do not answer: in
// virtual time, which does not pass while the machine is busy.
func connectWithin(t *testing.T, env *testenv.Env, timeout time.Duration) *cluster.Cluster {
	t.Helper()
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: env.DialContext, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// app is one instance of the web app.
//
//	/put?key=a&value=1   /get?key=a   /remove?key=a   /logout
//
// A request with slow=1 reports to arrived when its session is loaded, and goes on
// after a receive from release; with slow=gone it waits for its client to go away first.
type app struct {
	*httptest.Server
	sessions *scs.SessionManager
	store    *scsstore.Store
	mux      *http.ServeMux
	arrived  chan struct{}
	release  chan struct{}
	finished chan struct{} // a slow request is over, and saved
}

func newApp(t *testing.T, c *cluster.Cluster, codec scs.Codec) *app {
	a := &app{
		sessions: scs.New(), store: scsstore.New(c), mux: http.NewServeMux(),
		arrived: make(chan struct{}), release: make(chan struct{}), finished: make(chan struct{}, 1),
	}
	a.sessions.Store, a.sessions.Codec = a.store, codec
	a.sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
	a.mux.HandleFunc("/put", func(_ http.ResponseWriter, r *http.Request) {
		a.sessions.Put(r.Context(), r.FormValue("key"), r.FormValue("value"))
	})
	a.mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, a.sessions.GetString(r.Context(), r.FormValue("key")))
	})
	a.mux.HandleFunc("/remove", func(_ http.ResponseWriter, r *http.Request) {
		a.sessions.Remove(r.Context(), r.FormValue("key"))
	})
	a.mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := a.sessions.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	a.serve(t, a.sessions.LoadAndSave(a.gate(a.mux)))
	return a
}

func (a *app) serve(t *testing.T, h http.Handler) {
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.FormValue("slow") != "" {
			a.finished <- struct{}{}
		}
	}))
	t.Cleanup(a.Close)
}

func (a *app) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slow := r.FormValue("slow"); slow != "" {
			a.wait(r.Context(), slow)
		}
		next.ServeHTTP(w, r)
	})
}

// wait holds a request up until the test lets it go.
func (a *app) wait(ctx context.Context, how string) {
	a.arrived <- struct{}{}
	if how == "gone" {
		<-ctx.Done()
	}
	<-a.release
}

// browser is one user: it keeps cookies, which all instances of the app share.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{Jar: jar}}
}

type answer struct {
	status int
	body   string
	header http.Header
	err    error
}

// visit requests the path; it may be called by any goroutine.
func (b *browser) visit(ctx context.Context, a *app, path string) answer {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+path, nil)
	if err != nil {
		return answer{err: err}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(body), resp.Header, err}
}

// get requests the path, expects success and returns the body.
func (b *browser) get(a *app, path string) string {
	b.t.Helper()
	got := b.visit(b.t.Context(), a, path)
	if got.err != nil || got.status != http.StatusOK {
		b.t.Fatalf("GET %s: status %d, error %v, %s", path, got.status, got.err, got.body)
	}
	return got.body
}

// expect demands a value of the session, "" for none.
func (b *browser) expect(a *app, key, value string) {
	b.t.Helper()
	if got := b.get(a, "/get?key="+key); got != value {
		b.t.Errorf("%s is %q, want %q", key, got, value)
	}
}

// start requests a slow path and returns when the app has loaded the session.
func (b *browser) start(ctx context.Context, a *app, path string) (result <-chan answer) {
	b.t.Helper()
	ch := make(chan answer, 1)
	go func() { ch <- b.visit(ctx, a, path) }()
	select {
	case <-a.arrived:
	case got := <-ch:
		b.t.Fatalf("GET %s did not wait: status %d, error %v, %s", path, got.status, got.err, got.body)
	}
	return ch
}

// finish lets the slow request go on and waits until it is over and saved.
func (b *browser) finish(a *app, result <-chan answer) answer {
	b.t.Helper()
	a.release <- struct{}{}
	select {
	case <-a.finished:
	case <-time.After(limit):
		b.t.Fatal("the slow request does not end")
	}
	return <-result
}

// mustFinish is finish for a request that must succeed.
func (b *browser) mustFinish(a *app, result <-chan answer) {
	b.t.Helper()
	if got := b.finish(a, result); got.err != nil || got.status != http.StatusOK {
		b.t.Fatalf("the slow request failed: status %d, error %v, %s", got.status, got.err, got.body)
	}
}

// token returns what the browser would send as its session.
func (b *browser) token(a *app) string {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, a.URL, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(req.URL) {
		if c.Name == a.sessions.Cookie.Name {
			return c.Value
		}
	}
	b.t.Fatal("the browser has no session cookie")
	return ""
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}
