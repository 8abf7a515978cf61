// Package compose_test brings the compose files up as their readers would, kills what
// can be killed, and looks at the page through the proxy meanwhile.
package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the test waits for a thing to come about. It ends a test that
// hangs, and measures nothing.
const patience = 90 * time.Second

const page = "http://127.0.0.1:8080/"

// stack is the compose file, brought up under a project name of its own.
type stack struct {
	t       *testing.T
	command []string
	root    string
	file    string // in root
	project string
	env     []string // nil: that of the test
	options []string
}

// up brings up the nodes and what belongs to the profile, whose page is on that port.
func up(t *testing.T, profile, port string) *stack {
	s := prepared(t, port, "11211", "11212", "11213")
	s.options = []string{"--profile", profile}
	s.removeInTheEnd()
	s.compose("up", "-d", "--no-build")
	return s
}

// prepared makes the images, where there is an engine and the ports are free.
func prepared(t *testing.T, ports ...string) *stack {
	if testing.Short() {
		t.Skip("brings up containers: not in a short run")
	}
	s := &stack{t: t, file: "docker-compose.yml", project: fmt.Sprintf("holdfast-test-%d", os.Getpid())}
	switch {
	case exec.Command("docker", "info").Run() != nil:
		t.Skip("skipped: no Docker engine answers on this machine (docker info fails)")
	case exec.Command("docker", "compose", "version").Run() == nil:
		s.command = []string{"docker", "compose"}
	case exec.Command("docker-compose", "version").Run() == nil:
		s.command = []string{"docker-compose"}
	default:
		t.Skip("skipped: there is a Docker engine, but neither docker compose nor docker-compose")
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Skipf("skipped: port %s, which the compose file publishes, is taken: %v", port, err)
		}
		l.Close()
	}
	var err error
	if s.root, err = filepath.Abs("../.."); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("haproxy"); err != nil && exec.Command("docker", "image", "inspect", "haproxy:lts").Run() != nil {
		t.Skip("skipped: there is no haproxy, neither as an image nor as a program to make one from")
	}
	if err := images(); err != nil {
		t.Fatal(err)
	}
	return s
}

// images makes the images, once for all tests.
var images = sync.OnceValue(func() error {
	if out, err := exec.Command("sh", "local-images").CombinedOutput(); err != nil {
		return fmt.Errorf("making the images: %w\n%s", err, out)
	}
	return nil
})

func (s *stack) removeInTheEnd() {
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("%s", s.compose("logs", "--tail=40"))
		}
		s.compose("down", "--volumes", "--timeout", "2")
	})
}

