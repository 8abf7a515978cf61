package scsstore_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
)

// No panic leaves a public function, whatever it is given.
func TestNoPanicLeavesAPublicFunction(t *testing.T) {
	c := connect(t, threeNodes(t))
	closed := connect(t, threeNodes(t))
	closed.Close()
	managerOf := func(s *scsstore.Store) *scs.SessionManager {
		m := scs.New()
		m.Store, m.ErrorFunc = s, func(http.ResponseWriter, *http.Request, error) {}
		return m
	}
	try := func(what string, f func()) {
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("%s panics: %v", what, v)
			}
		}()
		f()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	stores := map[string]*scsstore.Store{
		"nil": nil, "zero": {}, "without a cluster": scsstore.New(nil), "zero cluster": scsstore.New(&cluster.Cluster{}),
		"closed": scsstore.New(closed), "open": scsstore.New(c), "owned": {OwnerKey: "user"},
	}
	for name, s := range stores {
		m := managerOf(s)
		for way, ctx := range map[string]context.Context{"no context": nil, "ended": ended, "background": context.Background()} {
			for _, token := range []string{"", "t", strings.Repeat("\xff", scsstore.MaxTokenBytes), strings.Repeat("t", 1<<20)} {
				for call, f := range map[string]func(){
					"Find":       func() { _, _, _ = s.FindCtx(ctx, token) },
					"Delete":     func() { _ = s.DeleteCtx(ctx, token) },
					"All":        func() { _, _ = s.AllCtx(ctx) },
					"Sessions":   func() { _, _ = s.Sessions(ctx, token) },
					"Destroy":    func() { _ = s.Destroy(ctx, token, token) },
					"DestroyAll": func() { _, _ = s.DestroyAll(ctx, token, token) },
					"Update":     func() { _ = s.Update(ctx, m, func(context.Context) error { return nil }) },
					"Update nil": func() { _ = s.Update(ctx, nil, nil) },
					"Label":      func() { _ = scsstore.WithLabel(context.Background(), token) },
					"print":      func() { _ = fmt.Sprintf("%v %+v", s, s) },
					"Commit": func() {
						for _, b := range [][]byte{nil, {}, []byte(token)} {
							for _, end := range []time.Time{{}, time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0), time.Now().Add(time.Hour)} {
								_ = s.CommitCtx(ctx, token, b, end)
							}
						}
					},
					"Serve": func() {
						next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "a", 1) })
						for _, h := range []http.Handler{s.LoadAndSave(m, next), s.LockHandler(m, scsstore.LockOptions{Lease: -1, Wait: -1}, next)} {
							r := httptest.NewRequest(http.MethodGet, "/", nil)
							r.AddCookie(&http.Cookie{Name: m.Cookie.Name, Value: "t"})
							h.ServeHTTP(httptest.NewRecorder(), r)
						}
					},
				} {
					try(fmt.Sprintf("%s of a Store that is %s, with %s and a token of %d bytes", call, name, way, len(token)), f)
				}
			}
		}
	}
}
