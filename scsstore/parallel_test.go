package scsstore_test

// These tests run requests of one session at the same time: on one instance of the
// app, and on two that share nothing but the nodes.

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// onOneAndTwo runs the test with the slow and the fast request on one instance, and
// on two.
func onOneAndTwo(t *testing.T, codec scs.Codec, test func(t *testing.T, slow, fast *app)) {
	t.Run("one instance", func(t *testing.T) {
		a := newApp(t, connect(t, testenv.Start(t, 3)), codec)
		test(t, a, a)
	})
	t.Run("two instances", func(t *testing.T) {
		env := testenv.Start(t, 3)
		test(t, newApp(t, connect(t, env), codec), newApp(t, connect(t, env), codec))
	})
}

func TestParallelChangesAreBothKept(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, slow, fast *app) {
		b := newBrowser(t)
		b.get(fast, "/put?key=start&value=0")
		waiting := b.start(t.Context(), slow, "/put?key=a&value=1&slow=1")
		b.get(fast, "/put?key=b&value=2")
		b.mustFinish(slow, waiting)
		for _, a := range []*app{slow, fast} {
			b.expect(a, "start", "0")
			b.expect(a, "a", "1")
			b.expect(a, "b", "2")
		}
	})
}

func TestOfTwoChangesToOneValueTheLaterStands(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, slow, fast *app) {
		b := newBrowser(t)
		b.get(fast, "/put?key=a&value=0")
		waiting := b.start(t.Context(), slow, "/put?key=a&value=slow&slow=1")
		b.get(fast, "/put?key=a&value=fast")
		b.mustFinish(slow, waiting)
		b.expect(fast, "a", "slow")
	})
}

func TestParallelRemovals(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, slow, fast *app) {
		b := newBrowser(t)
		b.get(fast, "/put?key=x&value=1")
		b.get(fast, "/put?key=y&value=2")
		waiting := b.start(t.Context(), slow, "/remove?key=x&slow=1")
		b.get(fast, "/remove?key=y")
		b.get(fast, "/put?key=z&value=3")
		b.mustFinish(slow, waiting)
		b.expect(slow, "x", "")
		b.expect(slow, "y", "") // the slow request had seen it, and does not bring it back
		b.expect(slow, "z", "3")
	})
}

// With an idle timeout every request commits, also one that has changed nothing.
func TestRequestThatOnlyReadsChangesNothing(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, slow, fast *app) {
		slow.sessions.IdleTimeout, fast.sessions.IdleTimeout = time.Hour, time.Hour
		b := newBrowser(t)
		b.get(fast, "/put?key=a&value=old")
		waiting := b.start(t.Context(), slow, "/get?key=a&slow=1")
		b.get(fast, "/put?key=a&value=new")
		b.mustFinish(slow, waiting)
		b.expect(fast, "a", "new")
	})
}

func TestWithAnotherCodecTheLaterSaveStandsWhole(t *testing.T) {
	onOneAndTwo(t, scs.GobCodec{}, func(t *testing.T, slow, fast *app) {
		b := newBrowser(t)
		b.get(fast, "/put?key=start&value=0")
		waiting := b.start(t.Context(), slow, "/put?key=a&value=1&slow=1")
		b.get(fast, "/put?key=b&value=2")
		b.mustFinish(slow, waiting)
		for _, a := range []*app{slow, fast} {
			b.expect(a, "start", "0")
			b.expect(a, "a", "1")
			b.expect(a, "b", "")
		}
	})
}

func TestLogoutDuringASlowRequest(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		onOneAndTwo(t, codec, func(t *testing.T, slow, fast *app) {
			b := newBrowser(t)
			b.get(fast, "/put?key=user&value=ann")
			token := b.token(fast)
			waiting := b.start(t.Context(), slow, "/put?key=a&value=1&slow=1")
			b.get(fast, "/logout")
			b.mustFinish(slow, waiting)
			for _, a := range []*app{slow, fast} {
				b.expect(a, "user", "")
				b.expect(a, "a", "")
				find(t, a.store, token, "")
			}
		})
	})
}

