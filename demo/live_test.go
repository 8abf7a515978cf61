package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// limit ends a wait for something that must come.
const limit = 2 * time.Minute

// begin starts a demo for a test.
func begin(t *testing.T, cfg config) *demo {
	t.Helper()
	t.Setenv(testenv.NodesVariable, "") // the demo breaks its nodes: it needs its own
	if cfg.addr == "" {
		cfg.addr = "127.0.0.1:0"
	}
	d, err := start(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// now reads what the page tells the world.
func now(t *testing.T, d *demo) (s state) {
	t.Helper()
	res, err := http.Get(d.url + "/api/state")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// until waits for what must come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// press presses a button as the page's script does not: with the status of an API.
func press(t *testing.T, d *demo, path string, form url.Values) (status int, message string) {
	t.Helper()
	res, err := http.PostForm(d.url+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Message string }
	_ = json.Unmarshal(b, &said)
	return res.StatusCode, said.Message
}

// TestFaultsLoseNothing has users work while one thing after the other goes wrong.
// With HOLDFAST_LIVE=2m it goes on for two minutes, with HOLDFAST_LIVE_USERS users.
func TestFaultsLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	users, _ := strconv.Atoi(os.Getenv("HOLDFAST_LIVE_USERS"))
	if users == 0 {
		users = 16
	}
	took, _ := time.ParseDuration(os.Getenv("HOLDFAST_LIVE"))
	d := begin(t, config{users: users, faults: true})
	end := time.Now().Add(took)
	var s state
	until(t, "faults that cost the one-copy store something", func() bool {
		s = now(t, d)
		return s.Holdfast.SessionsLost+s.Holdfast.ChangesLost > 0 ||
			s.Broken >= 3 && s.OneCopy.SessionsLost > 0 && time.Now().After(end)
	})
	d.faults.Store(false)
	s = now(t, d)
	if s.Holdfast.SessionsLost > 0 || s.Holdfast.ChangesLost > 0 || s.Holdfast.LogoutsUndone > 0 {
		for _, e := range slices.Backward(s.Log) {
			t.Logf("%s %-7s %s %s\n\t%s", e.Time.Format("15:04:05.000"), e.Kind, e.Text, e.Excuse, strings.Join(e.Detail, "\n\t"))
		}
		if s.Holdfast.Losses == s.Holdfast.Excused {
			t.Skipf("this machine is too busy to tell: each time something was lost, a healthy node had not answered within %v while another was broken. With holdfast: %+v",
				patienceWithNodes, s.Holdfast)
		}
		t.Errorf("with holdfast: %+v", s.Holdfast)
	}
	t.Logf("%d users, %d faults. With holdfast: %+v. Without: %+v", s.Users, s.Broken, s.Holdfast, s.OneCopy)
}

func TestWrongButtonsAreRefusedWithAReason(t *testing.T) {
	d := begin(t, config{})
	for _, step := range []struct {
		path   string
		form   url.Values
		status int
		says   string
	}{
		{"/nodes/n1/resume", nil, 409, "n1 does not hang"},
		{"/nodes/n1/hang", nil, 200, ""},
		{"/nodes/n1/hang", nil, 409, "hangs already"},
		{"/rolling/start", nil, 409, "n1 hangs, and would be missing"},
		{"/nodes/n2/kill", nil, 200, ""},
		{"/nodes/n2/kill", nil, 409, "is down already"},
		{"/nodes/n2/hang", nil, 409, "cannot hang"},
		{"/nodes/n3/kill", nil, 409, "last node that is up"},
		{"/rolling/start", nil, 409, "Let it go on first"},
		{"/nodes/n3/hang", nil, 409, "last node that is up"},
		{"/nodes/n3/remove", nil, 409, "last node that is up"},
		{"/nodes/n1/resume", nil, 200, ""},
		{"/nodes/n2/restart", nil, 200, ""},
		{"/nodes", url.Values{"id": {"n1"}}, 409, "part of the cluster already"},
		{"/nodes", url.Values{"id": {"n9"}}, 409, "get their names here"},
		{"/nodes/n1/remove", nil, 200, ""},
		{"/nodes/n2/remove", nil, 409, "last two regular nodes"},
		{"/nodes/n1/kill", nil, 404, `no node "n1"`},
		{"/nodes", url.Values{"id": {"n1"}}, 200, ""},
		{"/nodes", url.Values{"standby": {"1"}}, 200, ""},
		{"/nodes", nil, 200, ""},
		{"/nodes", nil, 200, ""},
		{"/nodes", nil, 409, "no room"},
		{"/nodes/n3/cut", url.Values{"app": {"scs-1"}}, 200, ""},
		{"/nodes/n3/cut", url.Values{"app": {"scs-1"}}, 409, "cut off from n3 already"},
		{"/rolling/start", nil, 409, "Reconnect them first"},
		{"/nodes/n3/heal", url.Values{"app": {"scs-2"}}, 409, "not cut off"},
		{"/nodes/n3/heal", url.Values{"app": {"scs-1"}}, 200, ""},
		{"/nodes/n3/cut", nil, 404, "no app instance"},
		{"/apps/scs-1/start", nil, 409, "runs already"},
		{"/apps/scs-1/kill", nil, 200, ""},
		{"/apps/scs-1/kill", nil, 409, "is down already"},
		{"/apps/scs-2/kill", nil, 409, "last instance of its app"},
		{"/apps/scs-1/start", nil, 200, ""},
		{"/apps/scs-9/kill", nil, 404, "no app instance"},
		{"/apps/scs-1/explode", nil, 404, "no button"},
		{"/nodes/n1/explode", nil, 404, "no button"},
		{"/users", url.Values{"n": {"many"}}, 409, "from 0 to 500"},
		{"/users", url.Values{"n": {"501"}}, 409, "from 0 to 500"},
		{"/users", url.Values{"n": {"2"}}, 200, ""},
		{"/users", url.Values{"n": {"0"}}, 200, ""},
		{"/faults", url.Values{"on": {"1"}}, 200, ""},
		{"/rolling/start", nil, 409, "Switch them off first"},
		{"/faults", url.Values{"on": {"0"}}, 200, ""},
		{"/rolling/cancel", nil, 409, "No rolling restart is under way"},
		{"/rolling/explode", nil, 404, "no button"},
	} {
		status, said := press(t, d, step.path, step.form)
		if status != step.status || !strings.Contains(said, step.says) {
			t.Errorf("%s %v: %d %q, want %d %q", step.path, step.form, status, said, step.status, step.says)
		}
	}
}

func TestOnlyThisPagePressesItsButtons(t *testing.T) {
	d := begin(t, config{})
	for name, change := range map[string]func(*http.Request){
		"another site":           func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port":           func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"an origin of elsewhere": func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		"a name that rebinds":    func(r *http.Request) { r.Host = "example.com:80" },
	} {
		for _, path := range []string{"/nodes/n1/kill", "/app/scs/login", "/session/scs/login", "/users", "/faults", "/rolling/start"} {
			r, err := http.NewRequest(http.MethodPost, d.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("POST %s from %s: %s", path, name, res.Status)
			}
		}
	}
	if s := now(t, d); s.Broken > 0 {
		t.Errorf("%d faults were made", s.Broken)
	}
	// What the page shows is for nobody else either.
	for host, served := range map[string]bool{
		"example.com:80": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "": false,
		"127.0.0.1": true, "localhost:8088": true, "[::1]:8088": true,
	} {
		for _, path := range []string{"/", "/live", "/api/state", "/app/scs/session"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			d.handler().ServeHTTP(w, r)
			if (w.Code == http.StatusOK) != served {
				t.Errorf("GET %s of host %q: %d", path, host, w.Code)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("GET %s is open to others", path)
			}
		}
	}
}

func TestATakenPortIsNoObstacle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d := begin(t, config{addr: l.Addr().String()})
	if strings.HasSuffix(d.url, l.Addr().String()) {
		t.Errorf("the page is at %s, where somebody else listens", d.url)
	}
	now(t, d)
	if _, err := start(t, config{addr: "8088"}); err == nil || !strings.Contains(err.Error(), "127.0.0.1:8088") {
		t.Errorf(`-addr 8088: %v, want an error that shows the form`, err)
	}
}

// TestNodesThatRunElsewhere points the demo at nodes that are not its own.
func TestNodesThatRunElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	t.Setenv(testenv.NodesVariable, "")
	env := testenv.Start(t, 3)
	d := begin(t, config{users: 3, getenv: func(name string) string {
		if name == "MEMCACHED_NODES" {
			return env.Nodes()
		}
		return ""
	}})
	for _, path := range []string{"/nodes/n1/kill", "/nodes", "/nodes/n1/remove", "/rolling/start"} {
		if status, said := press(t, d, path, nil); status != http.StatusConflict || !strings.Contains(said, "elsewhere") {
			t.Errorf("%s: %d %q", path, status, said)
		}
	}
	if status, said := press(t, d, "/apps/scs-1/kill", nil); status != http.StatusOK {
		t.Errorf("an app can be killed all the same: %d %s", status, said)
	}
	env.Node(0).Kill()
	until(t, "n1 seen as down", func() bool { return now(t, d).Nodes[0].State == "down" })
	until(t, "a request of every user who works", func() bool { s := now(t, d); return s.Exposed == s.AtRest })
	res, err := http.Get(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "They run elsewhere") || strings.Contains(string(page), `action="/nodes/n1/kill"`) {
		t.Error("the page has buttons for nodes that it cannot break, or does not say why it has none")
	}
	if s := now(t, d); s.Holdfast.SessionsLost+s.Holdfast.ChangesLost > 0 {
		t.Errorf("%+v", s.Holdfast)
	}
}

