package gorillastore_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// No panic leaves a public function, whatever it is given.
func TestNoPanicLeavesAPublicFunction(t *testing.T) {
	_, c, open := start(t)
	headed, owned := newStore(t, c), newStore(t, c)
	headed.Header = "X-Session"
	owned.OwnerKey = []int{1}
	closed := newCluster(t, threeNodes(t))
	closed.Close()
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
	for name, s := range map[string]*gorillastore.Store{
		"nil": nil, "zero": {}, "of a zero cluster": newStore(t, &cluster.Cluster{}), "closed": newStore(t, closed),
		"open": open, "with a header": headed, "with a bad OwnerKey": owned,
	} {
		for way, ctx := range map[string]context.Context{"no context": nil, "ended": ended, "background": context.Background()} {
			for _, id := range []string{"", "app", "not a name", strings.Repeat("x", 1<<16)} {
				r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
				if ctx != nil {
					r = r.WithContext(ctx)
				}
				change := func(s *sessions.Session) error { s.Values = nil; return nil }
				for call, f := range map[string]func(){
					"Get":        func() { _, _ = s.Get(r, id) },
					"Get nil":    func() { _, _ = s.Get(nil, id) },
					"New":        func() { _, _ = s.New(r, id) },
					"New nil":    func() { _, _ = s.New(nil, id) },
					"MaxAge":     func() { s.MaxAge(math.MaxInt); s.MaxAge(math.MinInt); s.MaxAge(60) },
					"Update":     func() { _ = s.Update(r, w, id, change) },
					"Update nil": func() { _ = s.Update(nil, nil, id, change); _ = s.Update(r, w, id, nil) },
					"Sessions":   func() { _, _ = s.Sessions(ctx, id) },
					"Destroy":    func() { _ = s.Destroy(ctx, id, id) },
					"DestroyAll": func() { _, _ = s.DestroyAll(ctx, id, id) },
					"print":      func() { _ = fmt.Sprintf("%v %+v", s, s) },
					"LockHandler": func() {
						s.LockHandler(id, gorillastore.LockOptions{Lease: -1, Wait: -1}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
					},
					"Save": func() {
						for _, session := range []*sessions.Session{nil, {}, sessions.NewSession(s, id), sessions.NewSession(nil, id), {ID: id, Options: &sessions.Options{MaxAge: math.MaxInt}}} {
							for _, save := range []func(*http.Request, http.ResponseWriter, *sessions.Session) error{s.Save, s.RenewID} {
								_ = save(r, w, session)
								_ = save(nil, w, session)
								_ = save(r, nil, session)
								_ = save(nil, nil, session)
							}
							if session != nil {
								session.Options = &sessions.Options{MaxAge: -1}
								_ = s.Save(r, w, session)
							}
						}
					},
					"Save of a session that was loaded": func() {
						session, _ := s.Get(r, id)
						session.Values, session.Options = nil, nil
						_ = s.Save(r, w, session)
						session.ID = strings.Repeat("y", 1<<16)
						_ = s.Save(r, w, session)
						_ = s.RenewID(r, w, session)
					},
				} {
					try(fmt.Sprintf("%s of a Store that is %s, with %s, of %d bytes", call, name, way, len(id)), f)
				}
			}
		}
	}
}

func TestNewRefusesWhatIsNoKey(t *testing.T) {
	_, c, _ := start(t)
	for _, keys := range [][][]byte{nil, {nil}, {{}}, {nil, nil}, {make([]byte, 1<<20), make([]byte, 1<<20)}, {make([]byte, 32), make([]byte, 5)}} {
		if _, err := gorillastore.New(c, keys...); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
	if _, err := gorillastore.New(nil); err == nil {
		t.Error("no cluster is taken")
	}
}
