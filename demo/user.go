package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file decides what one user in the background does, and what the user counts
// as a loss: only what an app has acknowledged can be lost.
type user struct {
	name    string
	driver  string
	idle    bool                 // logs in and then does nothing
	looks   chan chan<- idleLook // an idle user is to look at the session
	gone    chan struct{}        // closed when run has returned
	base    string               // address of the app
	client  *http.Client
	tally   *tally
	journal *journal

	in          bool // logged in, as far as the user knows
	leaving     bool // a logout failed: it may or may not have happened
	cookies     map[string]string
	count, cart int       // acknowledged
	trace       []string  // of the latest requests
	before      string    // the session's id before the latest request
	since       time.Time // when the last but one request began that was answered well
	inquire     inquiry   // into a loss; may be nil

	mu   sync.Mutex // guards below, which others read
	id   string     // of the session
	used time.Time  // when the latest request began that was answered well
}

// inquiry finds out about a session that lost something after it had been used well at
// that time: an excuse, if two of its nodes failed at once without anybody's button,
// and what else may help to find the reason.
type inquiry func(driver, id string, since time.Time) (excuse string, detail []string)

// pause is how long a user thinks between two requests, on average.
const pause = time.Second

// thinking is how long a user thinks this time.
func thinking() time.Duration { return pause/2 + time.Duration(rand.Int64N(int64(pause))) }

// run makes requests until ctx ends.
func (u *user) run(ctx context.Context) {
	defer close(u.gone)
	if u.idle {
		u.runIdle(ctx)
		return
	}
	for wait(ctx, thinking()) {
		u.step(ctx)
	}
}

// step does one thing.
func (u *user) step(ctx context.Context) {
	dice := rand.IntN(100)
	switch {
	case !u.in:
		if a, ok := u.ask(ctx, http.MethodPost, "/login", url.Values{"name": {u.name}}); ok {
			u.in, u.count, u.cart = true, 0, 0
			u.check(a, 0, 0)
		}
	case u.leaving || dice < 2 || u.cart >= cartLimit-2:
		u.logOut(ctx)
	case dice < 30:
		if a, ok := u.ask(ctx, http.MethodPost, "/add", url.Values{"item": {"apple"}}); ok {
			u.check(a, 0, 1)
		}
	case dice < 80:
		if a, ok := u.ask(ctx, http.MethodPost, "/count", nil); ok {
			u.check(a, 1, 0)
		}
	default:
		if a, ok := u.ask(ctx, http.MethodGet, "/session", nil); ok {
			u.check(a, 0, 0)
		}
	}
}

// check compares what the app says with what it has acknowledged before, plus what
// the request changed. More than that is no loss: a request that failed may have
// changed something all the same.
func (u *user) check(a answer, counted, added int) {
	if a.Name != u.name {
		u.in = false
		u.forget()
		u.tally.lost(time.Now(), 1, 0)
		u.mourn(a.App, "%s was logged out: the session is lost.", u.name)
		return
	}
	missing := max(0, u.count+counted-a.Count) + max(0, u.cart+added-len(a.Cart))
	if missing > 0 {
		u.tally.lost(time.Now(), 0, missing)
		u.mourn(a.App, "%s misses %d changes that had been saved.", u.name, missing)
	}
	u.count, u.cart = a.Count, len(a.Cart)
}

// mourn writes down a loss on holdfast, with what may help to find its reason.
func (u *user) mourn(app, format string, args ...any) {
	if u.driver == withOneCopy {
		return
	}
	e := entry{Kind: loss, Text: fmt.Sprintf(format, args...)}
	e.Detail = append(e.Detail, fmt.Sprintf("expected count %d, cart %d before this request; answered by %s", u.count, u.cart, app))
	e.Detail = append(e.Detail, u.trace...)
	if u.inquire != nil {
		excuse, detail := u.inquire(u.driver, u.before, u.since)
		e.Detail = append(e.Detail, detail...)
		if e.Excuse = excuse; excuse != "" {
			u.tally.excused()
		}
	}
	u.journal.put(e)
}

// remember keeps the latest requests, for mourn.
func (u *user) remember(began time.Time, path string, a answer, err error) {
	if len(u.trace) == 15 {
		u.trace = append(u.trace[:0], u.trace[1:]...)
	}
	said := fmt.Sprintf("%s: count %d, cart %d", a.App, a.Count, len(a.Cart))
	if err != nil {
		said = err.Error()
	}
	u.trace = append(u.trace, fmt.Sprintf("%s %-8s %4d ms  %s", began.Format("15:04:05.000"), path, time.Since(began).Milliseconds(), said))
}

// logOut ends the session, and makes sure that its cookie is worth nothing now.
func (u *user) logOut(ctx context.Context) {
	if _, ok := u.ask(ctx, http.MethodPost, "/logout", nil); !ok {
		u.leaving = true
		return
	}
	u.in, u.leaving = false, false
	if a, ok := u.ask(ctx, http.MethodGet, "/session", nil); ok && a.Name != "" {
		u.tally.undone()
		u.mourn(a.App, "%s had logged out, and the old cookie was good again.", u.name)
	}
	u.forget()
}

// forget drops the cookies of a session that has ended.
func (u *user) forget() {
	delete(u.cookies, cookieName(u.driver))
	delete(u.cookies, versionName(u.driver))
}

// ask makes one request; false when it failed.
func (u *user) ask(ctx context.Context, method, path string, form url.Values) (answer, bool) {
	began := time.Now()
	a, cookies, err := u.send(ctx, method, path, form)
	if ctx.Err() != nil {
		return a, false // the demo ends, which is nobody's failure
	}
	u.tally.request(time.Now(), time.Since(began), err == nil)
	u.remember(began, path, a, err)
	if err != nil {
		return a, false
	}
	for _, c := range cookies {
		u.keep(c, path)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.before, u.since = u.id, u.used
	u.id, u.used = a.ID, began
	return a, true
}

// keep does what a browser does with a cookie that it gets, except that a user who has logged out keeps
// those of the session, to try them once more.
func (u *user) keep(c *http.Cookie, path string) {
	switch {
	case !slices.Contains(cookieNames(u.driver), c.Name):
	case c.Name != instanceName(u.driver) && path == "/logout":
	case c.Value != "" && c.MaxAge >= 0:
		u.cookies[c.Name] = c.Value
	case c.Name == versionName(u.driver):
		delete(u.cookies, c.Name)
	}
}

func (u *user) send(ctx context.Context, method, path string, form url.Values) (a answer, cookies []*http.Cookie, err error) {
	req, err := http.NewRequestWithContext(ctx, method, u.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return a, nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range u.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := u.client.Do(req)
	if err != nil {
		return a, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return a, nil, err
	}
	if res.StatusCode != http.StatusOK {
		return a, nil, fmt.Errorf("%s", res.Status)
	}
	return a, res.Cookies(), json.Unmarshal(body, &a)
}

// lately returns the session's id and when it was last used.
func (u *user) lately() (id string, used time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.id, u.used
}
