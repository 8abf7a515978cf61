// Package webtest runs an example app as its readers do, each instance in a process of
// its own, and visits its pages as a browser does.
package webtest

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
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// Instance is one running process of the app.
type Instance struct {
	URL  string
	Log  string       // what it said before it listened
	Stop func() error // as Ctrl-C does; returns how the process ended
}

// Build compiles the app in the test's folder, once for all instances of a test. It skips
// the test in a short run: compiling and linking takes seconds.
func Build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the app and runs processes of it: not in a short run")
	}
	bin := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// Start runs the app with that name and those variables, and returns when it listens.
func Start(t *testing.T, bin, name string, variables ...string) *Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, bin)
	cmd.Env = append(append(os.Environ(), "PORT=0", "HOSTNAME="+name), variables...)
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := &Instance{}
	lines := bufio.NewScanner(output)
	for in.URL == "" && lines.Scan() {
		in.Log += lines.Text() + "\n"
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			in.URL = url
		}
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, output)
	}()
	ended := false
	in.Stop = func() error {
		if ended {
			return nil
		}
		ended = true
		_ = cmd.Process.Signal(os.Interrupt)
		<-rest
		return cmd.Wait()
	}
	t.Cleanup(func() { _ = in.Stop() })
	if in.URL == "" {
		t.Fatalf("the app does not listen:\n%s", in.Log)
	}
	return in
}

// User is a browser that may switch between instances: cookies know no ports.
type User struct {
	t      *testing.T
	client *http.Client
}

// NewUser returns a browser without cookies.
func NewUser(t *testing.T) *User {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &User{t, &http.Client{Jar: jar, Timeout: time.Minute}}
}

// Page posts the form, or gets the path where there is none, and demands that
// the page that comes in the end holds the text.
func (u *User) Page(in *Instance, path string, form url.Values, text string) http.Header {
	u.t.Helper()
	status, header, body := u.ask(in, path, form)
	if status != http.StatusOK || !strings.Contains(body, text) {
		u.t.Fatalf("%s: status %d; the page does not hold %q:\n%s", path, status, text, body)
	}
	return header
}

// Status does the same and returns the status of the answer.
func (u *User) Status(in *Instance, path string, form url.Values) int {
	u.t.Helper()
	status, _, _ := u.ask(in, path, form)
	return status
}

func (u *User) ask(in *Instance, path string, form url.Values) (int, http.Header, string) {
	u.t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = u.client.Get(in.URL + path)
	} else {
		resp, err = u.client.PostForm(in.URL+path, form)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatalf("%s: %v", path, err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// TwoInstancesAndADeadNode has a user move between two instances while one of the nodes
// that hold the session dies.
func TwoInstancesAndADeadNode(t *testing.T, variables ...string) {
	bin := Build(t)
	env := testenv.Start(t, 3)
	variables = append(variables, "MEMCACHED_NODES="+env.Nodes())
	one, two := Start(t, bin, "one", variables...), Start(t, bin, "two", variables...)
	u := NewUser(t)
	u.Page(one, "/", nil, "Hello, stranger")
	u.Page(one, "/login", url.Values{"name": {"Ann & Bob"}}, "Hello, Ann &amp; Bob")
	if got := u.Page(two, "/", nil, "<b>2</b> times").Get("X-Instance"); got != "two" {
		t.Errorf("answered by %q", got)
	}
	holder(t, env).Kill()
	u.Page(one, "/", nil, "<b>3</b> times")
	u.Page(two, "/", nil, "<b>4</b> times")
	u.Page(two, "/healthz", nil, "")
	u.Page(two, "/logout", url.Values{}, "Hello, stranger")
	u.Page(one, "/", nil, "Hello, stranger")
	for _, in := range []*Instance{one, two} {
		if err := in.Stop(); err != nil {
			t.Errorf("the app ended with %v", err)
		}
	}
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

// Outage has all nodes hang under a user who is logged in, and calls while during it.
func Outage(t *testing.T, while func(u *User, in *Instance), variables ...string) {
	bin := Build(t)
	env := testenv.Start(t, 2)
	in := Start(t, bin, "one", append(variables, "MEMCACHED_NODES="+env.Nodes())...)
	u := NewUser(t)
	u.Page(in, "/login", url.Values{"name": {"Ann"}}, "Hello, Ann")
	env.Node(0).Pause()
	env.Node(1).Pause()
	for _, path := range []string{"/", "/healthz"} {
		if got := u.Status(in, path, nil); got != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d during an outage", path, got)
		}
	}
	while(u, in)
	env.Node(0).Resume()
	env.Node(1).Resume()
	for limit := time.Now().Add(30 * time.Second); u.Status(in, "/", nil) != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the app does not see that the nodes are back")
		}
	}
	u.Page(in, "/healthz", nil, "")
	u.Page(in, "/", nil, "Hello, Ann")
}

