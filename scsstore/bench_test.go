package scsstore

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file measures a request that only reads, and is served from a local copy.

// benchApp is an app on one store, and what a browser sends that is logged in there.
func benchApp(b *testing.B) (store *Store, app http.Handler, token, version string) {
	env := testenv.Start(b, 3, testenv.Embedded())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		b.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{
		Nodes: nodes, DialContext: env.DialContext, Logger: slog.New(slog.DiscardHandler),
		Local: cluster.Local{Sessions: 1000, Fresh: time.Hour},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	if err := c.WaitWhole(b.Context()); err != nil {
		b.Fatal(err)
	}
	store = New(c)
	m := scs.New()
	m.Store, m.Codec = store, serializer.Codec{}
	app = store.LoadAndSave(m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			for k, v := range benchSession() {
				m.Put(r.Context(), k, v)
			}
		}
		if m.GetInt(r.Context(), "userID") != 48213 {
			http.Error(w, "not logged in", http.StatusForbidden)
		}
	}))
	set := benchRequest(b, app, "/login", "").header
	for _, cookie := range (&http.Response{Header: set}).Cookies() {
		if cookie.Name == m.Cookie.Name {
			token = cookie.Value
		} else {
			version = cookie.Value
		}
	}
	return store, app, token, version
}

func benchSession() map[string]any {
	return map[string]any{
		"userID": 48213, "visits": 17, "csrf": "q7mC0yq3hQ2mXw8uJt4Zp1rVb6Ka9LdN", "locale": "en-GB", "theme": "dark",
		"returnTo": "/orders/2024/000417", "lastSeen": time.Date(2025, 3, 14, 9, 26, 53, 0, time.UTC), "remember": true,
		"balance": 128.75, "step": int64(3), "cart": []string{"sku-1004", "sku-2231", "sku-0087", "sku-5512"},
		"note": strings.Repeat("a note. ", 71),
	}
}

type benchResponse struct {
	header http.Header
	status int
}

func (w *benchResponse) Header() http.Header         { return w.header }
func (w *benchResponse) WriteHeader(status int)      { w.status = status }
func (w *benchResponse) Write(b []byte) (int, error) { return len(b), nil }

func benchRequest(b *testing.B, app http.Handler, path, cookie string) *benchResponse {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		b.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := &benchResponse{header: http.Header{}}
	if app.ServeHTTP(w, r); w.status != 0 {
		b.Fatalf("status %d", w.status)
	}
	return w
}

func BenchmarkLocalCopy(b *testing.B) {
	store, app, token, version := benchApp(b)
	cookie := "session=" + token + "; session_v=" + version
	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			benchRequest(b, app, "/", cookie)
		}
		if s := store.cluster.Stats(); s.LocalHits < uint64(b.N) {
			b.Fatalf("%d hits", s.LocalHits)
		}
	})
	ctx := context.Background()
	find := func() (*cluster.Record, []byte) {
		rec, err := store.cluster.LoadVersion(ctx, token, version)
		if err != nil {
			b.Fatal(err)
		}
		return rec, toPayload(rec.Attrs)
	}
	b.Run("request without a session", func(b *testing.B) {
		b.ReportAllocs()
		plain := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		for b.Loop() {
			benchRequest(b, plain, "/", cookie)
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = store.cluster.LoadVersion(ctx, token, version)
		}
	})
	rec, payload := find()
	b.Run("join", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			toPayload(rec.Attrs)
		}
	})
	b.Run("line", func(b *testing.B) {
		b.ReportAllocs()
		known := &snapshot{token: token, rec: rec}
		for b.Loop() {
			found := make([]byte, 16)
			note(store, found, known)
		}
	})
	b.Run("decode without a line", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := (serializer.Codec{}).Decode(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("FindCtx", func(b *testing.B) {
		b.ReportAllocs()
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookie)
		m := scs.New()
		_, within := store.visiting(m, r)
		for b.Loop() {
			if _, found, err := store.FindCtx(within, token); err != nil || !found {
				b.Fatal(err)
			}
		}
	})
	b.Run("cookies and contexts", func(b *testing.B) {
		b.ReportAllocs()
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookie)
		m := scs.New()
		for b.Loop() {
			if _, err := r.Cookie(m.Cookie.Name); err != nil {
				b.Fatal(err)
			}
			_, ctx := store.visiting(m, r)
			_ = r.WithContext(ctx)
		}
	})
}