// The user clicks on: the browser drops the slow request, whose context ends while
// its handler is still at work, and sends another one that changes the session.
func TestClientThatGoesAwayDuringASlowRequest(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, slow, fast *app) {
		b := newBrowser(t)
		b.get(fast, "/put?key=start&value=0")
		ctx, leave := context.WithCancel(t.Context())
		waiting := b.start(ctx, slow, "/put?key=a&value=1&slow=gone")
		leave()
		b.get(fast, "/put?key=b&value=2")
		runtime.GC()
		if got := b.finish(slow, waiting); got.err == nil {
			t.Fatal("the client got an answer although it had left")
		}
		b.expect(slow, "start", "0")
		b.expect(slow, "a", "1")
		b.expect(slow, "b", "2")
	})
}

func TestManyParallelRequests(t *testing.T) {
	onOneAndTwo(t, serializer.Codec{}, func(t *testing.T, one, two *app) {
		b := newBrowser(t)
		b.get(one, "/put?key=start&value=0")
		var wg sync.WaitGroup
		const n = 20
		for i := range n {
			wg.Go(func() {
				a := []*app{one, two}[i%2]
				got := b.visit(t.Context(), a, fmt.Sprintf("/put?key=k%d&value=v%d", i, i))
				if got.err != nil || got.status != http.StatusOK {
					t.Errorf("request %d: status %d, error %v, %s", i, got.status, got.err, got.body)
				}
			})
		}
		wg.Wait()
		for i := range n {
			b.expect(one, fmt.Sprintf("k%d", i), fmt.Sprintf("v%d", i))
		}
	})
}

// A handler that commits by itself and goes on, as one does that streams its
// answer: what it saves at last is compared with what it saved first.
func TestSeveralCommitsInOneRequest(t *testing.T) {
	a := newApp(t, connect(t, testenv.Start(t, 3)), serializer.Codec{})
	a.mux.HandleFunc("/twice", func(_ http.ResponseWriter, r *http.Request) {
		a.sessions.Put(r.Context(), "job", "running")
		if _, _, err := a.sessions.Commit(r.Context()); err != nil {
			t.Error(err)
		}
		a.wait(r.Context(), "1")
		a.sessions.Remove(r.Context(), "job")
		a.sessions.Put(r.Context(), "a", "1")
	})
	a.serve(t, a.sessions.LoadAndSave(a.mux))
	b := newBrowser(t)
	b.get(a, "/put?key=start&value=0")
	waiting := b.start(t.Context(), a, "/twice?slow=1")
	b.expect(a, "job", "running")
	b.get(a, "/put?key=b&value=2")
	b.mustFinish(a, waiting)
	b.expect(a, "start", "0")
	b.expect(a, "job", "")
	b.expect(a, "a", "1")
	b.expect(a, "b", "2")
}

// The context of http.TimeoutHandler has a Done channel of its own, but scs finds
// and commits on the same side of it.
func TestTimeoutHandler(t *testing.T) {
	for name, wrap := range map[string]func(*app) http.Handler{
		"inside of LoadAndSave": func(a *app) http.Handler {
			return a.sessions.LoadAndSave(http.TimeoutHandler(a.gate(a.mux), limit, ""))
		},
		"around LoadAndSave": func(a *app) http.Handler {
			return http.TimeoutHandler(a.sessions.LoadAndSave(a.gate(a.mux)), limit, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, connect(t, testenv.Start(t, 3)), serializer.Codec{})
			a.serve(t, wrap(a))
			b := newBrowser(t)
			b.get(a, "/put?key=start&value=0")
			waiting := b.start(t.Context(), a, "/put?key=a&value=1&slow=1")
			b.get(a, "/put?key=b&value=2")
			b.mustFinish(a, waiting)
			b.expect(a, "a", "1")
			b.expect(a, "b", "2")
		})
	}
}

