// Package rollout does to containers of one machine what Kubernetes does to the pods of examples/kubernetes in a
// rolling update, and asks users who were away meanwhile whether they are still logged in.
//
//	go test -count=1 ./test/rollout -rollout
package rollout

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var wanted = flag.Bool("rollout", false, "run the rolling update on the Docker engine; some three minutes")

const (
	patience   = 3 * time.Minute // ends a test that hangs, and measures nothing
	minReady   = 10 * time.Second
	idleUsers  = 60
	busyUsers  = 4
	pause      = 20 * time.Millisecond // between two requests of a busy user
	graceDrain = "570s"
)

// apps are the instances, as seen from here.
var apps = []string{"http://127.0.0.1:18091/", "http://127.0.0.1:18092/"}

// stack is compose.yaml, brought up.
type stack struct {
	t       *testing.T
	command []string
	keys    string
}

func up(t *testing.T) *stack {
	if !*wanted {
		t.Skip("skipped: brings up containers for minutes; -rollout runs it")
	}
	s := &stack{t: t}
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
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	s.keys = base64.StdEncoding.EncodeToString(key)
	s.images()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", s.compose("logs", "--tail=40"))
		}
		s.compose("down", "--volumes", "--timeout", "2")
	})
	s.compose("up", "-d", "--no-build")
	return s
}

// images makes the images from this machine's memcached and from this tree.
func (s *stack) images() {
	s.t.Helper()
	s.run(exec.Command("sh", "../../examples/compose/local-images"))
	dir := s.t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "holdfast"), "../../cmd/holdfast")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	s.run(build)
	s.run(exec.Command("sh", "-c", "tar -C '"+dir+"' -c holdfast | docker import -c 'ENTRYPOINT [\"/holdfast\"]' -c 'USER 65534' - holdfast-command:latest"))
}

func (s *stack) run(cmd *exec.Cmd) string {
	s.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// compose runs one command of the compose tool and returns what it printed.
func (s *stack) compose(args ...string) string {
	s.t.Helper()
	args = append(append(s.command[1:len(s.command):len(s.command)], "-p", fmt.Sprintf("holdfast-rollout-%d", os.Getpid())), args...)
	cmd := exec.Command(s.command[0], args...)
	cmd.Env = append(os.Environ(), "SEAL_KEYS="+s.keys)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

// isReady asks the readiness probe of a node.
func isReady(n int) bool {
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/ready", 18080+n))
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// user is somebody with a browser.
type user struct {
	name   string
	client *http.Client
	visits int
}

func newUser(name string) *user {
	jar, _ := cookiejar.New(nil)
	return &user{name: name, client: &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

func (u *user) logIn(app string) error {
	res, err := u.client.PostForm(app+"login", url.Values{"name": {u.name}})
	if err == nil {
		res.Body.Close()
	}
	return err
}

// visit opens the page. The error says what is not as this user left it.
func (u *user) visit(app string) error {
	u.visits++
	res, err := u.client.Get(app)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	want := fmt.Sprintf("been here <b>%d</b> time", u.visits)
	if res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("Hello, "+u.name)) || !bytes.Contains(body, []byte(want)) {
		return fmt.Errorf("the page should greet %s and say %q, it is %s:\n%s", u.name, want, res.Status, body)
	}
	return nil
}

// crowd are users at work on both instances, until the test ends.
type crowd struct {
	wg       sync.WaitGroup
	stop     chan struct{}
	requests atomic.Int64
	failed   atomic.Int64
	first    atomic.Pointer[error]
}

func begin(t *testing.T, users int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for i := range users {
		u := newUser(fmt.Sprint("busy", i))
		if err := u.logIn(apps[0]); err != nil {
			t.Fatal(err)
		}
		c.wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-c.stop:
					return
				case <-time.After(pause):
				}
				c.requests.Add(1)
				if err := u.visit(apps[n%len(apps)]); err != nil {
					c.failed.Add(1)
					c.first.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	return c
}

func (c *crowd) end(t *testing.T) {
	close(c.stop)
	c.wg.Wait()
	if n := c.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", n, c.requests.Load(), *c.first.Load())
	}
	t.Logf("%d requests of users at work, none failed", c.requests.Load())
}

// A rolling update, as docs/kubernetes.md tells it: the hook of the node with the highest number drains it,
// holdfast and memcached are stopped, the pod begins anew and empty, it is ready when it is whole, and so on.
func TestARollingUpdateLosesNobody(t *testing.T) {
	s := up(t)
	for n := range 3 {
		eventually(t, fmt.Sprintf("memcached-%d is ready", n), func() bool { return isReady(n) })
	}
	for _, app := range apps {
		eventually(t, app+" answers", func() bool {
			res, err := http.Get(app + "healthz")
			if err == nil {
				res.Body.Close()
			}
			return err == nil && res.StatusCode == http.StatusOK
		})
	}
	var away []*user
	for i := range idleUsers {
		u := newUser(fmt.Sprint("idle", i))
		if err := u.logIn(apps[i%2]); err != nil {
			t.Fatal(err)
		}
		if err := u.visit(apps[i%2]); err != nil {
			t.Fatal(err)
		}
		away = append(away, u)
	}
	busy := begin(t, busyUsers)
	for n := 2; n >= 0; n-- {
		memcached, holdfast := fmt.Sprint("memcached-", n), fmt.Sprint("holdfast-", n)
		began := time.Now()
		t.Logf("preStop: %s", s.compose("exec", "-T", holdfast, "/holdfast", "drain", "--timeout", graceDrain))
		drained := time.Since(began)
		s.compose("stop", holdfast)
		s.compose("stop", memcached)
		s.compose("rm", "-f", memcached, holdfast) // its memory and its address are gone
		s.compose("up", "-d", "--no-build", "--no-deps", memcached)
		s.compose("up", "-d", "--no-build", "--no-deps", holdfast)
		eventually(t, memcached+" is ready", func() bool { return isReady(n) })
		t.Logf("%s: drained in %v, ready again %v after its hook was called", memcached, drained.Round(time.Second), time.Since(began).Round(time.Second))
		time.Sleep(minReady)
	}
	busy.end(t)
	lost := 0
	for i, u := range away {
		if err := u.visit(apps[(i+1)%2]); err != nil {
			lost++
			t.Error(err)
		}
	}
	t.Logf("%d of %d idle users are logged out", lost, len(away))
	status := s.compose("exec", "-T", "holdfast-0", "/holdfast", "status")
	t.Logf("%s", status)
}
