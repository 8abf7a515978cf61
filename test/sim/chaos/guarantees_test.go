package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What the page tells of a promise is of the requests that the promise is about.
func TestThePageCountsWhatBelongsToAPromise(t *testing.T) {
	r := flawless(settings{})
	for _, k := range []kind{onSCS, onGorilla} {
		for name, ms := range map[string]int{"hang": 100, "hang30": 900} {
			c := r.faults[name][k]
			c.requests, c.latencies = 1, []time.Duration{time.Duration(ms) * time.Millisecond}
		}
		c := r.faults["kill"][k]
		c.requests, c.acked, c.parallel, c.overtook = 1000, 500, 30, 4
	}
	for name, lost := range map[string]int{"none": 3, "kill": 4, "two": 90} {
		c := r.faults[name][oneCopy]
		c.acked, c.stale = 100, lost
	}
	r.ordered, r.tooLong = 41, 42
	for _, k := range []kind{onSCS, onGorilla} {
		r.countIdle(k, func(c *idleCounts) { c.sessions, c.changed, c.ended, c.requests, c.acked = 300, 20, 30, 650, 350 })
	}
	r.countIdle(oneCopy, func(c *idleCounts) { c.sessions, c.lost = 300, 200 })
	r.refuse("kill, holdfast, scs: n2: it is filling")
	page := r.page("")
	for _, want := range []string{
		"| 60, three at a time | 0 |",
		"| 8 logouts that overtook a slow request | 0 |",
		"measured 100 ms at p99",
		"searched for 41 sessions; 42 more were too long",
		"| 700, of 600 idle sessions | 0 |",
		"| idle sessions * | scs | 650 |",
		"| holdfast, scs | 300 | 20 | 30 | 0 | 0 | 0 | 0 |",
		"| one hashed copy | 300 | 0 | 0 | 200 | 0 | 0 | 0 |",
		"Under `rolling`, `evict`, `pairs`, `abrupt`, `two` idle sessions may be lost",
		"kill, holdfast, scs: n2: it is filling",
		"one hashed copy: 3.0 without a fault, 4.0 under the promised faults",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestALogoutOvertakesARequestThatIsAnsweredLater(t *testing.T) {
	logout := result{status: http.StatusOK, call: 10, end: 20}
	for _, c := range []struct {
		name   string
		logout result
		slow   result
		want   bool
	}{
		{"within the slow request", logout, result{status: http.StatusOK, call: 5, end: 25}, true},
		{"answered after it", logout, result{status: http.StatusOK, call: 5, end: 15}, false},
		{"begun before it", logout, result{status: http.StatusOK, call: 15, end: 25}, false},
		{"there was none", logout, result{}, false},
		{"it was cut", logout, result{call: 5, end: 25}, false},
		{"not acknowledged", result{status: http.StatusServiceUnavailable, call: 10, end: 20}, result{status: http.StatusOK, call: 5, end: 25}, false},
	} {
		if got := c.logout.overtook(c.slow); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
