package scsstore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
)

// This file decides what requests do to each other that change one value at the same time.

// counting is an instance of an app that counts: its store, its manager, and one browser's cookie.
type counting struct {
	*testing.T
	store *scsstore.Store
	m     *scs.SessionManager
}

func newCounting(t *testing.T, c *cluster.Cluster, codec scs.Codec) *counting {
	a := &counting{T: t, store: scsstore.New(c), m: scs.New()}
	a.m.Store, a.m.Codec = a.store, codec
	a.m.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		t.Logf("error page: %v", err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
	return a
}

// request runs the handler for a browser with that cookie, and returns the cookie that it has then.
func (a *counting) request(cookie *http.Cookie, h http.HandlerFunc) *http.Cookie {
	a.Helper()
	return a.serve(cookie, a.store.LoadAndSave(a.m, h))
}

func (a *counting) serve(cookie *http.Cookie, h http.Handler) *http.Cookie {
	a.Helper()
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	if cookie != nil {
		r.AddCookie(cookie)
	}
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		a.Errorf("answer %d", w.Code)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == a.m.Cookie.Name {
			cookie = c
		}
	}
	return cookie
}

// raise adds one to the number under n.
func (a *counting) raise(ctx context.Context) error {
	a.m.Put(ctx, "n", a.m.GetInt(ctx, "n")+1)
	return nil
}

func (a *counting) update(ctx context.Context) {
	a.Helper()
	if err := a.store.Update(ctx, a.m, a.raise); err != nil {
		a.Errorf("update: %v", err)
	}
}

// wants fails unless a request sees these values.
func (a *counting) wants(cookie *http.Cookie, want map[string]any) {
	a.Helper()
	a.request(cookie, func(_ http.ResponseWriter, r *http.Request) {
		for key, v := range want {
			if got := a.m.Get(r.Context(), key); got != v {
				a.Errorf("%s is %v, want %v", key, got, v)
			}
		}
	})
}

func TestParallelUpdatesOfOneSession(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		for _, hashed := range []bool{false, true} {
			apps := []*counting{newCounting(t, connect(t, env), codec), newCounting(t, connect(t, env), codec)}
			for _, a := range apps {
				a.m.HashTokenInStore = hashed
			}
			cookie := apps[0].request(nil, func(_ http.ResponseWriter, r *http.Request) { apps[0].m.Put(r.Context(), "user", "ann") })
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					ctx, err := apps[i%2].m.Load(t.Context(), cookie.Value)
					if err != nil {
						t.Error(err)
						return
					}
					apps[i%2].update(ctx)
				})
			}
			wg.Wait()
			apps[1].wants(cookie, map[string]any{"n": 20, "user": "ann"})
		}
	})
}

// The request's session shows what is stored, what it has changed before is stored as well, and its commit
// takes nothing of it back.
func TestAfterAnUpdateTheSessionShowsWhatIsStored(t *testing.T) {
	env := threeNodes(t)
	a, other := newCounting(t, connect(t, env), codecs["serializer"]), newCounting(t, connect(t, env), codecs["serializer"])
	cookie := a.request(nil, func(_ http.ResponseWriter, r *http.Request) {
		a.m.Put(r.Context(), "n", 1)
		a.m.Put(r.Context(), "gone", 1)
	})
	raiseElsewhere := func() {
		other.request(cookie, func(_ http.ResponseWriter, r *http.Request) { other.update(r.Context()) })
	}
	a.request(cookie, func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		a.m.Put(ctx, "before", 1)
		a.m.Remove(ctx, "gone")
		raiseElsewhere()
		a.update(ctx)
		if n := a.m.GetInt(ctx, "n"); n != 3 {
			t.Errorf("the session shows %d", n)
		}
		raiseElsewhere()
		a.m.Put(ctx, "after", 1)
	})
	a.wants(cookie, map[string]any{"n": 4, "before": 1, "after": 1, "gone": nil})
}

// A visitor without a session gets one.
func TestAnUpdateBeginsASession(t *testing.T) {
	a := newCounting(t, connect(t, threeNodes(t)), codecs["serializer"])
	var cookie *http.Cookie
	for range 2 {
		cookie = a.request(cookie, func(_ http.ResponseWriter, r *http.Request) { a.update(r.Context()) })
	}
	a.wants(cookie, map[string]any{"n": 2})
}

func TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	c := connect(t, threeNodes(t))
	a := newCounting(t, c, codecs["serializer"])
	cookie := a.request(nil, func(_ http.ResponseWriter, r *http.Request) { a.m.Put(r.Context(), "n", 1) })
	own := errors.New("sold out")
	a.request(cookie, func(_ http.ResponseWriter, r *http.Request) {
		for what, change := range map[string]func(ctx context.Context) error{
			"its own error":    func(ctx context.Context) error { a.m.Put(ctx, "n", 7); return own },
			"a bad value":      func(ctx context.Context) error { a.m.Put(ctx, "n", func() {}); return nil },
			"an update within": func(ctx context.Context) error { return a.store.Update(ctx, a.m, a.raise) },
			"nil":              nil,
		} {
			if err := a.store.Update(r.Context(), a.m, change); err == nil || what == "its own error" && !errors.Is(err, own) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n := a.m.GetInt(r.Context(), "n"); n != 1 {
			t.Errorf("the session shows %d", n)
		}
	})
	a.wants(cookie, map[string]any{"n": 1})
	a.request(cookie, func(_ http.ResponseWriter, r *http.Request) {
		if err := c.Delete(r.Context(), cookie.Value); err != nil {
			t.Error(err)
		}
		if err := a.store.Update(r.Context(), a.m, a.raise); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("after a logout: %v", err)
		}
	})
}

// Requests that a LockHandler guards run one at a time, on all instances, and each sees the session as
// the one before has left it: in the place of LoadAndSave, and inside it.
func TestLockedRequestsRunOneAtATime(t *testing.T) {
	env := threeNodes(t)
	apps := []*counting{newCounting(t, connect(t, env), codecs["serializer"]), newCounting(t, connect(t, env), codecs["serializer"])}
	cookie := apps[0].request(nil, func(_ http.ResponseWriter, r *http.Request) { apps[0].m.Put(r.Context(), "n", 0) })
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		a := apps[i%2]
		h := a.store.LockHandler(a.m, scsstore.LockOptions{Wait: limit}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			n := a.m.GetInt(r.Context(), "n")
			time.Sleep(time.Millisecond)
			a.m.Put(r.Context(), "n", n+1)
		}))
		if i%3 == 0 {
			h = a.store.LoadAndSave(a.m, h)
		}
		wg.Go(func() { a.serve(cookie, h) })
	}
	wg.Wait()
	apps[1].wants(cookie, map[string]any{"n": 12})
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
}

func TestWhatALockHandlerLetsPass(t *testing.T) {
	c := connect(t, threeNodes(t))
	a := newCounting(t, c, codecs["serializer"])
	locked, ran := true, 0
	h := a.store.LockHandler(a.m, scsstore.LockOptions{
		Wait: 10 * time.Millisecond, Only: func(*http.Request) bool { return locked },
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ran++
		a.m.Put(r.Context(), "n", ran)
	}))
	cookie := a.serve(nil, h) // no session yet
	_, unlock, err := c.Lock(t.Context(), cookie.Value, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	r.AddCookie(cookie)
	if h.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("while another one has the lock: %d", w.Code)
	}
	locked = false
	a.serve(cookie, h)
	a.serve(cookie, a.store.LoadAndSave(a.m, h))
	if ran != 3 {
		t.Errorf("%s requests ran, want the one without a session, and two that need no lock", strconv.Itoa(ran))
	}
	a.wants(cookie, map[string]any{"n": 3})
}

// A request that took longer than its lease commits nothing over the one that came after it.
func TestALockThatIsLostLetsNothingBeCommitted(t *testing.T) {
	c := connect(t, threeNodes(t))
	a := newCounting(t, c, codecs["serializer"])
	cookie := a.request(nil, func(_ http.ResponseWriter, r *http.Request) { a.m.Put(r.Context(), "n", 1) })
	var failed error
	a.m.ErrorFunc = func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err }
	h := a.store.LockHandler(a.m, scsstore.LockOptions{Lease: time.Millisecond}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _, err := c.Lock(t.Context(), cookie.Value, time.Minute)
		if err != nil {
			t.Error(err)
		}
		a.m.Put(r.Context(), "n", 7)
	}))
	a.serve(cookie, h)
	if !errors.Is(failed, cluster.ErrLockLost) {
		t.Errorf("commit: %v", failed)
	}
	a.wants(cookie, map[string]any{"n": 1})
}

// Nor does it renew the token, or destroy the session, of the request that came after it.
func TestALockThatIsLostLetsNothingBeRenewedOrDestroyed(t *testing.T) {
	c := connect(t, threeNodes(t))
	a := newCounting(t, c, codecs["serializer"])
	for what, do := range map[string]func(r *http.Request) error{
		"RenewToken": func(r *http.Request) error { return a.m.RenewToken(r.Context()) },
		"Destroy":    func(r *http.Request) error { return a.m.Destroy(r.Context()) },
	} {
		cookie := a.request(nil, func(_ http.ResponseWriter, r *http.Request) { a.m.Put(r.Context(), "n", 1) })
		h := a.store.LockHandler(a.m, scsstore.LockOptions{Lease: time.Millisecond}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, _, err := c.Lock(t.Context(), cookie.Value, time.Minute); err != nil {
				t.Error(err)
			}
			if err := do(r); !errors.Is(err, cluster.ErrLockLost) {
				t.Errorf("%s: %v", what, err)
			}
		}))
		a.serve(cookie, h)
		a.wants(cookie, map[string]any{"n": 1})
	}
}
