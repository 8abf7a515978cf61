package gorillastore_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides how the tests play a user: a browser with a cookie jar in front of a server.

// user is a browser in front of one server. What the server does is part of each visit, so that a
// test reads as a story.
type user struct {
	t      testing.TB
	client *http.Client
	url    *url.URL
	steps  *steps
}

// steps runs in the server what a visit asks for.
type steps struct {
	next atomic.Int64
	m    sync.Map // number to http.HandlerFunc
}

func (s *steps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step, ok := s.m.LoadAndDelete(r.Header.Get("X-Step"))
	if !ok {
		http.Error(w, "no such step", http.StatusNotFound)
		return
	}
	step.(http.HandlerFunc)(w, r)
}

func newUser(t testing.TB) *user {
	steps := &steps{}
	server := httptest.NewServer(steps)
	t.Cleanup(server.Close)
	return userOf(t, server.URL, server.Client(), steps)
}

// newTLSUser is a user whose server speaks TLS.
func newTLSUser(t testing.TB) *user {
	steps := &steps{}
	server := httptest.NewTLSServer(steps)
	t.Cleanup(server.Close)
	return userOf(t, server.URL, server.Client(), steps)
}

// newVirtualUser is a user without sockets, for a synctest bubble.
func newVirtualUser(t testing.TB) *user {
	steps := &steps{}
	return userOf(t, "http://app.example/", &http.Client{Transport: direct{steps}}, steps)
}

func userOf(t testing.TB, rawURL string, client *http.Client, steps *steps) *user {
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return (&user{t: t, client: client, url: u, steps: steps}).other()
}

// other is another browser in front of the same server.
func (u *user) other() *user {
	jar, err := cookiejar.New(nil)
	if err != nil {
		u.t.Fatal(err)
	}
	client := *u.client
	client.Jar = jar
	return &user{t: u.t, client: &client, url: u.url, steps: u.steps}
}

// direct hands requests to a handler in this process.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// visit runs the step in the server, for a request of this user.
func (u *user) visit(step http.HandlerFunc, headers ...string) *http.Response {
	u.t.Helper()
	number := strconv.FormatInt(u.steps.next.Add(1), 10)
	u.steps.m.Store(number, step)
	r, err := http.NewRequest(http.MethodGet, u.url.String(), nil)
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("X-Step", number)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := u.client.Do(r)
	if err != nil {
		u.t.Errorf("visit: %v", err)
		return &http.Response{Header: http.Header{}}
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		// net/http repeats a GET whose connection was closed, as it is when a handler panics.
		u.t.Error("visit: the server did not get to the end of the step")
	}
	return resp
}

// set saves key=value in the user's session of that name.
func (u *user) set(store sessions.Store, name string, key, value any) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, name)
		session.Values[key] = value
		u.save(session, r, w)
	})
}

// open is store.Get, which must succeed.
func (u *user) open(store sessions.Store, r *http.Request, name string) *sessions.Session {
	u.t.Helper()
	session, err := store.Get(r, name)
	if err != nil {
		u.t.Errorf("Get: %v", err)
	}
	return session
}

// save is session.Save, which must succeed.
func (u *user) save(session *sessions.Session, r *http.Request, w http.ResponseWriter) {
	u.t.Helper()
	if err := session.Save(r, w); err != nil {
		u.t.Errorf("Save: %v", err)
	}
}

// view is what a request sees of a session.
type view struct {
	id     string
	isNew  bool
	values map[any]any
	err    error
}

// see loads the user's session of that name and changes nothing.
func (u *user) see(store sessions.Store, name string) view {
	u.t.Helper()
	var v view
	u.visit(func(_ http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, name)
		v = view{session.ID, session.IsNew, session.Values, err}
	})
	return v
}

// want fails unless the session exists and holds key=value; a nil value means none.
func (u *user) want(store sessions.Store, name string, key, value any) {
	u.t.Helper()
	v := u.see(store, name)
	if v.err != nil || v.isNew || v.values[key] != value {
		u.t.Errorf("session %q: error %v, new %v, %v=%v; want %v", name, v.err, v.isNew, key, v.values[key], value)
	}
}

// wantFresh fails unless the user has no session of that name, as far as the store knows: IsNew, no
// id, no values, no error.
func (u *user) wantFresh(store sessions.Store, name string) {
	u.t.Helper()
	if v := u.see(store, name); v.err != nil || !v.isNew || v.id != "" || len(v.values) != 0 {
		u.t.Errorf("session %q: error %v, new %v, has an id %v, %d values; want a fresh one", name, v.err, v.isNew, v.id != "", len(v.values))
	}
}

// cookie returns the value the browser holds under that name, "" if none.
func (u *user) cookie(name string) string {
	for _, c := range u.client.Jar.Cookies(u.url) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// present makes the browser send this value under that name; "" takes the cookie away.
func (u *user) present(name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	u.client.Jar.SetCookies(u.url, []*http.Cookie{c})
}

// given returns the cookie of that name that the response sets; the last one counts, as in a
// browser.
func given(resp *http.Response, name string) *http.Cookie {
	var last *http.Cookie
	for _, c := range resp.Cookies() {
		if c.Name == name {
			last = c
		}
	}
	return last
}

// logOut deletes the session, which must succeed.
func (u *user) logOut(store sessions.Store, name string) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, name)
		session.Options.MaxAge = -1
		u.save(session, r, w)
	})
}

// renew gives the session a new id, which must succeed.
func (u *user) renew(store *gorillastore.Store, name string) *http.Response {
	u.t.Helper()
	return u.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := store.RenewID(r, w, u.open(store, r, name)); err != nil {
			u.t.Errorf("RenewID: %v", err)
		}
	})
}