// encoded returns a session's bytes as scs would commit them.
func encoded(t *testing.T, values map[string]any) []byte {
	t.Helper()
	b, err := serializer.Codec{}.Encode(hour(), values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holds demands that the token's session holds exactly the values.
func holds(t *testing.T, s *scsstore.Store, token string, want map[string]any) {
	t.Helper()
	b, found, err := s.Find(token)
	if err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
	_, got, err := serializer.Codec{}.Decode(b)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("the session holds %v, error %v; want %v", got, err, want)
	}
}

type values = map[string]any

// request is a context as net/http makes one for each request.
func request(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx
}

// save commits for the request, which must succeed.
func save(t *testing.T, s *scsstore.Store, ctx context.Context, token string, v values) {
	t.Helper()
	if err := s.CommitCtx(ctx, token, encoded(t, v), hour()); err != nil {
		t.Fatal(err)
	}
}

// load finds for the request, which must succeed.
func load(t *testing.T, s *scsstore.Store, ctx context.Context, token string) {
	t.Helper()
	if _, found, err := s.FindCtx(ctx, token); err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
}

// A new session that was committed once is compared with that commit, too.
func TestSecondCommitOfANewSession(t *testing.T) {
	s := scsstore.New(connect(t, testenv.Start(t, 3)))
	first, other := request(t), request(t)
	save(t, s, first, "token", values{"a": 1})
	load(t, s, other, "token")
	save(t, s, other, "token", values{"a": 1, "b": 2})
	save(t, s, first, "token", values{"a": 1, "c": 3})
	holds(t, s, "token", values{"a": 1, "b": 2, "c": 3})
}

// A commit that failed can be tried again by the same request, and still overwrites
// nothing that it has not seen.
func TestCommitAfterAFailedOne(t *testing.T) {
	env := testenv.Start(t, 2)
	s, elsewhere := scsstore.New(connect(t, env)), scsstore.New(connect(t, env))
	save(t, s, request(t), "token", values{"a": 1})
	failing, other := request(t), request(t)
	load(t, s, failing, "token")
	env.Node(0).Pause()
	env.Node(1).Pause()
	if err := s.CommitCtx(failing, "token", encoded(t, values{"a": 2}), hour()); err == nil {
		t.Fatal("saved on nodes that do not answer")
	}
	env.Node(0).Resume()
	env.Node(1).Resume()
	eventually(t, func() bool { _, found, err := elsewhere.FindCtx(other, "token"); return found && err == nil })
	save(t, elsewhere, other, "token", values{"a": 1, "b": 2})
	eventually(t, func() bool { return s.CommitCtx(failing, "token", encoded(t, values{"a": 2}), hour()) == nil })
	holds(t, s, "token", values{"a": 2, "b": 2})
}

func TestNothingRevivesADeletedSession(t *testing.T) {
	s := scsstore.New(connect(t, testenv.Start(t, 3)))
	save(t, s, request(t), "token", values{"a": 1})
	deleting, other := request(t), request(t)
	load(t, s, deleting, "token")
	load(t, s, other, "token")
	if err := s.DeleteCtx(deleting, "token"); err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]context.Context{
		"the request that deleted it": deleting,
		"one that had found it":       other,
		"one that had not":            request(t),
		"one without a Done channel":  context.Background(),
	} {
		for range 2 {
			save(t, s, ctx, "token", values{"a": 2})
			if _, found, err := s.Find("token"); found || err != nil {
				t.Fatalf("after a commit of %s: found %v, error %v", name, found, err)
			}
		}
	}
}

// Where a commit cannot be matched with its find it replaces the session, as in any
// other store. The package comment says so; this test keeps it true.
func TestCommitsThatCannotBeMatchedReplaceTheSession(t *testing.T) {
	s := scsstore.New(connect(t, testenv.Start(t, 3)))
	for name, contexts := range map[string]func(t *testing.T) (find, commit context.Context){
		"a derived context with its own Done channel": func(t *testing.T) (context.Context, context.Context) {
			ctx := request(t)
			derived, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			return ctx, derived
		},
		"no Done channel": func(*testing.T) (context.Context, context.Context) {
			return context.Background(), context.Background()
		},
	} {
		t.Run(name, func(t *testing.T) {
			finding, committing := contexts(t)
			save(t, s, request(t), name, values{"start": 0})
			load(t, s, finding, name)
			other := request(t)
			load(t, s, other, name)
			save(t, s, other, name, values{"start": 0, "b": 2})
			save(t, s, committing, name, values{"start": 0, "a": 1})
			holds(t, s, name, values{"start": 0, "a": 1})
		})
	}
}

func TestStoreForgetsRequestsThatHaveEnded(t *testing.T) {
	a := newApp(t, connect(t, testenv.Start(t, 3)), serializer.Codec{})
	b := newBrowser(t)
	b.get(a, "/put?key=start&value=0")
	for range 50 {
		b.get(a, "/get?key=start")
	}
	waiting := b.start(t.Context(), a, "/put?key=a&value=1&slow=1")
	if a.store.Remembers() == 0 {
		t.Fatal("the store remembers nothing of a request that is running")
	}
	b.mustFinish(a, waiting)
	a.store.WaitUntilForgotten(t)
}
