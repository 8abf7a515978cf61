package scsstore_test

// These tests destroy a session while a slow request of it is running. That request must
// neither bring it back, nor take the user's new one away, nor show an error.

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/serializer"
)

// useOwn has the app served by Store.LoadAndSave, with a login and a renewal more.
//
//	/login?value=bob   /renew   /twice?value=bob (renews, and commits two times)
func useOwn(t *testing.T, a *app) {
	withLogin(t, a)
	a.serve(t, a.store.LoadAndSave(a.sessions, a.gate(a.mux)))
}

func withLogin(t *testing.T, a *app) {
	renew := func(r *http.Request) {
		if err := a.sessions.RenewToken(r.Context()); err != nil {
			t.Error(err)
		}
	}
	a.mux.HandleFunc("/renew", func(_ http.ResponseWriter, r *http.Request) { renew(r) })
	a.mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		renew(r)
		a.sessions.Put(r.Context(), "user", r.FormValue("value"))
		_, _ = io.WriteString(w, "welcome")
	})
	a.mux.HandleFunc("/twice", func(_ http.ResponseWriter, r *http.Request) {
		renew(r)
		a.sessions.Put(r.Context(), "user", r.FormValue("value"))
		if _, _, err := a.sessions.Commit(r.Context()); err != nil {
			t.Error(err)
		}
		renew(r)
		a.sessions.Put(r.Context(), "a", "1")
	})
	a.serve(t, a.sessions.LoadAndSave(a.gate(a.mux)))
}

// onEach runs the test with each codec, with the slow and the fast request on one instance
// and on two, served by Store.LoadAndSave.
func onEach(t *testing.T, test func(t *testing.T, slow, fast *app, splits bool)) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		onOneAndTwo(t, codec, func(t *testing.T, slow, fast *app) {
			useOwn(t, slow)
			if fast != slow {
				useOwn(t, fast)
			}
			_, splits := codec.(serializer.Codec)
			test(t, slow, fast, splits)
		})
	})
}

// silent demands that the slow request is answered as if nothing had happened, without a
// cookie.
func silent(t *testing.T, got answer) {
	t.Helper()
	if got.err != nil || got.status != http.StatusOK {
		t.Errorf("the slow request: status %d, error %v, %s", got.status, got.err, got.body)
	}
	if got.header["Set-Cookie"] != nil || got.header["Cache-Control"] != nil {
		t.Errorf("the slow request sets a cookie: %v", got.header)
	}
}

func TestSlowRequestDoesNotUndoALogin(t *testing.T) {
	onEach(t, func(t *testing.T, slow, fast *app, _ bool) {
		b := newBrowser(t)
		b.get(fast, "/put?key=cart&value=book")
		waiting := b.start(t.Context(), slow, "/put?key=a&value=1&slow=1")
		b.get(fast, "/login?value=ann")
		silent(t, b.finish(slow, waiting))
		for _, a := range []*app{slow, fast} {
			b.expect(a, "user", "ann")
			b.expect(a, "cart", "book")
			b.expect(a, "a", "")
		}
	})
}

func TestSlowRequestDoesNotUndoALogout(t *testing.T) {
	for _, path := range []string{"/put?key=a&value=1&slow=1", "/remove?key=user&slow=1", "/renew?slow=1"} {
		t.Run(path, func(t *testing.T) {
			onEach(t, func(t *testing.T, slow, fast *app, _ bool) {
				b := newBrowser(t)
				b.get(fast, "/login?value=ann")
				waiting := b.start(t.Context(), slow, path)
				b.get(fast, "/logout")
				silent(t, b.finish(slow, waiting))
				b.expect(fast, "user", "")
				b.expect(fast, "a", "")
			})
		})
	}
}

// Whoever logs in while another tab logs out is logged in, and has nothing of the session
// that was destroyed. Where a session is one piece, nobody can tell what is new in it.
func TestLoginWhileTheOldSessionIsDestroyed(t *testing.T) {
	for _, path := range []string{"/login?value=bob&slow=1", "/twice?value=bob&slow=1"} {
		t.Run(path, func(t *testing.T) {
			onEach(t, func(t *testing.T, slow, fast *app, splits bool) {
				b := newBrowser(t)
				b.get(fast, "/login?value=ann")
				b.get(fast, "/put?key=role&value=admin")
				waiting := b.start(t.Context(), slow, path)
				b.get(fast, "/logout")
				got := b.finish(slow, waiting)
				b.expect(fast, "role", "")
				if !splits {
					silent(t, got)
					b.expect(fast, "user", "")
					return
				}
				b.expect(fast, "user", "bob")
			})
		})
	}
}

