package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// fair demands that nobody has lost anything. It skips a test in which the machine was
// too busy for that.
func fair(t *testing.T, s state) {
	t.Helper()
	if s.Holdfast.Losses > 0 && s.Holdfast.Losses == s.Holdfast.Excused {
		t.Skipf("this machine is too busy to tell: a healthy node had not answered within %v while others were broken: %+v", patienceWithNodes, s.Holdfast)
	}
	if s.Holdfast.SessionsLost+s.Holdfast.ChangesLost+s.Holdfast.LogoutsUndone > 0 {
		t.Errorf("with holdfast: %+v", s.Holdfast)
		for _, e := range s.Log {
			t.Logf("%s %s\n\t%s", e.Kind, e.Text, strings.Join(e.Detail, "\n\t"))
		}
	}
}

// more waits until the users on holdfast have made so many requests more.
func more(t *testing.T, d *demo, n int) state {
	t.Helper()
	s := now(t, d)
	began := s.Holdfast.Requests
	until(t, "requests", func() bool { s = now(t, d); return s.Holdfast.Requests >= began+n })
	return s
}

func mustPress(t *testing.T, d *demo, path string, form url.Values) {
	t.Helper()
	if status, said := press(t, d, path, form); status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, said)
	}
}

// TestStickyUsersGoOnWithoutAnyNode kills all nodes under users who stay on their instances, and brings
// them back, empty.
func TestStickyUsersGoOnWithoutAnyNode(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	d := begin(t, config{users: 18, sticky: true})
	until(t, "eighteen sessions", func() bool { return loggedIn(d) == 36 })
	served := func(s state) (here, nodes uint64) {
		for _, in := range s.Apps {
			here, nodes = here+in.Local.FromHere, nodes+in.Local.FromNodes
		}
		return here, nodes
	}
	s := more(t, d, 30)
	if here, _ := served(s); here == 0 {
		t.Error("no load was served from a copy")
	}
	mustPress(t, d, "/every/kill", nil)
	if status, said := press(t, d, "/sticky", url.Values{"on": {"0"}}); status != http.StatusConflict || !strings.Contains(said, "only it has") {
		t.Errorf("no sticky mode while only the instances have the sessions: %d %s", status, said)
	}
	before, s := s, more(t, d, 40)
	if !s.Outage || s.Unwritten() == 0 {
		t.Errorf("an outage: %v; %d sessions are not on the nodes", s.Outage, s.Unwritten())
	}
	if s.Holdfast.Failed > before.Holdfast.Failed {
		t.Errorf("%d requests failed before the outage, and %d with it", before.Holdfast.Failed, s.Holdfast.Failed)
	}
	if s.OneCopy.Failed == 0 {
		t.Errorf("with one copy: %+v", s.OneCopy)
	}
	mustPress(t, d, "/every/start", nil)
	until(t, "the nodes have all", func() bool { s = now(t, d); return !s.Outage && s.Unwritten() == 0 })
	until(t, "a look of the idle users", func() bool { return now(t, d).After != "" })
	s = more(t, d, 30)
	fair(t, s)
	if got, want := *s.Holdfast.Idle, (idleLook{Users: 6}); got != want {
		t.Errorf("idle users: %+v, want %+v", got, want)
	}
	if s.OneCopy.Idle.Lost != 6 {
		t.Errorf("with one copy: %+v", *s.OneCopy.Idle)
	}
	mustPress(t, d, "/apps/scs-1/kill", nil)
	mustPress(t, d, "/apps/gorilla-1/kill", nil)
	s = more(t, d, 40)
	fair(t, s)
	if _, nodes := served(s); nodes == 0 {
		t.Error("no load asked the nodes, where half of the users have moved")
	}
}

// TestAnOutageLogsNobodyOut hangs all nodes, without sticky mode: each request fails, and then everybody
// goes on.
func TestAnOutageLogsNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	d := begin(t, config{users: 6})
	until(t, "six sessions", func() bool { return loggedIn(d) == 12 })
	mustPress(t, d, "/every/hang", nil)
	s := now(t, d)
	failed := s.Holdfast.Failed
	until(t, "errors", func() bool { return now(t, d).Holdfast.Failed > failed+10 })
	if status, said := press(t, d, "/every/hang", nil); status != http.StatusConflict || !strings.Contains(said, "Bring them back") {
		t.Errorf("once more: %d %s", status, said)
	}
	mustPress(t, d, "/every/start", nil)
	if status, said := press(t, d, "/every/start", nil); status != http.StatusConflict || !strings.Contains(said, "up already") {
		t.Errorf("once more: %d %s", status, said)
	}
	until(t, "nodes in use", d.watch.settled)
	fair(t, more(t, d, 30))
	if status, said := press(t, d, "/every/explode", nil); status != http.StatusNotFound {
		t.Errorf("%d %s", status, said)
	}
}

// TestStickyModeIsSwitched has a visitor switch it on: from then on one instance answers, from its own copy.
func TestStickyModeIsSwitched(t *testing.T) {
	d := begin(t, config{})
	for driver := range drivers {
		c := &http.Client{Jar: newJar()}
		post := func(path string, form url.Values) (*http.Response, error) { return c.PostForm(d.url+path, form) }
		if res, err := post("/session/"+driver+"/login", url.Values{"name": {"Ann"}}); err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		ask := func() (a answer) {
			res, err := c.Get(d.url + "/app/" + driver + "/session")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
				t.Fatal(err)
			}
			return a
		}
		turns := func() (apps, sources []string) {
			for range 6 {
				a := ask()
				if a.Name != "Ann" {
					t.Fatalf("%s: %+v", driver, a)
				}
				apps, sources = append(apps, a.App), append(sources, a.From)
			}
			slices.Sort(apps)
			slices.Sort(sources)
			return slices.Compact(apps), slices.Compact(sources)
		}
		if apps, from := turns(); len(apps) != 2 || !slices.Equal(from, []string{fromNodes}) {
			t.Errorf("%s, not sticky: answered by %v, sessions from %v", driver, apps, from)
		}
		if res, err := post("/sticky", url.Values{"on": {"1"}}); err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		if apps, from := turns(); len(apps) != 1 || !slices.Equal(from, []string{fromHere}) {
			t.Errorf("%s, sticky: answered by %v, sessions from %v", driver, apps, from)
		}
		mustPress(t, d, "/sticky", url.Values{"on": {"0"}})
		if apps, from := turns(); len(apps) != 2 || !slices.Equal(from, []string{fromNodes}) {
			t.Errorf("%s, not sticky again: answered by %v, sessions from %v", driver, apps, from)
		}
	}
}
