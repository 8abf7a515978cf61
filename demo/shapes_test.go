package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

func TestTallyForgetsAfterTwoMinutes(t *testing.T) {
	var c tally
	began := time.Unix(1_000_000, 0)
	for i := range 10 {
		c.request(began.Add(time.Duration(i)*time.Millisecond), time.Duration(i+1)*time.Millisecond, i > 0)
	}
	c.lost(began, 1, 2)
	f := c.figures(began.Add(time.Second))
	if f.Requests != 10 || f.Failed != 1 || f.SessionsLost != 1 || f.ChangesLost != 2 || f.PerSecond != 1 {
		t.Errorf("a second later: %+v", f)
	}
	if f.P50 < 5 || f.P50 > 5*classRatio || f.P99 < 10 || f.P99 > 10*classRatio {
		t.Errorf("p50 %v of 1 to 10 ms, p99 %v", f.P50, f.P99)
	}
	c.request(began.Add(chartSeconds*time.Second), time.Millisecond, true) // the same place in the ring
	sum := 0
	for _, s := range c.seconds(began.Add((chartSeconds + 1) * time.Second)) {
		sum += s.OK + s.Failed
	}
	if f = c.figures(began.Add((chartSeconds + 1) * time.Second)); sum != 1 || f.Requests != 11 {
		t.Errorf("two minutes later the chart has %d requests, the total is %d", sum, f.Requests)
	}
	if f = c.figures(began.Add(time.Hour)); f.P99 != 0 || f.PerSecond != 0 {
		t.Errorf("an hour later: %+v", f)
	}
}

func TestMarksDoNotLieOnEachOther(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var entries []entry
	for i := range 6 {
		entries = append(entries, entry{Time: now.Add(time.Duration(i-60) * time.Second), Kind: fault, Mark: "kill n1"})
	}
	entries = append(entries,
		entry{Time: now.Add(-time.Hour), Mark: "long ago"},
		entry{Time: now.Add(-time.Second), Mark: "just now"})
	words, rows := 0, map[int]float64{}
	for _, m := range place(now, 119, entries) {
		if m.Text == "" {
			continue
		}
		words++
		if last, ok := rows[m.Row]; ok && m.X-last < markWidth {
			t.Errorf("in row %d a word at %.1f follows one at %.1f", m.Row, m.X, last)
		}
		rows[m.Row] = m.X
		if m.Text == "long ago" {
			t.Error("a mark from before the chart is on it")
		}
		if m.Text == "just now" && m.Anchor != "end" {
			t.Error("the last word leaves the chart")
		}
	}
	if words != markRows+1 {
		t.Errorf("%d words, want %d close ones and the last", words, markRows)
	}
}

func TestOpinions(t *testing.T) {
	for want, seen := range map[string]map[string]string{
		"All apps use it.":                                   {"a": "up", "b": "up"},
		"All apps do without it.":                            {"a": "down"},
		"In use by a; given up by b, c; out of reach for d.": {"a": "up", "b": "down", "c": "down", "d": "cut off"},
		"": {},
	} {
		if got := newCard(nodeState{ID: "n1", State: "up", SeenBy: seen}).Opinion; got != want {
			t.Errorf("%v: %q, want %q", seen, got, want)
		}
	}
}

