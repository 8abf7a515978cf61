package main

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

// TestAppsThatRunElsewhere has app instances and nodes outside of the page, as
// containers are, and takes them away one after the other.
func TestAppsThatRunElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	t.Setenv(testenv.NodesVariable, "")
	env := testenv.Start(t, 3)
	getenv := func(name string) string {
		return map[string]string{"MEMCACHED_NODES": env.Nodes(), "SESSION_KEY": strings.Repeat("k", 32)}[name]
	}
	var apps []string
	addrs, kill := map[string]string{}, map[string]func(){}
	serve := func(name, addr string) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- serveApp(ctx, name, addr, false, getenv) }()
		kill[name] = func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			delete(kill, name)
		}
	}
	for _, name := range []string{"gorilla-1", "gorilla-2", "scs-1", "scs-2"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[name] = l.Addr().String()
		_ = l.Close()
		serve(name, addrs[name])
		apps = append(apps, name+"=http://"+addrs[name])
	}
	t.Cleanup(func() {
		for _, end := range kill {
			end()
		}
	})
	d := begin(t, config{users: 6, getenv: getenv, apps: strings.Join(apps, ",")})
	up := func(name string) bool {
		i := slices.IndexFunc(now(t, d).Apps, func(a appState) bool { return a.Name == name })
		return i >= 0 && now(t, d).Apps[i].Up
	}
	said := func(text string) bool {
		return slices.ContainsFunc(now(t, d).Log, func(e entry) bool { return strings.Contains(e.Text, text) })
	}
	for name := range addrs {
		until(t, name+" up", func() bool { return up(name) })
	}
	until(t, "copies of six sessions", func() bool {
		sum := 0
		for _, n := range now(t, d).Nodes {
			sum += n.Copies
		}
		return sum == 12
	})
	if status, says := press(t, d, "/apps/scs-1/kill", nil); status != http.StatusConflict || !strings.Contains(says, "elsewhere") {
		t.Errorf("%d %q", status, says)
	}
	kill["scs-1"]()
	until(t, "scs-1 is missed", func() bool { return !up("scs-1") && said("scs-1 does not answer any more") })
	env.Node(0).Kill()
	until(t, "n1 is missed", func() bool { return said("n1 does not answer any more, and every app knows that") })
	until(t, "a request of every user who works", func() bool { s := now(t, d); return s.Exposed == s.AtRest })
	serve("scs-1", addrs["scs-1"])
	until(t, "scs-1 is back", func() bool { return up("scs-1") && said("scs-1 answers again") })
	env.Node(0).Restart()
	until(t, "n1 is back", func() bool { return said("n1 answers again") })
	until(t, "two copies of idle users' sessions too", func() bool { return now(t, d).Exposed == 0 })
	if s := now(t, d); s.Holdfast.SessionsLost+s.Holdfast.ChangesLost > 0 || s.Broken != 2 {
		t.Errorf("%d faults, with holdfast: %+v", s.Broken, s.Holdfast)
	}
}

func TestMisspeltAppsAreExplained(t *testing.T) {
	for list, says := range map[string]string{
		"scs-1":                                 "has not the form",
		"php-1=http://127.0.0.1:1":              "has not the form",
		"scs-1=127.0.0.1:1":                     "has not the form",
		"scs-1=http://a:1,scs-1=http://b:1":     "in the list twice",
		"scs-1=http://a:1,gorilla-1=http://b:1": "set MEMCACHED_NODES",
	} {
		if _, err := start(t, config{addr: "127.0.0.1:0", apps: list}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("-apps %s: %v, want an error that says %q", list, err, says)
		}
	}
	for name, says := range map[string]string{"php-1": "scs-1 or gorilla-2", "gorilla-1": "SESSION_KEY", "scs-1": "MEMCACHED_NODES"} {
		if err := serveApp(t.Context(), name, "127.0.0.1:0", false, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("-app %s: %v, want an error that says %q", name, err, says)
		}
	}
}