// compose runs one command of the compose tool and returns what it printed.
func (s *stack) compose(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = slices.Concat(s.command[1:], []string{"-f", s.file, "-p", s.project}, s.options, args)
	cmd := exec.CommandContext(ctx, s.command[0], args...)
	cmd.Dir, cmd.Env = s.root, s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// healthy waits until the service's health check passes.
func (s *stack) healthy(service string) {
	s.t.Helper()
	eventually(s.t, service+" is healthy", func() bool {
		id := strings.TrimSpace(s.compose("ps", "-q", service))
		out, err := exec.Command("docker", "inspect", "-f", "{{.State.Health.Status}}", id).Output()
		return err == nil && strings.TrimSpace(string(out)) == "healthy"
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

// answers waits until an app answers behind the proxy.
func answers(t *testing.T, page string) {
	t.Helper()
	eventually(t, "an app answers at "+page, func() bool {
		res, err := http.Get(page)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// user is somebody with a browser in front of the proxy.
type user struct {
	t      *testing.T
	page   string
	client *http.Client
	visits int
}

// logIn has a new user log in.
func logIn(t *testing.T, page string) *user {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	u := &user{t: t, page: page, client: &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
	res, err := u.client.PostForm(page+"login", url.Values{"name": {"ann"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return u
}

// visit opens the page and demands that it still knows the user.
func (u *user) visit() (instance string) {
	u.t.Helper()
	instance, why := u.open()
	if why != "" {
		u.t.Fatal(why)
	}
	return instance
}

// sees opens the page as visit does, in a goroutine of its own.
func (u *user) sees() bool {
	_, why := u.open()
	if why != "" {
		u.t.Error(why)
	}
	return why == ""
}

// open opens the page, and says what is wrong with it; empty: nothing.
func (u *user) open() (instance, why string) {
	u.visits++
	res, err := u.client.Get(u.page)
	if err != nil {
		return "", err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	times := "times"
	if u.visits == 1 {
		times = "time"
	}
	want := fmt.Sprintf("been here <b>%d</b> %s", u.visits, times)
	if res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("Hello, ann")) || !bytes.Contains(body, []byte(want)) {
		return "", fmt.Sprintf("the page should greet ann and say %q, it is %s:\n%s", want, res.Status, body)
	}
	return res.Header.Get("X-Instance"), ""
}

// status is what the proxy answers to the user at that path.
func (u *user) status(path string) int {
	u.t.Helper()
	res, err := u.client.Get(u.page + path)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func TestASessionSurvivesEveryContainerInTurn(t *testing.T) {
	s := up(t, "app", "8080")
	answers(t, page)
	ann := logIn(t, page)
	seen := map[string]bool{}
	eventually(t, "both instances have answered", func() bool {
		seen[ann.visit()] = true
		return len(seen) == 2
	})
	for _, node := range []string{"memcached-1", "memcached-2", "memcached-3"} {
		s.compose("kill", node)
		ann.visit()
		ann.visit()
		s.compose("up", "-d", "--no-build", node)
		s.healthy(node)
		ann.visit()
	}
	s.compose("kill", "app-1")
	for range 4 {
		if instance := ann.visit(); instance != "app-2" {
			t.Errorf("%s answered after app-1 was killed", instance)
		}
	}
}

// TestTheDemoOnContainers looks at the live demo's page while nodes and app instances,
// which are containers of their own, are taken from it.
func TestTheDemoOnContainers(t *testing.T) {
	s := up(t, "demo", "8088")
	var now struct {
		Users, Exposed, ExposedIdle, FaultsSoFar int
		Nodes                                    []struct {
			State  string
			Copies int
		}
		Apps []struct {
			Name string
			Up   bool
		}
		Holdfast, OneCopy struct{ Requests, SessionsLost, ChangesLost int }
	}
	look := func() bool {
		res, err := http.Get("http://127.0.0.1:8088/api/state")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return json.NewDecoder(res.Body).Decode(&now) == nil
	}
	apps := func(want int) func() bool {
		return func() bool {
			n := 0
			for i := range now.Apps {
				if look() && now.Apps[i].Up {
					n++
				}
			}
			return look() && n == want
		}
	}
	everyone := func() bool { return look() && now.Holdfast.Requests > 100 && now.Exposed == 0 }
	working := func() bool { return look() && now.Exposed == now.ExposedIdle }
	eventually(t, "the page answers", look)
	eventually(t, "four app instances", apps(4))
	eventually(t, "a request of everyone", everyone)
	for i, node := range []string{"memcached-1", "memcached-2", "memcached-3"} {
		s.compose("kill", node)
		eventually(t, node+" is missed", func() bool { return look() && now.Nodes[i].State == "down" })
		eventually(t, "a request of everyone who works", working)
		s.compose("up", "-d", "--no-build", "--no-deps", node)
		eventually(t, node+" is in use again", func() bool { return look() && now.Nodes[i].State == "up" && now.Nodes[i].Copies > 0 })
		eventually(t, "two copies of every session", everyone)
	}
	s.compose("kill", "scs-1")
	eventually(t, "scs-1 is missed", apps(3))
	eventually(t, "a request of everyone", everyone)
	s.compose("up", "-d", "--no-build", "--no-deps", "scs-1")
	eventually(t, "four app instances again", apps(4))
	if now.Holdfast.SessionsLost > 0 || now.Holdfast.ChangesLost > 0 || now.FaultsSoFar != 4 {
		t.Errorf("%+v", now)
	}
	if now.OneCopy.SessionsLost == 0 {
		t.Errorf("with one copy, three nodes killed in turn: %+v", now.OneCopy)
	}
	res, err := http.Get("http://127.0.0.1:8088/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if !bytes.Contains(body, []byte("They run elsewhere")) || bytes.Contains(body, []byte(">Kill<")) {
		t.Error("the page has buttons for what it cannot break, or does not say why it has none")
	}
}
