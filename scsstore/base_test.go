package scsstore_test

// These tests show which find a commit is compared with, in every kind of context and with
// everything that a handler may do between the two.

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// instance is an app on scs without a server: requests are contexts.
type instance struct {
	*scs.SessionManager
	store *scsstore.Store
	t     *testing.T
}

func newInstance(t *testing.T, codec scs.Codec) *instance {
	m := scs.New()
	s := scsstore.New(connect(t, threeNodes(t)))
	m.Store, m.Codec = s, codec
	return &instance{m, s, t}
}

// load is how a request begins.
func (in *instance) load(ctx context.Context, token string) context.Context {
	in.t.Helper()
	ctx, err := in.Load(ctx, token)
	if err != nil {
		in.t.Fatal(err)
	}
	return ctx
}

// commit is how a request ends. It returns the token.
func (in *instance) commit(ctx context.Context) string {
	in.t.Helper()
	token, _, err := in.Commit(ctx)
	if err != nil {
		in.t.Fatal(err)
	}
	return token
}

// do runs a request from load to commit.
func (in *instance) do(ctx context.Context, token string, handler func(ctx context.Context)) string {
	in.t.Helper()
	ctx = in.load(ctx, token)
	handler(ctx)
	return in.commit(ctx)
}

func (in *instance) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

// holds demands that the session holds exactly the values.
func (in *instance) holds(token string, want values) {
	in.t.Helper()
	ctx := in.load(context.Background(), token)
	got := values{}
	for _, key := range in.Keys(ctx) {
		got[key] = in.Get(ctx, key)
	}
	if !maps.Equal(got, want) {
		in.t.Errorf("the session holds %v, want %v", got, want)
	}
}

// withoutDone is a context as those of httptest.NewRequest are.
func withoutDone(*testing.T) context.Context {
	return httptest.NewRequest(http.MethodGet, "/", nil).Context()
}

func same(_ *testing.T, ctx context.Context) context.Context { return ctx }

func TestParallelChangesAreKeptInEveryContext(t *testing.T) {
	everybody := request(t)
	shared := func(*testing.T) context.Context { return everybody }
	for _, tc := range []struct {
		name    string
		begins  func(t *testing.T) context.Context
		commits func(t *testing.T, ctx context.Context) context.Context
	}{
		{name: "the request's own", begins: request, commits: same},
		{name: "detached from the request", begins: request, commits: func(_ *testing.T, ctx context.Context) context.Context {
			return context.WithoutCancel(ctx)
		}},
		{name: "detached, and with a timeout", begins: request, commits: func(t *testing.T, ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			t.Cleanup(cancel)
			return ctx
		}},
		{name: "a timeout within the request", begins: request, commits: func(t *testing.T, ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			t.Cleanup(cancel)
			return ctx
		}},
		{name: "no Done channel", begins: withoutDone, commits: same},
		{name: "a Done channel that all requests share", begins: shared, commits: same},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newInstance(t, serializer.Codec{})
			token := in.do(tc.begins(t), "", func(ctx context.Context) {
				in.Put(ctx, "start", 0)
				in.Put(ctx, "removed", 0)
			})
			ctx := in.load(tc.begins(t), token)
			in.do(tc.begins(t), token, func(ctx context.Context) {
				in.Put(ctx, "x", 1)
				in.Remove(ctx, "removed")
			})
			ctx = tc.commits(t, ctx)
			in.Put(ctx, "y", 2)
			in.commit(ctx)
			in.holds(token, values{"start": 0, "x": 1, "y": 2})

			// What it commits next is compared with that.
			in.do(tc.begins(t), token, func(ctx context.Context) { in.Put(ctx, "z", 3) })
			in.Remove(ctx, "y")
			in.commit(ctx)
			in.holds(token, values{"start": 0, "x": 1, "z": 3})
		})
	}
}

// A new session has no find. Its second commit is compared with its first.
func TestSecondCommitOfANewSessionInADetachedContext(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	ctx := in.load(withoutDone(t), "")
	in.Put(ctx, "start", 0)
	token := in.commit(ctx)
	in.do(withoutDone(t), token, func(ctx context.Context) { in.Put(ctx, "x", 1) })
	in.Put(ctx, "y", 2)
	in.commit(ctx)
	in.holds(token, values{"start": 0, "x": 1, "y": 2})
}

