package scsstore_test

// These tests hold Store.LoadAndSave against scs's own: where nobody destroys a session, a
// client can tell no difference.

import (
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/scsstore"
)

// middleware is one of the two LoadAndSaves.
type middleware func(s *scsstore.Store, m *scs.SessionManager, next http.Handler) http.Handler

func scsOwn(_ *scsstore.Store, m *scs.SessionManager, next http.Handler) http.Handler {
	return m.LoadAndSave(next)
}

func storeOwn(s *scsstore.Store, m *scs.SessionManager, next http.Handler) http.Handler {
	return s.LoadAndSave(m, next)
}

type page func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request)

// answeredKey is for the channel that is closed when the answer of a TimeoutHandler is written.
type answeredKey struct{}

func TestLoadAndSaveAnswersAsThatOfSCS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("a file ", 20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	put := func(m *scs.SessionManager, r *http.Request) { m.Put(r.Context(), "a", "1") }
	over := time.Now().Add(-time.Hour) // one for both: its second stands in a cookie
	type row struct {
		name   string
		set    func(m *scs.SessionManager)
		wrap   func(load func(http.Handler) http.Handler, h http.Handler) http.Handler
		method string
		page   page
	}
	rows := []row{
		{name: "does nothing", page: func(*scs.SessionManager, http.ResponseWriter, *http.Request) {}},
		{name: "writes", page: func(_ *scs.SessionManager, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }},
		{name: "reads", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, m.GetString(r.Context(), "user"))
		}},
		{name: "puts", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) { put(m, r) }},
		{name: "puts and writes", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			io.WriteString(w, "hello")
		}},
		{name: "writes and puts, too late", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			put(m, r)
		}},
		{name: "writes no byte and puts, too late", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(nil)
			put(m, r)
		}},
		{name: "writes twice", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "short ")
			io.WriteString(w, "and stout")
		}},
		{name: "redirects", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
		}},
		{name: "answers with an error", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			http.Error(w, "no", http.StatusForbidden)
		}},
		{name: "answers without a body", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			w.WriteHeader(http.StatusNoContent)
		}},
		{name: "sets headers of its own", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			w.Header().Set("Vary", "Accept")
			w.Header().Set("Cache-Control", "no-store")
			http.SetCookie(w, &http.Cookie{Name: "other", Value: "x"})
		}},
		{name: "HEAD", method: http.MethodHead, page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			io.WriteString(w, "hello")
		}},
		{name: "copies", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("copied ", 1000)), 3000))
		}},
		{name: "copies nothing and puts", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader(""), 10))
			put(m, r)
		}},
		{name: "copies a little, then more", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader("abc"), 10))
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("def", 1000)), 3000))
		}},
		{name: "serves a file", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			http.ServeFile(w, r, file)
		}},
		{name: "destroys", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			_ = m.Destroy(r.Context())
			io.WriteString(w, "bye")
		}},
		{name: "destroys and puts", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			_ = m.Destroy(r.Context())
			put(m, r)
		}},
		{name: "renews", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) { _ = m.RenewToken(r.Context()) }},
		{name: "renews and puts", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			_ = m.RenewToken(r.Context())
			put(m, r)
		}},
		{name: "clears", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) { _ = m.Clear(r.Context()) }},
		{name: "commits itself", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			token, expiry, err := m.Commit(r.Context())
			if err == nil {
				m.WriteSessionCookie(r.Context(), w, token, expiry)
			}
			m.Put(r.Context(), "b", "2")
		}},
		{name: "ends the session by its deadline", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			m.SetDeadline(r.Context(), over)
		}},
		{name: "puts what cannot be encoded", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "func", func() {})
			io.WriteString(w, "hello")
		}},
		{name: "puts what cannot be encoded, with a page of its own for errors", set: func(m *scs.SessionManager) {
			m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
				http.Error(w, "sorry, "+m.GetString(r.Context(), "user"), http.StatusServiceUnavailable)
			}
		}, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "func", func() {})
		}},
		{name: "panics", page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			put(m, r)
			panic(http.ErrAbortHandler)
		}},
		{name: "panics after its first byte", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			io.WriteString(w, "hello")
			panic(http.ErrAbortHandler)
		}},
		{name: "remembers", set: func(m *scs.SessionManager) { m.Cookie.Persist = false }, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			m.RememberMe(r.Context(), true)
		}},
		{name: "does not remember", set: func(m *scs.SessionManager) { m.Cookie.Persist = false }, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			put(m, r)
		}},
		{name: "has a cookie of its own kind", set: func(m *scs.SessionManager) {
			m.Cookie = scs.SessionCookie{Name: "id", Path: "/", SameSite: http.SameSiteNoneMode, Persist: true}
		}, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) { put(m, r) }},
		{name: "has a domain and a path", set: func(m *scs.SessionManager) {
			m.Cookie.Domain, m.Cookie.Path, m.Cookie.HttpOnly, m.Cookie.Partitioned, m.Cookie.Secure = "example.com", "/x", false, true, true
		}, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) { put(m, r) }},
		{name: "hashes its tokens", set: func(m *scs.SessionManager) { m.HashTokenInStore = true }, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			put(m, r)
		}},
		{name: "has an idle timeout", set: func(m *scs.SessionManager) { m.IdleTimeout = time.Hour }, page: func(*scs.SessionManager, http.ResponseWriter, *http.Request) {}},
		{
			name: "is inside of itself", wrap: func(load func(http.Handler) http.Handler, h http.Handler) http.Handler { return load(load(h)) },
			page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
				put(m, r)
				io.WriteString(w, "hello")
			},
		},
		{name: "around a TimeoutHandler", wrap: func(load func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return load(http.TimeoutHandler(h, limit, ""))
		}, page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			io.WriteString(w, "hello")
		}},
		{name: "around a TimeoutHandler that is out of time", wrap: func(load func(http.Handler) http.Handler, h http.Handler) http.Handler {
			inner := http.TimeoutHandler(h, 0, "too slow")
			return load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answered := make(chan struct{})
				defer close(answered)
				inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), answeredKey{}, answered)))
			}))
		}, page: func(m *scs.SessionManager, _ http.ResponseWriter, r *http.Request) {
			<-r.Context().Value(answeredKey{}).(chan struct{}) // later than the end of its time
		}},
		{name: "in a TimeoutHandler", wrap: func(load func(http.Handler) http.Handler, h http.Handler) http.Handler {
			return http.TimeoutHandler(load(h), limit, "")
		}, page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush() // cannot
			put(m, r)
			io.WriteString(w, "hello")
		}},
		{name: "switches protocols", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "x")
			w.WriteHeader(http.StatusSwitchingProtocols)
		}},
		{name: "uses a ResponseController", page: func(m *scs.SessionManager, w http.ResponseWriter, r *http.Request) {
			put(m, r)
			rc := http.NewResponseController(w)
			err := errors.Join(rc.SetReadDeadline(time.Now().Add(limit)), rc.SetWriteDeadline(time.Now().Add(limit)), rc.EnableFullDuplex())
			if err != nil {
				t.Error(err)
			}
			io.WriteString(w, "hello")
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, " again")
		}},
	}
	store := scsstore.New(connect(t, threeNodes(t)))
	log.SetOutput(io.Discard) // what scs's default ErrorFunc says
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	// run tells a story of three requests with each middleware: without a session, with one,
	// and with a token that is nobody's.
	run := func(t *testing.T, tc row, codec scs.Codec, load middleware) (story []heard, left []values) {
		m := scs.New()
		m.Store, m.Codec = store, codec
		if tc.set != nil {
			tc.set(m)
		}
		mux := http.NewServeMux()
		around := func(h http.Handler) http.Handler { return load(store, m, h) }
		if tc.wrap == nil {
			tc.wrap = func(load func(http.Handler) http.Handler, h http.Handler) http.Handler { return load(h) }
		}
		mux.Handle("/", tc.wrap(around, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tc.page(m, w, r) })))
		server := httptest.NewUnstartedServer(mux)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Start()
		defer server.Close()
		method := tc.method
		if method == "" {
			method = http.MethodGet
		}
		in := &instance{m, store, t}
		for _, token := range []string{
			"", in.do(t.Context(), "", func(ctx context.Context) { m.Put(ctx, "user", "ann") }), "nobody's",
		} {
			var last string
			client := &http.Client{Transport: sending{&http.Cookie{Name: m.Cookie.Name, Value: token}, &last}, CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			}}
			story = append(story, listen(t, client, method, server.URL))
			for _, token := range []string{token, last} {
				ctx, got := in.load(t.Context(), token), values{}
				for _, key := range m.Keys(ctx) {
					got[key] = m.Get(ctx, key)
				}
				left = append(left, got)
			}
		}
		return story, left
	}
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		for _, tc := range rows {
			t.Run(tc.name, func(t *testing.T) {
				want, wantLeft := run(t, tc, codec, scsOwn)
				got, gotLeft := run(t, tc, codec, storeOwn)
				for i := range want {
					if !reflect.DeepEqual(got[i], want[i]) {
						t.Errorf("request %d: scs's own answers\n%+v\nStore's\n%+v", i, want[i], got[i])
					}
				}
				for i := range wantLeft {
					if !maps.Equal(gotLeft[i], wantLeft[i]) {
						t.Errorf("session %d: scs's own leaves %v, Store's %v", i, wantLeft[i], gotLeft[i])
					}
				}
			})
		}
	})
}
