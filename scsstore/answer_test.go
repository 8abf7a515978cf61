package scsstore_test

// These tests show when the answer of a request begins: that is when its session is
// committed.

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/serializer"
)

// ask serves the page with Store.LoadAndSave, requests it once, and returns the answer and
// what the session that it has a cookie of holds afterwards.
func ask(t *testing.T, in *instance, ctx context.Context, h http.HandlerFunc) (*http.Response, string, values) {
	t.Helper()
	server := httptest.NewServer(in.store.LoadAndSave(in.SessionManager, h))
	defer server.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	in.must(err)
	resp, err := server.Client().Do(req)
	in.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	in.must(err)
	held := values{}
	for _, c := range resp.Cookies() {
		ctx := in.load(context.Background(), c.Value)
		for _, key := range in.Keys(ctx) {
			held[key] = in.Get(ctx, key)
		}
	}
	return resp, string(body), held
}

func TestStreamSendsItsCookieWithTheFirstFlush(t *testing.T) {
	for name, flush := range map[string]func(w http.ResponseWriter) error{
		"Flusher":            func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
		"ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			in := newInstance(t, serializer.Codec{})
			resp, body, held := ask(t, in, t.Context(), func(w http.ResponseWriter, r *http.Request) {
				in.Put(r.Context(), "a", "1")
				if err := flush(w); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(w, "streamed")
			})
			if body != "streamed" || held["a"] != "1" || resp.Header.Get("Vary") != "Cookie" {
				t.Errorf("answered %q with the session %v and the header %v", body, held, resp.Header)
			}
		})
	}
}

func TestInformationalAnswerCommitsNothing(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	early := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		if early++; h["Set-Cookie"] != nil || h["Link"] == nil {
			t.Errorf("the early hints have the header %v", h)
		}
		return nil
	}})
	_, body, held := ask(t, in, ctx, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		in.Put(r.Context(), "a", "1")
		_, _ = io.WriteString(w, "hello")
	})
	if early != 1 || body != "hello" || held["a"] != "1" {
		t.Errorf("%d early hints, answered %q with the session %v", early, body, held)
	}
}

// recording is a server's ResponseWriter that says how a body came.
type recording struct {
	*httptest.ResponseRecorder
	read bool
}

func (r *recording) ReadFrom(src io.Reader) (int64, error) {
	r.read = true
	return io.Copy(r.ResponseRecorder, src)
}

func (r *recording) Push(target string, _ *http.PushOptions) error {
	r.Header().Set("Pushed", target)
	return nil
}

func TestServerStillSendsFilesItsOwnWay(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	text := strings.Repeat("a long text ", 1000)
	w := &recording{ResponseRecorder: httptest.NewRecorder()}
	in.store.LoadAndSave(in.SessionManager, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in.Put(r.Context(), "a", "1")
		if err := w.(http.Pusher).Push("/style.css", nil); err != nil {
			t.Error(err)
		}
		n, err := io.Copy(w, io.LimitReader(strings.NewReader(text), int64(len(text))))
		if n != int64(len(text)) || err != nil {
			t.Errorf("copied %d bytes, error %v", n, err)
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !w.read || w.Body.String() != text || w.Header().Get("Set-Cookie") == "" || w.Header().Get("Pushed") == "" {
		t.Errorf("the server's ReadFrom was called: %v; %d bytes, header %v", w.read, w.Body.Len(), w.Header())
	}
}

// A handler that takes the connection over has its session saved all the same.
func TestHijackedConnection(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		in.store.LoadAndSave(in.SessionManager, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = buf.WriteString("HTTP/1.1 204 No Content\r\n\r\n")
			_ = buf.Flush()
			in.Put(r.Context(), "a", "1")
		})).ServeHTTP(w, r)
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	in.must(err)
	req.AddCookie(&http.Cookie{Name: "session", Value: token})
	resp, err := server.Client().Do(req)
	in.must(err)
	resp.Body.Close()
	<-done
	in.holds(token, values{"start": 0, "a": "1"})
}