// Sticky has all nodes die under a user who stays on one instance, and come back empty. Then the user moves
// to another instance.
func Sticky(t *testing.T, variables ...string) {
	bin := Build(t)
	env := testenv.Start(t, 3)
	variables = append(variables, "STICKY=true", "MEMCACHED_NODES="+env.Nodes())
	one, two := Start(t, bin, "one", variables...), Start(t, bin, "two", variables...)
	u := NewUser(t)
	u.Page(one, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	for _, n := range env.All() {
		n.Kill()
	}
	u.Page(one, "/", nil, "<b>2</b> times")
	u.Page(one, "/", nil, "<b>3</b> times")
	for _, n := range env.All() {
		n.Restart()
	}
	for limit := time.Now().Add(30 * time.Second); u.Status(one, "/healthz", nil) != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the app does not see that the nodes are back")
		}
	}
	if err := one.Stop(); err != nil {
		t.Errorf("the app ended with %v", err)
	}
	u.Page(two, "/", nil, "<b>4</b> times")
}

// Devices has a user log in on three devices, look at them on another instance, log out on one of them,
// and then on all others.
func Devices(t *testing.T, env ...string) {
	bin := Build(t)
	nodes := testenv.Start(t, 3)
	env = append([]string{"MEMCACHED_NODES=" + nodes.Nodes()}, env...)
	one, two := Start(t, bin, "one", env...), Start(t, bin, "two", env...)
	here, phone, tablet, stranger := NewUser(t), NewUser(t), NewUser(t), NewUser(t)
	for _, u := range []*User{here, phone, tablet} {
		u.Page(one, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	}
	stranger.Page(one, "/devices", nil, "Hello, stranger")
	stranger.Page(one, "/devices/others", url.Values{}, "Hello, stranger")
	stranger.Page(one, "/login", url.Values{"name": {"Bob"}}, "<b>1</b> time.")
	_, _, body := here.ask(two, "/devices", nil)
	refs := regexp.MustCompile(`name="ref" value="([^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(refs) != 2 || strings.Count(body, "this one") != 1 || strings.Count(body, "Go-http-client/1.1 at ") != 3 {
		t.Fatalf("not three devices, one of them this one:\n%s", body)
	}
	stranger.Page(one, "/devices/end", url.Values{"ref": {refs[0][1]}}, "1 session of Bob")
	here.Page(two, "/devices", nil, "3 sessions of Ann")
	here.Page(two, "/devices/end", url.Values{"ref": {refs[0][1]}}, "2 sessions of Ann")
	tablet.Page(two, "/", nil, "Hello, stranger") // the newest is listed first
	phone.Page(two, "/", nil, "Hello, Ann")
	here.Page(two, "/devices/others", url.Values{}, "1 session of Ann")
	phone.Page(two, "/", nil, "Hello, stranger")
	here.Page(one, "/", nil, "Hello, Ann")
	stranger.Page(two, "/", nil, "Hello, Bob")
}
