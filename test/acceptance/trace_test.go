package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells that spans of sessions nest below those of their requests.

type traceKey struct{}

// What the app puts into the context of a request is there in every operation on the request's
// session, and in every request to a node.
func TestTraceNestsBelowTheRequest(t *testing.T) {
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := map[string]int{} // by the page and what was done for it
			note := func(ctx context.Context, what string) {
				mu.Lock()
				defer mu.Unlock()
				seen[fmt.Sprint(ctx.Value(traceKey{}), ": ", what)]++
			}
			w := newWorld(t, d, 3)
			o := options{config: func(c *cluster.Config) {
				c.Trace = &cluster.Trace{
					OperationStart: func(ctx context.Context, op cluster.Operation) context.Context {
						note(ctx, string(op))
						return ctx
					},
					RequestDone: func(ctx context.Context, r cluster.RequestDone) { note(ctx, r.Command) },
				}
			}}
			c := w.connect(o)
			wrap, err := d.build(c, o)
			if err != nil {
				t.Fatal(err)
			}
			a := newApp(wrap)
			a.cluster = c
			pages := a.handler
			a.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				pages.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, r.URL.Path)))
			})
			w.serve(a)

			u := w.newUser()
			u.logIn(a, "ann")
			u.set(a, "a", "1")
			u.do(a, "/logout")
			mu.Lock()
			defer mu.Unlock()
			for _, want := range []string{
				"/login: save", "/login: add", "/set: load", "/set: gets", "/set: save", "/set: cas",
				"/logout: load", "/logout: delete", "/logout: set",
			} {
				if seen[want] == 0 {
					t.Errorf("nothing of %q in %v", want, seen)
				}
			}
			for got := range seen {
				if got[0] != '/' {
					t.Errorf("%q does not know its request", got)
				}
			}
		})
	}
}
