package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// This file decides what a browser keeps of one session: its cookies, what it was shown, and what was
// acknowledged to it.

// kept is one session of a client.
type kept struct {
	*session
	mu      sync.Mutex        // guards below
	cookies map[string]string // the browser's, by name
	seen    map[string]int    // what the answer has shown that set the version
	acked   map[string]int    // the highest values that were acknowledged
	turn    int               // part of the values' names
	counts  [2]int
	at      string        // the process that answered last
	stays   bool          // no other process has been asked since all was written last
	raced   bool          // two saves at once since then
	ended   time.Duration // when its logout was acknowledged
	phase   *phase        // in which it was ended
	story   []string      // the latest requests, for people
}

// header is what the browser sends.
func (s *kept) header() string {
	var all []string
	for name, value := range s.cookies {
		all = append(all, name+"="+value)
	}
	return strings.Join(all, "; ")
}

// take takes the cookies of an answer, and remembers what it showed if it set a version.
func (s *kept) take(r result, form []string) {
	for _, cookie := range r.set {
		if cookie.MaxAge < 0 || cookie.Value == "" {
			delete(s.cookies, cookie.Name)
		} else {
			s.cookies[cookie.Name] = cookie.Value
		}
	}
	if len(r.set) == 0 {
		return
	}
	s.seen = shownIn(r)
	if len(form) == 4 {
		s.seen[form[1]] = numberIn(form[3])
	}
}

// shownIn are the values of an answer that count up.
func shownIn(r result) map[string]int {
	shown := map[string]int{}
	for name, value := range r.answer.Read {
		if n := numberIn(value); n > 0 {
			shown[name] = n
		}
	}
	return shown
}

// note keeps what is told of the session if it breaks a promise.
func (s *kept) note(r result, path string, instance int, form []string) {
	s.story = append(s.story, fmt.Sprintf("%9.3fs %.3fs instance %d %s %s: %d, %v, %d cookies set, behind %v %s", r.call.Seconds(), (r.end-r.call).Seconds(), instance, path, strings.Join(form, "="), r.status, r.answer.Read, len(r.set), r.behind, r.page))
	if len(s.story) > lastWords {
		s.story = s.story[1:]
	}
}
