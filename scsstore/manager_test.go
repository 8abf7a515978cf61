package scsstore_test

// These tests run scs's SessionManager over the store: what an app sees of it.

import (
	"context"
	"encoding/gob"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
)

// visitor is a browser without a socket: it keeps the session cookie.
type visitor struct {
	t        *testing.T
	sessions *scs.SessionManager
	cookie   *http.Cookie // as the last answer that had one left it
}

func newVisitor(t *testing.T, c *cluster.Cluster, codec scs.Codec) *visitor {
	return useStore(t, scs.New(), c, codec)
}

func useStore(t *testing.T, sessions *scs.SessionManager, c *cluster.Cluster, codec scs.Codec) *visitor {
	sessions.Store, sessions.Codec = scsstore.New(c), codec
	return &visitor{t: t, sessions: sessions}
}

// visit runs one request through LoadAndSave and returns its status. The label is that of the device.
func (v *visitor) visit(handler func(ctx context.Context), label ...string) int {
	v.t.Helper()
	ctx, cancel := context.WithCancel(v.t.Context())
	defer cancel()
	for _, l := range label {
		ctx = scsstore.WithLabel(ctx, l)
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if v.cookie != nil && v.cookie.MaxAge >= 0 {
		req.AddCookie(v.cookie)
	}
	w := httptest.NewRecorder()
	v.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		handler(r.Context())
	})).ServeHTTP(w, req)
	for _, c := range w.Result().Cookies() {
		v.cookie = c
	}
	return w.Code
}

// must is visit for a request that must succeed.
func (v *visitor) must(handler func(ctx context.Context), label ...string) {
	v.t.Helper()
	if status := v.visit(handler, label...); status != http.StatusOK {
		v.t.Fatalf("status %d", status)
	}
}

func (v *visitor) put(key string, value any) {
	v.t.Helper()
	v.must(func(ctx context.Context) { v.sessions.Put(ctx, key, value) })
}

// expect demands a value of the session, nil for none.
func (v *visitor) expect(key string, want any) {
	v.t.Helper()
	v.must(func(ctx context.Context) {
		if got := v.sessions.Get(ctx, key); !reflect.DeepEqual(got, want) {
			v.t.Errorf("%s is %T %v, want %T %v", key, got, got, want, want)
		}
	})
}

// perManager runs the test with each codec, over real nodes.
func perManager(t *testing.T, test func(t *testing.T, v *visitor)) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		test(t, newVisitor(t, connect(t, threeNodes(t)), codec))
	})
}

func TestValuesComeBackWithTheirTypes(t *testing.T) {
	gob.Register(time.Time{}) // scs's own codec wants it
	perManager(t, func(t *testing.T, v *visitor) {
		at := time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
		v.must(func(ctx context.Context) {
			for key, value := range map[string]any{"string": "ü", "int": 42, "bool": true, "float": 1.5, "bytes": []byte{0, 1}, "time": at} {
				v.sessions.Put(ctx, key, value)
			}
		})
		v.must(func(ctx context.Context) {
			s := v.sessions
			if s.GetString(ctx, "string") != "ü" || s.GetInt(ctx, "int") != 42 || !s.GetBool(ctx, "bool") || s.GetFloat(ctx, "float") != 1.5 ||
				string(s.GetBytes(ctx, "bytes")) != "\x00\x01" || !s.GetTime(ctx, "time").Equal(at) {
				t.Errorf("a value came back changed")
			}
			if got := s.Keys(ctx); !reflect.DeepEqual(got, []string{"bool", "bytes", "float", "int", "string", "time"}) {
				t.Errorf("the session has the keys %q", got)
			}
			if got := s.PopString(ctx, "string"); got != "ü" {
				t.Errorf("popped %q", got)
			}
		})
		v.expect("string", nil)
		v.must(func(ctx context.Context) {
			if err := v.sessions.Clear(ctx); err != nil {
				t.Error(err)
			}
		})
		v.expect("int", nil)
	})
}

