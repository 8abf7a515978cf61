package yourapp_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/yourapp"
	"github.com/holdfast-go/holdfast/testenv"
)

func TestLoginSurvivesEachNode(t *testing.T) {
	env := testenv.Start(t, 3)
	visit := browser(t, yourapp.New(connect(t, env)))
	visit("/login?name=Ann")
	for _, node := range env.All() {
		node.Kill()
		if got := visit("/"); got != "Hello, Ann" {
			t.Errorf("with %s dead: %q", node.ID(), got)
		}
		node.Restart()
		visit("/") // a request brings the second copy back
	}
}

func TestOutageIsNoLogout(t *testing.T) {
	env := testenv.Start(t, 2)
	visit := browser(t, yourapp.New(connect(t, env)))
	visit("/login?name=Ann")
	env.Node(0).Pause() // hangs, as a machine that swaps does
	env.Node(1).Pause()
	if got := visit("/"); got == "Hello, " {
		t.Error("an outage looks like a logout")
	}
	env.Node(0).Resume()
	env.Node(1).Resume()
	for t.Context().Err() == nil && visit("/") != "Hello, Ann" { // until the nodes are known to be back
		time.Sleep(10 * time.Millisecond)
	}
}

func connect(t *testing.T, env *testenv.Env) *cluster.Cluster {
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{
		Nodes:   nodes,
		Timeout: time.Second,                                    // a busy CI machine answers late
		Logger:  slog.New(slog.NewTextHandler(t.Output(), nil)), // shown where the test fails
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// browser returns a function that visits a page of the app and keeps its cookies.
func browser(t *testing.T, app http.Handler) func(path string) string {
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	return func(path string) string {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
}
