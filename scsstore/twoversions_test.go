package scsstore_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
)

// A browser that was given versions for two paths, as when Cookie.Path has changed, sends both, that of
// the longer path in front, which may be years old: which of them it has seen last is not known.
func TestOfTwoVersionsNoneCounts(t *testing.T) {
	env := threeNodes(t)
	var handlers []http.Handler
	for range 2 {
		nodes, err := cluster.ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: env.DialContext, Local: cluster.Local{Sessions: 10}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		store, m := scsstore.New(c), scs.New()
		m.Store = store
		handlers = append(handlers, store.LoadAndSave(m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if a := r.FormValue("a"); a != "" {
				m.Put(r.Context(), "a", a)
			}
			io.WriteString(w, m.GetString(r.Context(), "a"))
		})))
	}
	ask := func(app int, path string, cookies ...*http.Cookie) (string, []*http.Cookie) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		handlers[app].ServeHTTP(w, r)
		return w.Body.String(), w.Result().Cookies()
	}
	_, first := ask(0, "/?a=1")
	_, second := ask(1, "/?a=2", first...)
	if got, _ := ask(0, "/", first[0], first[1], second[1]); got != "2" {
		t.Errorf("a client that has seen 2 was shown %q", got)
	}
}