// TestADrainingNodeSaysSo has an operator drain a node, and take it into use again.
func TestADrainingNodeSaysSo(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: nodes drain for seconds")
	}
	d := begin(t, config{users: 3})
	until(t, "whole nodes", func() bool { return !slices.ContainsFunc(now(t, d).Nodes, func(n nodeState) bool { return !n.Whole }) })
	operator := d.apps[0].sessions()
	if err := operator.Drain(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	until(t, "a card that says so", func() bool {
		n := now(t, d).Nodes[0]
		return n.Draining && !n.Whole && newCard(n).Fill == "draining"
	})
	if err := operator.Undrain(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	until(t, "n1 whole again", func() bool { n := now(t, d).Nodes[0]; return n.Whole && !n.Draining })
}

// TestANodeThatEndsByItself kills a node's process behind the page's back.
func TestANodeThatEndsByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	d := begin(t, config{users: 4})
	pid := d.nodes.env.ByID("n1").PID()
	if pid == 0 {
		t.Skip("memcached is not installed: the nodes are no processes")
	}
	until(t, "four sessions", func() bool { s := now(t, d); return s.Holdfast.Requests > 20 && s.Exposed == 0 })
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the journal tells", func() bool {
		return slices.ContainsFunc(now(t, d).Log, func(e entry) bool { return strings.Contains(e.Text, "n1 ended, and by none of these buttons") })
	})
	if s := now(t, d); s.Nodes[0].State != "down" || s.Broken != 1 {
		t.Errorf("n1 is %s, and there were %d faults", s.Nodes[0].State, s.Broken)
	}
	if status, said := press(t, d, "/nodes/n1/restart", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, said)
	}
	until(t, "n1 in use", func() bool { return d.watch.settled() })
	if status, said := press(t, d, "/nodes/n1/kill", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, said)
	}
	until(t, "n1 missed", func() bool {
		s := now(t, d)
		return strings.Contains(s.Log[0].Text, "Every app knows that n1 does not answer") || s.Exposed == s.AtRest && d.watch.settled()
	})
	if n := now(t, d).Broken; n != 2 {
		t.Errorf("%d faults, one by itself and one by a button", n)
	}
}
