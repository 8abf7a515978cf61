package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// What an answer must not be to a user who has seen something, and what is the price.
func TestWhatAUserOfLocalCopiesIsShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  string
		moved  bool
		status int
		shown  string
		behind bool
		want   counts
	}{
		{"what it has seen", "kill", false, http.StatusOK, "5", false, counts{}},
		{"more", "kill", false, http.StatusOK, "6", false, counts{}},
		{"less", "kill", false, http.StatusOK, "4", false, counts{stale: 1}},
		{"less, and it is told", "lastwords", false, http.StatusOK, "4", true, counts{price: price{told: 1}}},
		{"no session", "blackout", false, http.StatusUnauthorized, "", false, counts{absent: 1}},
		{"no session, and it is told", "lastwords", true, http.StatusUnauthorized, "", true, counts{price: price{told: 1}}},
		{"no session, all memory is gone, and it has moved", "dark", true, http.StatusUnauthorized, "", false, counts{price: price{wiped: 1}}},
		{"no session, all memory is gone, and it has stayed", "dark", false, http.StatusUnauthorized, "", false, counts{absent: 1}},
		{"an error page in an outage, and it has stayed", "blackout", false, http.StatusServiceUnavailable, "", false, counts{price: price{unserved: 1}}},
		{"an error page in an outage, and it has moved", "blackout", true, http.StatusServiceUnavailable, "", false, counts{}},
		{"an error page, and no outage", "kill", false, http.StatusServiceUnavailable, "", false, counts{}},
	} {
		tl := newTally()
		f, _ := settings{sticky: true}.byName(c.fault)
		tl.begin(f).begin = 0
		u := &client{user: &user{system: &system{kind: onSCS, tally: tl}}, local: cluster.Local{Outage: time.Minute}}
		s := &kept{session: &session{}, cookies: map[string]string{"session": "x"}, stays: !c.moved}
		r := result{status: c.status, behind: c.behind, answer: answer{Read: map[string]string{"t0.0": c.shown}}}
		u.judge(s, r, map[string]int{"t0.0": 5})
		u.judgeErrorPage(s, r)
		got := tl.total(onSCS, promised)
		if got.stale != c.want.stale || got.absent != c.want.absent || got.price != c.want.price {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// A version that an answer sets is that of what it shows, with what the request has saved.
func TestWhatTheBrowserTakesFromAnAnswer(t *testing.T) {
	s := &kept{cookies: map[string]string{}, seen: map[string]int{"t0.0": 1}}
	r := result{answer: answer{Read: map[string]string{"t0.0": "2", "user": "somebody"}}}
	if s.take(r, nil); s.seen["t0.0"] != 1 {
		t.Errorf("without a cookie it has seen %v", s.seen)
	}
	r.set = []*http.Cookie{{Name: "session_v", Value: "v"}, {Name: "old", MaxAge: -1}}
	if s.take(r, []string{"name", "t0.0", "value", "3"}); s.seen["t0.0"] != 3 || len(s.seen) != 1 || s.header() != "session_v=v" {
		t.Errorf("it has seen %v, and brings %q", s.seen, s.header())
	}
}

// Two requests at once of one process: only the one whose load was behind says so.
func TestAnAnswerTellsOfItsOwnLoadOnly(t *testing.T) {
	both := make(chan bool)
	h := tellsBehind(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		behindTrace.OperationDone(r.Context(), cluster.OperationDone{Behind: r.URL.Path == "/behind"})
		if r.URL.Path == "/behind" {
			both <- true
		} else {
			<-both
		}
		w.WriteHeader(http.StatusOK)
	}))
	var all sync.WaitGroup
	for _, path := range []string{"/behind", "/other"} {
		all.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if (w.Header().Get(behindHeader) != "") != (path == "/behind") {
				t.Errorf("%s: %v", path, w.Header())
			}
		})
	}
	all.Wait()
}
