package gorillastore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// client is an API's client without a cookie jar: it sends back the newest header that it was given.
type client struct {
	t     *testing.T
	store *gorillastore.Store
	id    string
}

// ask runs a request, and returns the response's headers.
func (c *client) ask(handler func(w http.ResponseWriter, r *http.Request, s *sessions.Session)) http.Header {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if c.id != "" {
		r.Header.Set("x-session", c.id)
	}
	w := httptest.NewRecorder()
	session, err := c.store.Get(r, "app")
	if err != nil {
		c.t.Fatal(err)
	}
	handler(w, r, session)
	if cookies := w.Result().Cookies(); len(cookies) > 0 {
		c.t.Errorf("there are cookies: %v", cookies)
	}
	if values, ok := w.Header()["X-Session"]; ok {
		if len(values) != 1 {
			c.t.Errorf("%d headers, want one", len(values))
		}
		c.id = values[0]
	}
	return w.Header()
}

// name returns the name in the session, "" for a stranger.
func (c *client) name() (name string) {
	c.t.Helper()
	c.ask(func(_ http.ResponseWriter, _ *http.Request, s *sessions.Session) { name, _ = s.Values["name"].(string) })
	return name
}

func (c *client) logIn(name string) {
	c.t.Helper()
	c.ask(func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
		s.Values["name"] = name
		if err := errors.Join(s.Save(r, w), c.store.RenewID(r, w, s)); err != nil {
			c.t.Fatal(err)
		}
	})
}

func (c *client) logOut() {
	c.t.Helper()
	c.ask(func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
		s.Options.MaxAge = -1
		if err := s.Save(r, w); err != nil {
			c.t.Fatal(err)
		}
	})
}

func TestIDInAHeader(t *testing.T) {
	env, _, store := start(t)
	store.Header = "X-Session"
	c := &client{t: t, store: store}
	c.logIn("ann")
	first := c.id
	if c.name() != "ann" {
		t.Fatal("the header does not open the session")
	}
	env.Node(0).Kill()
	if c.name() != "ann" {
		t.Fatal("a node is dead, and so is the session")
	}
	c.logIn("ann")
	if c.id == first || c.name() != "ann" || (&client{t: t, store: store, id: first}).name() != "" {
		t.Error("a login did not move the session to a new id")
	}
	last := c.id
	c.logOut()
	if c.id != "" || (&client{t: t, store: store, id: last}).name() != "" {
		t.Errorf("after the logout the client has %q", c.id)
	}
}

// A header that names an ended session is not sent: the client may have that of a new login.
func TestHeaderOfAnEndedSessionIsTakenBack(t *testing.T) {
	_, _, store := start(t)
	store.Header = "X-Session"
	c := &client{t: t, store: store}
	c.logIn("ann")
	got := c.ask(func(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
		s.Values["n"] = 1
		if err := s.Save(r, w); err != nil {
			t.Fatal(err)
		}
		(&client{t: t, store: store, id: c.id}).logOut()
		s.Values["n"] = 2
		if err := s.Save(r, w); err != nil {
			t.Fatal(err)
		}
	})
	if v := got.Get("X-Session"); v != "" {
		t.Errorf("the response carries the id of an ended session: %q", v)
	}
}

func TestCookiesAndForgedHeadersOpenNothing(t *testing.T) {
	_, _, store := start(t)
	store.Header = "X-Session"
	c := &client{t: t, store: store}
	c.logIn("ann")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "app", Value: c.id})
	if s, err := store.Get(r, "app"); err != nil || !s.IsNew {
		t.Errorf("a cookie opened the session: %v", err)
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Session", flip(c.id))
	s, err := store.Get(r, "app")
	var forged securecookie.Error
	if !s.IsNew || !errors.As(err, &forged) || !strings.Contains(err.Error(), "header X-Session") || strings.Contains(err.Error(), c.id) {
		t.Errorf("a forged header: new %v, %v", s.IsNew, err)
	}
}

func TestHeaderThatIsNone(t *testing.T) {
	_, _, store := start(t)
	store.Header = "X Session"
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	s, err := store.Get(r, "app")
	for what, err := range map[string]error{"Get": err, "Save": s.Save(r, w)} {
		if err == nil || errors.Is(err, cluster.ErrUnavailable) || !strings.Contains(err.Error(), "Store.Header") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