func TestRenewedTokenReplacesTheOldOne(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.put("user", "ann")
		old := v.cookie
		v.must(func(ctx context.Context) {
			if err := v.sessions.RenewToken(ctx); err != nil {
				t.Error(err)
			}
		})
		renewed := v.cookie
		if renewed.Value == old.Value {
			t.Fatal("the token is still the same")
		}
		v.expect("user", "ann")
		v.cookie = old
		v.expect("user", nil)
		v.cookie = renewed
		v.expect("user", "ann") // presenting the old one did no harm
	})
}

func TestDestroy(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.put("user", "ann")
		old := v.cookie
		v.must(func(ctx context.Context) {
			if err := v.sessions.Destroy(ctx); err != nil {
				t.Error(err)
			}
		})
		if v.cookie.MaxAge >= 0 {
			t.Error("the cookie was not removed")
		}
		v.cookie = old
		v.expect("user", nil)
	})
}

func TestDestroyOfASessionThatWasNeverSaved(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.must(func(ctx context.Context) {
			v.sessions.Put(ctx, "user", "ann")
			if err := v.sessions.Destroy(ctx); err != nil {
				t.Error(err)
			}
		})
		v.expect("user", nil)
	})
}

func TestNewSessionAfterDestroyInOneRequest(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.put("user", "ann")
		old := v.cookie
		v.must(func(ctx context.Context) {
			if err := v.sessions.Destroy(ctx); err != nil {
				t.Error(err)
			}
			v.sessions.Put(ctx, "notice", "bye")
		})
		if v.cookie.Value == old.Value || v.cookie.MaxAge < 0 {
			t.Error("the new session has no token of its own")
		}
		v.expect("notice", "bye")
		v.expect("user", nil)
		v.cookie = old
		v.expect("notice", nil)
		v.expect("user", nil)
	})
}

func TestMergeSession(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.put("cart", "book")
		before := v.cookie
		v.cookie = nil
		v.put("user", "ann")
		v.must(func(ctx context.Context) {
			if err := v.sessions.MergeSession(ctx, before.Value); err != nil {
				t.Error(err)
			}
			if err := v.sessions.MergeSession(ctx, v.sessions.Token(ctx)); err != nil {
				t.Error(err) // with itself: nothing to do
			}
		})
		v.expect("user", "ann")
		v.expect("cart", "book")
		v.cookie = before
		v.expect("cart", nil)
	})
}

func TestRememberMe(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.sessions.Cookie.Persist = false
		v.put("user", "ann")
		if !v.cookie.Expires.IsZero() {
			t.Error("the cookie outlives the browser, although nobody asked for it")
		}
		v.must(func(ctx context.Context) { v.sessions.RememberMe(ctx, true) })
		if v.cookie.Expires.IsZero() {
			t.Error("the cookie does not outlive the browser")
		}
		v.put("a", "1") // a later request still knows
		if v.cookie.Expires.IsZero() {
			t.Error("a later request has forgotten it")
		}
	})
}

func TestHashTokenInStore(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.sessions.HashTokenInStore = true
		v.put("user", "ann")
		v.put("a", "1")
		v.expect("user", "ann")
		find(t, v.sessions.Store.(*scsstore.Store), v.cookie.Value, "")
		old := v.cookie
		v.must(func(ctx context.Context) {
			if err := v.sessions.Destroy(ctx); err != nil {
				t.Error(err)
			}
		})
		v.cookie = old
		v.expect("user", nil)
	})
}

func TestInventedTokenIsNotAdopted(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		invented := &http.Cookie{Name: "session", Value: "invented"}
		v.cookie = invented
		v.put("user", "ann")
		if v.cookie.Value == invented.Value {
			t.Fatal("a token that the client made up became a session")
		}
		v.expect("user", "ann")
	})
}

func TestSessionSurvivesTheDeathOfEachNode(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		c := connect(t, env)
		v := newVisitor(t, c, codec)
		v.put("user", "ann")
		for i, n := range env.All() {
			n.Kill()
			v.expect("user", "ann")
			v.put("round", i)
			n.Restart()
			eventually(t, func() bool { return c.Nodes()[i].State == cluster.StateUp })
			v.expect("round", i)
			v.expect("user", "ann")
		}
	})
}