func TestFirstFindOfARequestIsTheBase(t *testing.T) {
	for _, tc := range []struct {
		name string
		// meanwhile runs in the handler after another request has put x.
		meanwhile func(in *instance, before, ctx context.Context, token, other string)
		want      values
	}{
		{"merged with itself", func(in *instance, _, ctx context.Context, token, _ string) {
			in.must(in.MergeSession(ctx, token))
		}, values{"start": 0, "x": 1, "y": 2}},
		{"merged with itself twice, and with a session that does not exist", func(in *instance, _, ctx context.Context, token, _ string) {
			in.must(in.MergeSession(ctx, token))
			in.must(in.MergeSession(ctx, "nobody's"))
			in.must(in.MergeSession(ctx, token))
		}, values{"start": 0, "x": 1, "y": 2}},
		{"merged with another session", func(in *instance, _, ctx context.Context, _, other string) {
			in.must(in.MergeSession(ctx, other))
		}, values{"start": 0, "x": 1, "y": 2, "other": 3}},
		{"loaded once more", func(in *instance, before, _ context.Context, token, _ string) {
			in.load(before, token)
		}, values{"start": 0, "x": 1, "y": 2}},
		{"loaded once more, changed and committed", func(in *instance, before, _ context.Context, token, _ string) {
			again := in.load(before, token)
			in.Put(again, "again", 4)
			in.Remove(again, "start")
			in.commit(again)
		}, values{"x": 1, "y": 2, "again": 4}},
		{"looked up in the store", func(in *instance, _, ctx context.Context, token, other string) {
			for _, token := range []string{token, other, token} {
				if _, found, err := in.store.FindCtx(ctx, token); !found || err != nil {
					in.t.Errorf("found %v, error %v", found, err)
				}
			}
		}, values{"start": 0, "x": 1, "y": 2}},
		{"committed, and merged with itself", func(in *instance, _, ctx context.Context, token, _ string) {
			in.Put(ctx, "start", 5)
			in.commit(ctx)
			in.must(in.MergeSession(ctx, token))
		}, values{"start": 5, "x": 1, "y": 2}},
		{"merged with itself, and committed", func(in *instance, _, ctx context.Context, token, _ string) {
			in.must(in.MergeSession(ctx, token))
			in.Put(ctx, "start", 5)
			in.commit(ctx)
		}, values{"start": 5, "x": 1, "y": 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newInstance(t, serializer.Codec{})
			token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
			other := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "other", 3) })
			before := request(t)
			ctx := in.load(before, token)
			in.do(request(t), token, func(ctx context.Context) { in.Put(ctx, "x", 1) })
			tc.meanwhile(in, before, ctx, token, other)
			in.Put(ctx, "y", 2)
			in.commit(ctx)
			in.holds(token, tc.want)
		})
	}
}

// A new token is a new session, which is compared with its own first commit.
func TestCommitsAfterARenewal(t *testing.T) {
	for name, detach := range map[string]func(context.Context) context.Context{
		"the request's context": func(ctx context.Context) context.Context { return ctx },
		"a detached one":        context.WithoutCancel,
	} {
		t.Run(name, func(t *testing.T) {
			in := newInstance(t, serializer.Codec{})
			old := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
			ctx := in.load(request(t), old)
			in.must(in.RenewToken(ctx))
			in.Put(ctx, "user", 1)
			token := in.commit(ctx)
			in.do(request(t), token, func(ctx context.Context) { in.Put(ctx, "x", 2) })
			in.must(in.MergeSession(ctx, token))
			ctx = detach(ctx)
			in.Put(ctx, "y", 3)
			in.commit(ctx)
			in.holds(token, values{"start": 0, "user": 1, "x": 2, "y": 3})
			in.holds(old, values{})
		})
	}
}

// What is remembered of a request is let go with its context, its bytes and its values.
func TestNothingIsRememberedOfContextsWithoutAnEnd(t *testing.T) {
	lines := scsstore.Lines()
	in := newInstance(t, serializer.Codec{})
	token := ""
	for range 50 {
		token = in.do(withoutDone(t), token, func(ctx context.Context) {
			in.Put(ctx, "start", in.GetInt(ctx, "start")+1)
			in.commit(ctx)
			if in.GetInt(ctx, "start")%7 == 0 {
				in.must(in.RenewToken(ctx))
			}
		})
		in.load(withoutDone(t), token) // never committed
	}
	in.store.WaitUntilForgotten(t, lines)
	in.holds(token, values{"start": 50})
}
