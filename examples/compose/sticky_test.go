package compose_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"
)

var nonsticky = flag.Bool("nonsticky", false, "bring up nonsticky.yml, too: half a minute")

// pages are where the two apps of sticky.yml and nonsticky.yml are.
var pages = map[string]string{"scs": "http://127.0.0.1:8080/", "gorilla": "http://127.0.0.1:8081/"}

var nodes = []string{"memcached-1", "memcached-2", "memcached-3"}

// sample brings up one of the two files.
func sample(t *testing.T, name string) *stack {
	s := prepared(t, "8080", "8081")
	s.file, s.project = "examples/compose/"+name+".yml", fmt.Sprintf("holdfast-%s-%d", name, os.Getpid())
	s.removeInTheEnd()
	s.compose("up", "-d", "--no-build")
	for _, page := range pages {
		answers(t, page)
	}
	return s
}

// pair is a user of each instance of one app.
type pair [2]*user

// pairOf has users log in until each instance has one, and has each of them visit once.
func pairOf(t *testing.T, app string) (p pair) {
	t.Helper()
	eventually(t, "users of both instances of "+app, func() bool {
		u := logIn(t, pages[app])
		for i := range p {
			if on := u.visit(); p[i] == nil && on == fmt.Sprintf("%s-%d", app, i+1) {
				p[i] = u
				break
			}
		}
		return p[0] != nil && p[1] != nil
	})
	return p
}

// TestStickyUsersGoOnWithoutAnyNode has users of both apps, on both instances, go on while all nodes are
// gone. These come back empty. Then an instance of each app ends, one killed and one stopped as at a deploy:
// what its users did is on the nodes.
func TestStickyUsersGoOnWithoutAnyNode(t *testing.T) {
	s := sample(t, "sticky")
	users := map[string]pair{}
	for app := range pages {
		users[app] = pairOf(t, app)
	}
	stay := func() {
		t.Helper()
		for app, p := range users {
			for i, u := range p {
				want := fmt.Sprintf("%s-%d", app, i+1)
				for range 3 {
					if on := u.visit(); on != want {
						t.Errorf("%s answered a user of %s", on, want)
					}
				}
			}
		}
	}
	stay()
	s.compose(append([]string{"kill"}, nodes...)...)
	stay()
	s.compose(append([]string{"up", "-d", "--no-build", "--no-deps"}, nodes...)...)
	for app, p := range users {
		for _, u := range p {
			eventually(t, "an instance of "+app+" that reaches nodes", func() bool { return u.status("healthz") == http.StatusOK })
		}
	}
	for _, u := range users["gorilla"] {
		u.visit()
	}
	s.compose("kill", "gorilla-1")
	s.compose("stop", "scs-1") // its users have done nothing since the nodes are back
	for app, p := range users {
		for _, u := range p {
			if on := u.visit(); on != app+"-2" {
				t.Errorf("%s answered, where only %s-2 runs", on, app)
			}
		}
	}
}

// TestWithoutStickinessAnOutageIsAnErrorAndNoLogout has all nodes hang, and goes on: each page was an error,
// and every user is who they were. Before that, any instance serves any user.
func TestWithoutStickinessAnOutageIsAnErrorAndNoLogout(t *testing.T) {
	if !*nonsticky {
		t.Skip("skipped: takes half a minute: make rollout, or -nonsticky")
	}
	s := sample(t, "nonsticky")
	users := map[string]*user{}
	for app, page := range pages {
		u := logIn(t, page)
		users[app] = u
		seen := map[string]bool{}
		eventually(t, "both instances of "+app, func() bool {
			seen[u.visit()] = true
			return len(seen) == 2
		})
	}
	s.compose(append([]string{"pause"}, nodes...)...)
	for app, u := range users {
		for range 3 {
			if status := u.status(""); status != http.StatusServiceUnavailable {
				t.Errorf("%s: status %d while all nodes hang", app, status)
			}
		}
	}
	s.compose(append([]string{"unpause"}, nodes...)...)
	for app, u := range users {
		eventually(t, app+" is well again", func() bool { return u.status("healthz") == http.StatusOK })
		u.visit()
	}
	s.compose("kill", "scs-1", "gorilla-1")
	for app, u := range users {
		if on := u.visit(); on != app+"-2" {
			t.Errorf("%s answered, where only %s-2 runs", on, app)
		}
	}
}
