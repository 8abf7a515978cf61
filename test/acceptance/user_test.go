package acceptance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// This file decides what a user is: an http client with cookies, which it sends to
// every instance of the app.

// user visits the app. Its methods may be called by several goroutines, except
// those that can end the test.
type user struct {
	t         *testing.T
	said      *transcript
	transport *http.Transport

	mu      sync.Mutex // guards below
	cookies map[string]string
}

// reply is what came of a request.
type reply struct {
	status  int
	body    string
	cookies []*http.Cookie
	err     error // the request did not get an answer
}

func (r reply) String() string {
	return fmt.Sprintf("status %d, error %v, %.300q", r.status, r.err, r.body)
}

func (r reply) ok() bool { return r.err == nil && r.status == http.StatusOK }

// cookie returns the cookie of that name that the reply sets, or nil.
func (r reply) cookie(name string) *http.Cookie {
	for _, c := range r.cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// visit requests the path and keeps the cookies of the answer.
func (u *user) visit(ctx context.Context, a *app, path string, form ...string) reply {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	u.mu.Lock()
	var cookies []string
	for name, value := range u.cookies {
		cookies = append(cookies, name+"="+value)
	}
	u.mu.Unlock()
	if len(cookies) > 0 {
		req.Header.Set("Cookie", strings.Join(cookies, "; ")) // as it is, not as AddCookie would clean it
	}
	resp, err := u.transport.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	r := reply{resp.StatusCode, string(body), resp.Cookies(), err}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range r.cookies {
		if c.MaxAge < 0 {
			delete(u.cookies, c.Name)
		} else {
			u.cookies[c.Name] = c.Value
		}
	}
	return r
}

// ask is visit with the test's own context.
func (u *user) ask(a *app, path string, form ...string) reply {
	return u.visit(u.t.Context(), a, path, form...)
}

// do requests the path, demands success and returns the body.
func (u *user) do(a *app, path string, form ...string) string {
	u.t.Helper()
	r := u.ask(a, path, form...)
	if !r.ok() {
		u.t.Fatalf("%s %q: %v; %v", path, form, r, a)
	}
	return r.body
}

// sees demands what a page shows.
func (u *user) sees(a *app, want, path string, form ...string) {
	u.t.Helper()
	if got := u.do(a, path, form...); got != want {
		u.t.Fatalf("%s %q shows %q, want %q; %v", path, form, got, want, a)
	}
}

func (u *user) logIn(a *app, name string) {
	u.t.Helper()
	u.sees(a, "welcome", "/login", "user", name)
}

func (u *user) set(a *app, key, value string) {
	u.t.Helper()
	u.sees(a, "set", "/set", "key", key, "value", value)
}

func (u *user) finds(a *app, key, value string) {
	u.t.Helper()
	u.sees(a, value, "/get", "key", key)
}

// is demands that each app knows the user by that name, "nobody" for none.
func (u *user) is(name string, apps ...*app) {
	u.t.Helper()
	for _, a := range apps {
		u.sees(a, name, "/whoami")
	}
}

// id returns the id of the user's session, which no log may tell.
func (u *user) id(a *app) string {
	u.t.Helper()
	id := u.do(a, "/id")
	if id == "" {
		u.t.Fatal("the user has no session")
	}
	u.said.hides(id)
	return id
}

// begin requests the path in another goroutine and returns once the request waits
// at the gate, which form has to name.
func (u *user) begin(ctx context.Context, g *gate, a *app, path string, form ...string) <-chan reply {
	u.t.Helper()
	ch := make(chan reply, 1)
	go func() { ch <- u.visit(ctx, a, path, form...) }()
	select {
	case <-g.arrived:
	case r := <-ch:
		u.t.Fatalf("%s did not wait at its gate: %v", path, r)
	}
	return ch
}

// cookie returns what the user sends as the cookie of that name.
func (u *user) cookie(name string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cookies[name]
}

// present has the user send that cookie from now on.
func (u *user) present(name, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cookies[name] = value
}
