package scsstore_test

// These tests let a session end while a slow request of it is running, in virtual time.
// Others have seen it end, and it does not come back.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// late runs the test with an instance in a bubble whose sessions live for a second of
// silence.
func late(t *testing.T, codec scs.Codec, test func(t *testing.T, in *instance)) {
	m := scs.New() // starts a goroutine that never ends, which a bubble would wait for
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 3, testenv.InMemory())
		s := scsstore.New(connectWithin(t, env, 100*time.Millisecond))
		m.Store, m.Codec, m.IdleTimeout = s, codec, time.Second
		test(t, &instance{m, s, t})
	})
}

func TestLateRequestBringsNoSessionBack(t *testing.T) {
	type row struct {
		name string
		late func(in *instance, ctx context.Context, token, other string)
		left values // under the request's token in the end
	}
	rows := []row{
		{"commits", func(in *instance, ctx context.Context, _, _ string) {}, nil},
		{"commits twice", func(in *instance, ctx context.Context, _, _ string) {
			in.commit(ctx)
			in.Put(ctx, "again", 1)
		}, nil},
		{"finds it once more", func(in *instance, ctx context.Context, token, _ string) {
			in.must(in.MergeSession(ctx, token))
		}, nil},
		{"merges another session into it", func(in *instance, ctx context.Context, _, other string) {
			in.must(in.MergeSession(ctx, other))
		}, nil},
		{"renews its token", func(in *instance, ctx context.Context, _, _ string) {
			in.must(in.RenewToken(ctx))
		}, values{"own": 2}},
		{"renews its token and commits twice", func(in *instance, ctx context.Context, _, _ string) {
			in.must(in.RenewToken(ctx))
			in.commit(ctx)
			in.Put(ctx, "again", 1)
		}, values{"own": 2, "again": 1}},
		{"renews its token twice", func(in *instance, ctx context.Context, _, _ string) {
			in.must(in.RenewToken(ctx))
			in.commit(ctx)
			in.must(in.RenewToken(ctx))
		}, values{"own": 2}},
	}
	for _, tc := range rows {
		t.Run(tc.name, func(t *testing.T) {
			late(t, serializer.Codec{}, func(t *testing.T, in *instance) {
				token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
				ctx := in.load(request(t), token)
				time.Sleep(2 * time.Second)
				in.holds(token, values{}) // others see that it has ended
				other := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "cart", 3) })
				time.Sleep(500 * time.Millisecond)
				in.Put(ctx, "own", 2)
				tc.late(in, ctx, token, other)
				last := in.commit(ctx)
				in.holds(token, values{})
				if tc.left == nil {
					tc.left = values{}
				}
				in.holds(last, tc.left)
			})
		})
	}
}

func TestLateRequestInEveryContext(t *testing.T) {
	for name, detach := range map[string]func(context.Context) context.Context{
		"the request's own": func(ctx context.Context) context.Context { return ctx },
		"detached":          context.WithoutCancel,
		"detached, and with a timeout": func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			context.AfterFunc(ctx, cancel)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			late(t, serializer.Codec{}, func(t *testing.T, in *instance) {
				token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
				ctx := in.load(request(t), token)
				time.Sleep(2500 * time.Millisecond)
				in.holds(token, values{})
				in.commit(detach(ctx))
				in.holds(token, values{})
			})
		})
	}
}

// The same as a browser sees it: with LoadAndSave no cookie is set either, whatever the codec and
// the context.
func TestLateAnswerHasNoCookie(t *testing.T) {
	for name, load := range map[string]middleware{"scs's own": scsOwn, "Store's": storeOwn} {
		perCodec(t, func(t *testing.T, codec scs.Codec) {
			t.Run(name, func(t *testing.T) {
				late(t, codec, func(t *testing.T, in *instance) {
					token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
					r := httptest.NewRequestWithContext(request(t), http.MethodGet, "/", nil)
					r.AddCookie(&http.Cookie{Name: in.Cookie.Name, Value: token})
					w := httptest.NewRecorder()
					load(in.store, in.SessionManager, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						time.Sleep(2500 * time.Millisecond)
						in.holds(token, values{})
						in.Put(r.Context(), "own", 2)
						if name == "Store's" {
							in.commit(context.WithoutCancel(r.Context()))
						}
					})).ServeHTTP(w, r)
					in.holds(token, values{})
					if w.Code != http.StatusOK || name == "Store's" && w.Header()["Set-Cookie"] != nil {
						t.Errorf("status %d, header %v", w.Code, w.Header())
					}
				})
			})
		})
	}
}

// A request that began before the session ended and commits in time keeps it alive.
func TestRequestInTimeKeepsItsSession(t *testing.T) {
	late(t, serializer.Codec{}, func(t *testing.T, in *instance) {
		token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "user", 1) })
		ctx := in.load(request(t), token)
		for range 5 { // others do, too, and so the find of this one is long ago
			time.Sleep(700 * time.Millisecond)
			in.do(request(t), token, func(context.Context) {})
		}
		in.Put(ctx, "own", 2)
		in.commit(ctx)
		in.holds(token, values{"user": 1, "own": 2})
	})
}
