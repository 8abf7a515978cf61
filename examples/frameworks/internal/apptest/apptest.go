// Package apptest visits the example app of any framework as a browser does, while memcached nodes
// die and hang.
package apptest

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// App makes one instance of the app.
type App func(t *testing.T, c *cluster.Cluster) http.Handler

// Run tells stories with the app.
func Run(t *testing.T, app App) {
	t.Run("a node dies", func(t *testing.T) { aNodeDies(t, app) })
	t.Run("no node answers", func(t *testing.T) { noNodeAnswers(t, app) })
	t.Run("the id is new after the login", func(t *testing.T) { newID(t, app) })
}

// aNodeDies has a user move between two instances while each node in turn is restarted empty.
func aNodeDies(t *testing.T, app App) {
	env := testenv.Start(t, 3)
	one, two := instance(t, env, app), instance(t, env, app)
	u := browser(t)
	u.sees(u.get(one, "/"), "Hello, stranger")
	u.sees(u.post(one, "/login", "name", "Ann & Bob"), "Hello, Ann & Bob", "You are logged in.")
	u.sees(u.post(two, "/cart", "item", "an apple"), "<li>an apple</li>", "It is in the cart.")
	u.seesNot(u.get(one, "/"), "It is in the cart.")
	for i, item := range []string{"a pear", "a plum", "a fig"} {
		env.Node(i).Kill()
		u.sees(u.post(one, "/cart", "item", item), "Hello, Ann & Bob", "<li>an apple</li>", "<li>"+item+"</li>")
		env.Node(i).Restart()
		u.sees(u.get(two, "/"), "<li>an apple</li>", "<li>"+item+"</li>")
	}
	u.sees(u.post(two, "/logout"), "Hello, stranger", "The cart is empty.")
	u.sees(u.get(one, "/"), "Hello, stranger")
}

// noNodeAnswers shows that an outage logs nobody out.
func noNodeAnswers(t *testing.T, app App) {
	env := testenv.Start(t, 2)
	in := instance(t, env, app)
	u := browser(t)
	u.sees(u.post(in, "/login", "name", "Ann"), "Hello, Ann")
	env.Node(0).Kill()
	env.Node(1).Pause() // it holds the only copy now
	for _, path := range []string{"/", "/healthz"} {
		if a := u.get(in, path); a.status != http.StatusServiceUnavailable || len(a.cookies) != 0 {
			t.Errorf("%s: status %d, cookies %q during an outage", path, a.status, a.cookies)
		}
	}
	for _, path := range []string{"/cart", "/logout", "/login"} {
		if a := u.post(in, path, "item", "a pear", "name", "Eve"); a.status != http.StatusServiceUnavailable || len(a.cookies) != 0 {
			t.Errorf("%s: status %d, cookies %q during an outage", path, a.status, a.cookies)
		}
	}
	env.Node(1).Resume()
	a := u.get(in, "/")
	for t.Context().Err() == nil && a.status == http.StatusServiceUnavailable {
		a = u.get(in, "/")
	}
	u.sees(a, "Hello, Ann")
}

// newID shows that a login makes the id of before worthless, and that it sets one cookie.
func newID(t *testing.T, app App) {
	in := instance(t, testenv.Start(t, 2), app)
	u := browser(t)
	u.sees(u.post(in, "/cart", "item", "an apple"), "Hello, stranger", "<li>an apple</li>")
	before := u.cookie(in)
	u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if a := u.post(in, "/login", "name", "Ann"); a.status != http.StatusSeeOther || len(a.cookies) != 1 {
		t.Errorf("the login: status %d, cookies %q; want one", a.status, a.cookies)
	}
	u.sees(u.get(in, "/"), "Hello, Ann", "<li>an apple</li>")
	attacker := browser(t)
	attacker.client.Jar.SetCookies(u.url(in, "/"), []*http.Cookie{before})
	attacker.sees(attacker.get(in, "/"), "Hello, stranger", "The cart is empty.")
}

// instance starts an instance of the app with a Cluster of its own.
func instance(t *testing.T, env *testenv.Env, app App) *httptest.Server {
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, Timeout: time.Second}) // a busy machine answers late
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	server := httptest.NewServer(app(t, c))
	t.Cleanup(server.Close)
	return server
}

// user is a browser that may switch between instances: cookies know no ports.
type user struct {
	t      *testing.T
	client *http.Client
}

// answer is what came back, after redirects.
type answer struct {
	status  int
	cookies []string
	body    string
}

func browser(t *testing.T) *user {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, &http.Client{Jar: jar}}
}

func (u *user) url(in *httptest.Server, path string) *url.URL {
	at, err := url.Parse(in.URL + path)
	if err != nil {
		u.t.Fatal(err)
	}
	return at
}

func (u *user) get(in *httptest.Server, path string) answer {
	u.t.Helper()
	return u.answered(u.client.Get(in.URL + path))
}

// post sends a form of pairs: field, text, field, text.
func (u *user) post(in *httptest.Server, path string, form ...string) answer {
	u.t.Helper()
	fields := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		fields.Set(form[i], form[i+1])
	}
	return u.answered(u.client.PostForm(in.URL+path, fields))
}

func (u *user) answered(resp *http.Response, err error) answer {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	ids := slices.DeleteFunc(resp.Header["Set-Cookie"], func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return isVersion(name)
	})
	return answer{resp.StatusCode, ids, html.UnescapeString(string(body))}
}

// isVersion reports whether it is the name of the second cookie of scsstore, which says what the client
// has seen of its session.
func isVersion(cookie string) bool { return strings.HasSuffix(cookie, "_v") }

func (u *user) cookie(in *httptest.Server) *http.Cookie {
	u.t.Helper()
	cookies := slices.DeleteFunc(u.client.Jar.Cookies(u.url(in, "/")), func(c *http.Cookie) bool { return isVersion(c.Name) })
	if len(cookies) != 1 {
		u.t.Fatalf("the browser has %d cookies", len(cookies))
	}
	return cookies[0]
}

// sees demands a page with each of the texts.
func (u *user) sees(a answer, texts ...string) {
	u.t.Helper()
	for _, text := range texts {
		if a.status != http.StatusOK || !strings.Contains(a.body, text) {
			u.t.Fatalf("status %d; the page does not hold %q:\n%s", a.status, text, a.body)
		}
	}
}

func (u *user) seesNot(a answer, text string) {
	u.t.Helper()
	if a.status != http.StatusOK || strings.Contains(a.body, text) {
		u.t.Fatalf("status %d; the page holds %q:\n%s", a.status, text, a.body)
	}
}
