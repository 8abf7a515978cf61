package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// served is "wait --serve" at work.
type served struct {
	*stage
	url string
	end func() int
}

func serve(s *stage) *served {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"wait", "--serve", "127.0.0.1:0"}, s.getenv, strings.NewReader(""), s, s)
	}()
	sv := &served{stage: s, end: func() int { cancel(); return <-code }}
	for range 1000 {
		s.mu.Lock()
		_, rest, ok := strings.Cut(s.all.String(), "holdfast: serving\" address=")
		s.mu.Unlock()
		if ok {
			sv.url = "http://" + strings.Fields(rest)[0]
			return sv
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("it does not say where it serves")
	return nil
}

// get asks for a path.
func (s *served) get(path string) (status int, body string) {
	s.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	_, _ = s.Write(b)
	return resp.StatusCode, string(b)
}

// until waits for an answer with that status and these words.
func (s *served) until(status int, words ...string) {
	s.Helper()
	s.Helper()
	got, body := 0, ""
	for range 600 {
		got, body = s.get("/ready")
		ok := got == status
		for _, w := range words {
			ok = ok && strings.Contains(body, w)
		}
		if ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Fatalf("answers %d, %q; want %d, %q\n%s", got, body, status, words, s.all.String())
}

func TestReadyIsWhatTheOwnNodeIs(t *testing.T) {
	t.Parallel()
	s := begin(t, 3, testenv.Embedded())
	s.env["HOLDFAST_NODE"] = "n2"
	for _, n := range s.nodes.All() {
		n.Kill() // it begins before memcached does
	}
	sv := serve(s)
	sv.until(http.StatusServiceUnavailable, "n2", "refused")
	for _, n := range s.nodes.All() {
		n.Restart()
	}
	sv.until(http.StatusOK, "whole")
	if status, _ := sv.get("/"); status != http.StatusNotFound {
		t.Errorf("another path: %d", status)
	}

	// Another node that is out of reach is not this one's fault.
	s.nodes.ByID("n1").Kill()
	for range 40 {
		if status, body := sv.get("/ready"); status != http.StatusOK {
			t.Fatalf("another node is down: %d, %q", status, body)
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.nodes.ByID("n1").Restart()

	// The own node is.
	s.nodes.ByID("n2").Pause()
	sv.until(http.StatusServiceUnavailable, "n2", "no answer")
	s.nodes.ByID("n2").Resume()
	sv.until(http.StatusOK)
	s.nodes.ByID("n2").Restart() // empty
	sv.until(http.StatusOK)
	if code := sv.end(); code != exitDone {
		t.Errorf("exit code %d of one that was told to end", code)
	}
}

// A name that the resolver does not know yet, as of a pod that has no address.
func TestServeBeginsBeforeTheNameIsKnown(t *testing.T) {
	t.Parallel()
	s := begin(t, 1, testenv.Embedded())
	s.env["MEMCACHED_NODES"] += ",n2:memcached-2.holdfast.invalid:11211"
	s.env["HOLDFAST_NODE"] = "n2"
	sv := serve(s)
	sv.until(http.StatusServiceUnavailable, "n2")
	if code := sv.end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