func TestWhereTheSecondCopiesAre(t *testing.T) {
	at := func(id string, role cluster.Role, held bool) cluster.Placement {
		return cluster.Placement{Node: cluster.NodeStatus{ID: id}, Role: role, Held: held}
	}
	got := moved("n1", [][]cluster.Placement{
		{at("n1", cluster.RolePrimary, false), at("n2", cluster.RoleBackup, true), at("n3", cluster.RoleFallback, true)},
		{at("n3", cluster.RolePrimary, true), at("n1", cluster.RoleBackup, false), at("n2", cluster.RoleFallback, true)},
		{at("n2", cluster.RolePrimary, true), at("n3", cluster.RoleBackup, true), at("n1", cluster.RoleFallback, true)}, // never was there
	})
	if want := "2 sessions that belonged on n1 have the second copy elsewhere now: 1 on n2, 1 on n3."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTheStatesOfANode looks at the card of a node that is up: how complete it is, and what hides
// that.
func TestTheStatesOfANode(t *testing.T) {
	up := map[string]string{"a": "up", "b": "up"}
	for _, c := range []struct {
		n                 nodeState
		look, label, fill string
	}{
		{nodeState{State: "up", SeenBy: up, Whole: true}, "up", "up", "whole"},
		{nodeState{State: "up", SeenBy: up, Reason: "it is filling"}, "filling", "up", "filling"},
		{nodeState{State: "up", SeenBy: up, Reason: "it is draining", Draining: true}, "draining", "up", "draining"},
		{nodeState{State: "up", SeenBy: map[string]string{"a": "down", "b": "up"}}, "back", "back, being checked", "filling"},
		{nodeState{State: "up", SeenBy: map[string]string{"a": "cut off", "b": "up"}}, "suspect", "partly cut off", "filling"},
		{nodeState{State: "down", Whole: true}, "down", "down", ""},
		{nodeState{State: "hung", Draining: true}, "hung", "hung", ""},
	} {
		if got := newCard(c.n); got.Look != c.look || got.Label != c.label || got.Fill != c.fill {
			t.Errorf("%+v: %q, %q, %q", c.n, got.Look, got.Label, got.Fill)
		}
	}
}

// TestHowFarANodeIs counts the sessions that belong on it, and those of them that it holds.
func TestHowFarANodeIs(t *testing.T) {
	at := func(id string, role cluster.Role, is string) cluster.Placement {
		return cluster.Placement{Node: cluster.NodeStatus{ID: id}, Role: role, Held: is != "", Destroyed: is == "destroyed"}
	}
	var w watch
	w.count([][]cluster.Placement{
		{at("n1", cluster.RolePrimary, "held"), at("n2", cluster.RoleBackup, "held"), at("n3", cluster.RoleFallback, "")},
		{at("n3", cluster.RolePrimary, "held"), at("n1", cluster.RoleBackup, ""), at("n2", cluster.RoleFallback, "held")},
		{at("n1", cluster.RolePrimary, "destroyed"), at("n3", cluster.RoleBackup, "destroyed"), at("n2", cluster.RoleFallback, "")},
	})
	for id, want := range map[string]held{"n1": {1, 1, 3}, "n2": {2, 1, 1}, "n3": {1, 1, 2}} {
		if got := w.heldBy(id); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// TestOnlyASecondFaultExcusesALoss knows a healthy node that did not answer, and asks
// whether a loss is that machine's or holdfast's.
func TestOnlyASecondFaultExcusesALoss(t *testing.T) {
	began := time.Unix(1_000_000, 0)
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	n1, n2 := doubt{at(10), "n1", "scs-1", withSCS}, doubt{at(11), "n2", "scs-2", withSCS}
	for _, c := range []struct {
		why     string
		doubts  []doubt
		touched map[string]time.Time
		since   int
		excused bool
	}{
		{"every node answered, whatever was broken", nil, map[string]time.Time{"n1": at(10), "n2": at(11)}, 5, false},
		{"one node did not answer, and nothing was broken", []doubt{n1, n1}, nil, 5, false},
		{"one node did not answer, and it was the one that was broken", []doubt{n1}, map[string]time.Time{"n1": at(9)}, 5, false},
		{"one node did not answer while another was broken", []doubt{n1}, map[string]time.Time{"n2": at(9)}, 5, true},
		{"another was broken, but the session was used after that", []doubt{n1}, map[string]time.Time{"n2": at(3)}, 5, false},
		{"one did not answer, but the session was used after that", []doubt{n1}, map[string]time.Time{"n2": at(14)}, 13, false},
		{"two nodes did not answer", []doubt{n1, n2}, nil, 5, true},
		{"two nodes did not answer, of another app", []doubt{{at(10), "n1", "gorilla-1", withGorilla}, n2}, nil, 5, false},
	} {
		w := &watch{doubts: c.doubts, touched: c.touched}
		if got := w.excuse(withSCS, at(c.since)); (got != "") != c.excused {
			t.Errorf("%s: %q", c.why, got)
		}
	}
}

// TestUsersNoticeLosses lets a user talk to an app that forgets.
func TestUsersNoticeLosses(t *testing.T) {
	var says answer
	status := http.StatusOK
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(says)
	}))
	defer app.Close()
	var j journal
	u := &user{name: "ann", driver: withSCS, base: app.URL, client: app.Client(), cookies: map[string]string{}, tally: &tally{}, journal: &j}
	ask := func(path string, counted int, a answer) {
		t.Helper()
		says = a
		if got, ok := u.ask(context.Background(), http.MethodPost, path, nil); ok {
			u.check(got, counted, 0)
		}
	}
	u.in = true
	ask("/login", 0, answer{Name: "ann"})
	ask("/count", 1, answer{Name: "ann", Count: 1})
	status = http.StatusServiceUnavailable
	ask("/count", 1, answer{})
	status = http.StatusOK
	ask("/count", 1, answer{Name: "ann", Count: 3}) // the failed one was stored: no loss, no matter
	if f := u.tally.totals; f.SessionsLost+f.ChangesLost > 0 || f.Failed != 1 {
		t.Errorf("nothing is lost yet: %+v", f)
	}
	ask("/count", 1, answer{Name: "ann", Count: 2, Cart: nil})
	if f := u.tally.totals; f.ChangesLost != 2 {
		t.Errorf("3 and 1 is 4, and the app says 2: %+v", f)
	}
	ask("/count", 1, answer{Name: "ben", Count: 3})
	ask("/login", 0, answer{Name: "ann"})
	u.in = true
	ask("/count", 1, answer{})
	if f := u.tally.totals; f.SessionsLost != 2 {
		t.Errorf("somebody else's session, and none: %+v", f)
	}
	if f := u.tally.totals; f.Losses != 4 || f.Excused != 0 {
		t.Errorf("four answers, and no excuse for any: %+v", f)
	}
	asked := time.Time{}
	u.inquire = func(_, _ string, since time.Time) (string, []string) {
		asked = since
		return "it was the machine", nil
	}
	u.in = true
	used := u.used
	ask("/count", 1, answer{})
	if f := u.tally.totals; f.Losses != 5 || f.Excused != 1 || !asked.Equal(used) {
		t.Errorf("one with an excuse, of a session last used at %v and looked at from %v on: %+v", used, asked, f)
	}
	says = answer{Name: "ann"}
	u.in, u.cookies[cookieName(u.driver)] = true, "old"
	u.logOut(context.Background())
	if f := u.tally.totals; f.LogoutsUndone != 1 {
		t.Errorf("the old cookie is good after the logout: %+v", f)
	}
	text := ""
	for _, e := range j.latest(9) {
		text += e.Text
	}
	if !strings.Contains(text, "ann misses 2 changes") || !strings.Contains(text, "ann was logged out") {
		t.Errorf("the journal says %q", text)
	}
}
