package docs

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides that the programs which readers paste do what their page says.

func TestProgramsToPasteSurviveADeadNode(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			name, ok := strings.CutPrefix(b.mark, "program ")
			if !ok {
				continue
			}
			n++
			t.Run(filepath.Base(p.path)+"/"+name, func(t *testing.T) { survives(t, b.text) })
		}
	}
	if n < 2 {
		t.Errorf("only %d programs were found", n)
	}
}

// survives runs a program that has /login?name= and greets at /, and kills each node under it.
func survives(t *testing.T, text string) {
	at := freeAddress(t)
	const listens = `"127.0.0.1:8080"`
	if !strings.Contains(text, listens) {
		t.Fatalf("the program does not listen on %s", listens)
	}
	dir := t.TempDir()
	source, bin := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte(strings.Replace(text, listens, `"`+at+`"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, source).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	env := testenv.Start(t, 3)
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, bin)
	cmd.Env = append(os.Environ(), "MEMCACHED_NODES="+env.Nodes(), "MEMCACHED_TIMEOUT=1s", "SESSION_KEY=0123456789abcdef0123456789abcdef")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	get := func(path string) (status int, body string) {
		resp, err := client.Get("http://" + at + path)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return 0, err.Error()
		}
		return resp.StatusCode, string(b)
	}
	for status := 0; t.Context().Err() == nil && status != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		status, _ = get("/healthz")
	}
	if status, body := get("/login?name=Ann"); status != http.StatusOK {
		t.Fatalf("the login: %d %s", status, body)
	}
	for _, node := range env.All() {
		node.Kill()
		if status, body := get("/"); status != http.StatusOK || !strings.Contains(body, "Hello, Ann") {
			t.Errorf("with %s dead: %d %s", node.ID(), status, body)
		}
		node.Restart()
		get("/")
	}
	for _, node := range env.All() {
		node.Kill()
	}
	for _, path := range []string{"/", "/healthz"} {
		if status, body := get(path); status != http.StatusServiceUnavailable {
			t.Errorf("%s in an outage: %d %s", path, status, body)
		}
	}
}

// freeAddress returns one that nobody listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
