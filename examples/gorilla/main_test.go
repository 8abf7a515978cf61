package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// key is a SESSION_KEY that instances share.
const key = "0123456789abcdef0123456789abcdef"

// instance is one running process of the app.
type instance struct {
	url  string
	log  *strings.Builder
	stop func() error // as Ctrl-C does; returns how the process ended
}

// build compiles the app once for all instances of a test.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// start runs the app and returns when it listens.
func start(t *testing.T, bin, name, nodes, key string) *instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, bin)
	cmd.Env = append(os.Environ(), "PORT=0", "HOSTNAME="+name, "MEMCACHED_NODES="+nodes, "SESSION_KEY="+key)
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := &instance{log: &strings.Builder{}}
	lines := bufio.NewScanner(output)
	for in.url == "" && lines.Scan() {
		in.log.WriteString(lines.Text() + "\n")
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			in.url = url
		}
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, output)
	}()
	ended := false
	in.stop = func() error {
		if ended {
			return nil
		}
		ended = true
		_ = cmd.Process.Signal(os.Interrupt)
		<-rest
		return cmd.Wait()
	}
	t.Cleanup(func() { _ = in.stop() })
	if in.url == "" {
		t.Fatalf("the app does not listen:\n%s", in.log)
	}
	return in
}

// user is a browser that may switch between instances: cookies know no ports.
type user struct {
	t      *testing.T
	client *http.Client
}

func newUser(t *testing.T) *user {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, &http.Client{Jar: jar, Timeout: time.Minute}}
}

// page posts the form, or gets the path where there is none, and demands that
// the page that comes in the end holds the text.
func (u *user) page(in *instance, path string, form url.Values, text string) http.Header {
	u.t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = u.client.Get(in.url + path)
	} else {
		resp, err = u.client.PostForm(in.url+path, form)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
		u.t.Fatalf("%s: status %d, error %v; the page does not hold %q:\n%s", path, resp.StatusCode, err, text, body)
	}
	return resp.Header
}

// status gets the path and returns the status of the answer.
func (u *user) status(in *instance, path string) int {
	u.t.Helper()
	resp, err := u.client.Get(in.url + path)
	if err != nil {
		u.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// holder returns a node that holds a copy of the only session.
func holder(t *testing.T, env *testenv.Env) *testenv.Node {
	for _, n := range env.All() {
		if len(n.Keys()) > 0 {
			return n
		}
	}
	t.Fatal("no node holds the session")
	return nil
}

func TestTwoInstancesAndADeadNode(t *testing.T) {
	env := testenv.Start(t, 3)
	bin := build(t)
	one, two := start(t, bin, "one", env.Nodes(), key), start(t, bin, "two", env.Nodes(), key)
	u := newUser(t)
	u.page(one, "/", nil, "Hello, stranger")
	u.page(one, "/login", url.Values{"name": {"Ann & Bob"}}, "Hello, Ann &amp; Bob")
	if got := u.page(two, "/", nil, "<b>2</b> times").Get("X-Instance"); got != "two" {
		t.Errorf("answered by %q", got)
	}
	holder(t, env).Kill()
	u.page(one, "/", nil, "<b>3</b> times")
	u.page(two, "/", nil, "<b>4</b> times")
	u.page(two, "/healthz", nil, "")
	u.page(two, "/logout", url.Values{}, "Hello, stranger")
	u.page(one, "/", nil, "Hello, stranger")
	for _, in := range []*instance{one, two} {
		if err := in.stop(); err != nil {
			t.Errorf("the app ended with %v", err)
		}
	}
}

func TestWithoutNodesOfItsOwn(t *testing.T) {
	bin := build(t)
	in := start(t, bin, "alone", "", "")
	if !strings.Contains(in.log.String(), "MEMCACHED_NODES is not set") {
		t.Errorf("it does not say where the sessions are:\n%s", in.log)
	}
	if !strings.Contains(in.log.String(), "SESSION_KEY is not set") {
		t.Errorf("it does not say what signs the cookies:\n%s", in.log)
	}
	u := newUser(t)
	u.page(in, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	u.page(in, "/", nil, "<b>2</b> times")
	u.page(in, "/healthz", nil, "")

	// A restarted app has another key: whom it does not know any more is a stranger, and can log in
	// again.
	again := start(t, bin, "again", "", "")
	u.page(again, "/", nil, "Hello, stranger")
	u.page(again, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	u.page(again, "/logout", url.Values{}, "Hello, stranger")
	if err := in.stop(); err != nil {
		t.Errorf("the app ended with %v", err)
	}
}

func TestOutage(t *testing.T) {
	env := testenv.Start(t, 2)
	in := start(t, build(t), "one", env.Nodes(), key)
	u := newUser(t)
	u.page(in, "/login", url.Values{"name": {"Ann"}}, "Hello, Ann")
	env.Node(0).Pause()
	env.Node(1).Pause()
	for _, path := range []string{"/", "/healthz"} {
		if got := u.status(in, path); got != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d during an outage", path, got)
		}
	}
	resp, err := u.client.PostForm(in.url+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/logout: status %d during an outage: its user would believe to be out", resp.StatusCode)
	}
	env.Node(0).Resume()
	env.Node(1).Resume()
	for limit := time.Now().Add(30 * time.Second); u.status(in, "/") != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the app does not see that the nodes are back")
		}
	}
	u.page(in, "/healthz", nil, "")
	u.page(in, "/", nil, "Hello, Ann")
}

func TestKeyThatIsTooShort(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), build(t))
	cmd.Env = append(os.Environ(), "PORT=0", "SESSION_KEY=hunter2")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SESSION_KEY: ") || strings.Contains(string(out), "hunter2") {
		t.Errorf("%v\n%s", err, out)
	}
}
