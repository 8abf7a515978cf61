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
)

// onOneAndTwo runs the test with the slow and the fast request on one instance, and
// on two.
func onOneAndTwo(t *testing.T, codec scs.Codec, test func(t *testing.T, slow, fast *app)) {
	t.Run("one instance", func(t *testing.T) {
		a := newApp(t, connect(t, threeNodes(t)), codec)
		test(t, a, a)
	})
	t.Run("two instances", func(t *testing.T) {
		env := threeNodes(t)
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
	a := newApp(t, connect(t, threeNodes(t)), serializer.Codec{})
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
			a := newApp(t, connect(t, threeNodes(t)), serializer.Codec{})
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

func TestStoreForgetsRequestsThatHaveEnded(t *testing.T) {
	lines := scsstore.Lines()
	a := newApp(t, connect(t, threeNodes(t)), serializer.Codec{})
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
	a.store.WaitUntilForgotten(t, lines)
}