func TestLogoutOfADestroyedSessionStillExpiresTheCookie(t *testing.T) {
	onEach(t, func(t *testing.T, slow, fast *app, _ bool) {
		b, other := newBrowser(t), newBrowser(t)
		b.get(fast, "/put?key=user&value=ann")
		other.client.Jar = b.client.Jar
		waiting := b.start(t.Context(), slow, "/logout?slow=1")
		other.client.Jar = nil // the answer to it goes elsewhere
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fast.URL+"/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: "session", Value: b.token(fast)})
		resp, err := other.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := b.finish(slow, waiting)
		if got.err != nil || got.status != http.StatusOK || len(b.client.Jar.Cookies(req.URL)) != 0 {
			t.Errorf("status %d, error %v, and the browser still has its cookie: %v", got.status, got.err, got.header)
		}
	})
}

// With scs's own LoadAndSave a setting and an ErrorFunc do the same.
func TestReportDestroyed(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		onOneAndTwo(t, codec, func(t *testing.T, slow, fast *app) {
			for _, a := range []*app{slow, fast} {
				a.store.ReportDestroyed = true
				a.sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
					if errors.Is(err, cluster.ErrDestroyed) {
						return
					}
					http.Error(w, err.Error(), http.StatusInternalServerError)
				}
			}
			withLogin(t, slow)
			if fast != slow {
				withLogin(t, fast)
			}
			b := newBrowser(t)
			b.get(fast, "/put?key=cart&value=book")
			waiting := b.start(t.Context(), slow, "/put?key=a&value=1&slow=1")
			b.get(fast, "/login?value=ann")
			silent(t, b.finish(slow, waiting))
			b.expect(fast, "user", "ann")
			waiting = b.start(t.Context(), slow, "/renew?slow=1")
			b.get(fast, "/logout")
			silent(t, b.finish(slow, waiting))
			b.expect(fast, "user", "")
		})
	})
}

// A handler that commits by itself is told only if it has asked.
func TestOnlyLoadAndSaveIsToldOfADestroyedSession(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
	ctx := in.load(request(t), token)
	in.must(in.store.Delete(token))
	in.commit(ctx)
	in.commit(context.WithoutCancel(ctx))
	in.store.ReportDestroyed = true
	for _, ctx := range []context.Context{ctx, context.WithoutCancel(ctx)} {
		if _, _, err := in.Commit(ctx); !errors.Is(err, cluster.ErrDestroyed) {
			t.Errorf("the error is %v, want ErrDestroyed", err)
		}
	}
	in.holds(token, values{})
}

// Contexts that do not tell which request they belong to: the values do, or whoever has
// found the session.
func TestRenewalOfADestroyedSessionInEveryContext(t *testing.T) {
	own := func(ctx context.Context) context.Context { return ctx }
	within := func(ctx context.Context) context.Context { // as http.TimeoutHandler does
		ctx, cancel := context.WithCancel(ctx)
		t.Cleanup(cancel)
		return ctx
	}
	for _, tc := range []struct {
		name   string
		codec  scs.Codec
		begins func(*testing.T) context.Context
		renews func(context.Context) context.Context
		left   values
	}{
		{"the request's own", serializer.Codec{}, request, own, values{"own": 2}},
		{"a context within the request", serializer.Codec{}, request, within, values{"own": 2}},
		{"detached", serializer.Codec{}, request, context.WithoutCancel, values{"own": 2}},
		{"without a Done channel", serializer.Codec{}, withoutDone, own, values{"own": 2}},
		{"a codec that copies, within the request", copying{}, request, within, values{"own": 2}},
		{"a session in one piece, within the request", scs.GobCodec{}, request, within, values{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newInstance(t, tc.codec)
			token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
			ctx := in.load(tc.begins(t), token)
			in.must(in.Destroy(in.load(tc.begins(t), token)))
			in.must(in.RenewToken(tc.renews(ctx)))
			in.Put(ctx, "own", 2)
			in.holds(in.commit(ctx), tc.left)
			in.Put(ctx, "own", 3) // nor does its second commit bring the user back
			if len(tc.left) > 0 {
				in.holds(in.commit(ctx), values{"own": 3})
			}
		})
	}
}

// A deletion that is repeated finds nothing, and that says nothing.
func TestRenewalThatIsRepeatedKeepsItsValues(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
	ctx := in.load(request(t), token)
	in.must(in.store.DeleteCtx(ctx, token)) // by an attempt that failed later
	in.must(in.RenewToken(ctx))
	in.holds(in.commit(ctx), values{"user": 1})
}
