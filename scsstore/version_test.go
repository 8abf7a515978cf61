package scsstore_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// These tests tell when a client is given the version of what it has seen.

func TestTheVersionIsOneHeaderWhereItHasChanged(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		store, m := scsstore.New(connect(t, threeNodes(t))), scs.New()
		m.Store, m.Codec = store, codec
		mux := http.NewServeMux()
		mux.HandleFunc("/put", func(w http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "a", r.FormValue("a"))
			io.WriteString(w, "the version goes out before the first byte")
		})
		mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, m.GetString(r.Context(), "a")) })
		mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
			m.Put(r.Context(), "a", "s")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		})
		mux.HandleFunc("/renew", func(w http.ResponseWriter, r *http.Request) { _ = m.RenewToken(r.Context()) })
		mux.HandleFunc("/destroy", func(w http.ResponseWriter, r *http.Request) { _ = m.Destroy(r.Context()) })
		server := httptest.NewServer(store.LoadAndSave(m, mux))
		defer server.Close()
		jar, _ := cookiejar.New(nil)
		client := &http.Client{Jar: jar}
		last := ""
		for _, step := range []struct {
			path   string
			header bool // the version's
			gone   bool // it takes the version away
		}{
			{path: "/read"}, // there is no session
			{path: "/put?a=1", header: true},
			{path: "/read"},
			{path: "/put?a=2", header: true},
			{path: "/read"},
			{path: "/stream", header: true},
			{path: "/renew", header: true},
			{path: "/read"},
			{path: "/destroy", header: true, gone: true},
			{path: "/read"},
		} {
			resp, err := client.Get(server.URL + step.path)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			var got []*http.Cookie
			for _, c := range resp.Cookies() {
				if c.Name == "session_v" {
					got = append(got, c)
				}
			}
			switch {
			case !step.header && len(got) != 0, step.header && len(got) != 1:
				t.Errorf("%s: %d headers with the version", step.path, len(got))
			case step.gone && got[0].MaxAge >= 0:
				t.Errorf("%s: the version stays: %v", step.path, got[0])
			case step.header && !step.gone:
				if c := got[0]; len(c.Value) != 16 || c.Value == last || !c.HttpOnly || c.Path != "/" || c.MaxAge <= 0 || c.SameSite != http.SameSiteLaxMode {
					t.Errorf("%s: %v after %q", step.path, c, last)
				}
				last = got[0].Value
			}
		}
	})
}

// A cache may keep an answer for everybody, but not what it sets for one: scs says so of its cookie,
// and the same holds for an answer that sets the version alone.
func TestEachAnswerWithACookieTellsCachesToLeaveItOut(t *testing.T) {
	store, m := scsstore.New(connect(t, threeNodes(t))), scs.New()
	m.Store, m.Codec = store, serializer.Codec{}
	mux := http.NewServeMux()
	mux.HandleFunc("/put", func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "a", "1") })
	mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, m.GetString(r.Context(), "a")) })
	mux.HandleFunc("/destroy", func(_ http.ResponseWriter, r *http.Request) { _ = m.Destroy(r.Context()) })
	app := store.LoadAndSave(m, mux)
	var brought []*http.Cookie
	visit := func(path string, cookies int, cacheControl ...string) {
		t.Helper()
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		for _, c := range brought {
			r.AddCookie(c)
		}
		app.ServeHTTP(w, r)
		set := w.Result().Cookies()
		if got := w.Header().Values("Cache-Control"); len(set) != cookies || !slices.Equal(got, cacheControl) {
			t.Errorf("%s: Cache-Control %q with %d cookies: %v", path, got, len(set), set)
		}
		if len(set) > 0 {
			brought = slices.DeleteFunc(set, func(c *http.Cookie) bool { return c.Name != "session" })
		}
	}
	const leaveOut = `no-cache="Set-Cookie"`
	visit("/read", 0) // a stranger
	visit("/put", 2, leaveOut)
	visit("/read", 1, leaveOut) // this client has lost the version's cookie
	brought = nil
	visit("/put", 2, leaveOut)
	visit("/destroy", 1, leaveOut)
}
