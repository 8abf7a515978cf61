package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// Whoever set a wrong address, or started a node in a way that cannot work, reads what it is
// and what to do: in the error of the first request, in the node's status, and in the log.
func TestAServerThatIsNoUsableMemcachedIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it starts a dozen processes")
	}
	auth := filepath.Join(t.TempDir(), "auth")
	if err := os.WriteFile(auth, []byte("u:"+planted+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, cert, key := certificate(t)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, planted) })
	for _, c := range []struct {
		why   string
		addr  func(t *testing.T) string
		first string // in the error of the first request
		then  string // in the status, once the prober has looked; empty: the same
	}{
		{"memcached -B binary", func(t *testing.T) string { return memcachedWith(t, "-B", "binary") }, "-B binary", "binary protocol only: start it without"},
		{"memcached -Z", func(t *testing.T) string {
			return memcachedWith(t, "-Z", "-o", "ssl_chain_cert="+cert+",ssl_key="+key)
		}, "MEMCACHED_TLS=true", "a server that speaks TLS"},
		{"memcached -Y", func(t *testing.T) string { return memcachedWith(t, "-Y", auth) }, "it wants a login: set Username and Password", ""},
		{"redis", func(t *testing.T) string {
			return program(t, "redis-server", func(port string) []string { return []string{"--port", port, "--save", ""} })
		}, "a Redis", ""},
		{"redis with a password", func(t *testing.T) string {
			return program(t, "redis-server", func(port string) []string {
				return []string{"--port", port, "--save", "", "--requirepass", planted}
			})
		}, "a Redis", ""},
		{"HTTP", func(t *testing.T) string {
			s := httptest.NewServer(page)
			t.Cleanup(s.Close)
			return s.Listener.Addr().String()
		}, "an HTTP server", ""},
		{"HTTPS", func(t *testing.T) string {
			s := httptest.NewUnstartedServer(page)
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			s.StartTLS()
			t.Cleanup(s.Close)
			return s.Listener.Addr().String()
			// It answers a plain command with an alert and closes. Where it has not read all by then, the
			// kernel resets the connection, and the alert may be lost: the first error is either of two.
		}, "MEMCACHED_TLS=true", "a server that speaks TLS"},
		{"a server that answers in TLS only", func(t *testing.T) string {
			return speaking(t, func(nc net.Conn, r *bufio.Reader) { _ = inTLSOnly(nc, r) })
		}, "does the node speak TLS (set MEMCACHED_TLS=true)", "a server that speaks TLS"},
		{"SSH", func(t *testing.T) string { return greeting(t, "SSH-2.0-OpenSSH_9.2p1 "+planted+"\r\n") }, "an SSH server", ""},
		{"SMTP", func(t *testing.T) string { return greeting(t, "220 mx ESMTP "+planted+"\r\n") }, "a mail or FTP server", ""},
		{"POP3", func(t *testing.T) string { return greeting(t, "+OK ready\r\n") }, "a POP3 server", ""},
		{"IMAP", func(t *testing.T) string { return greeting(t, "* OK IMAP4\r\n") }, "an IMAP server", ""},
		{"MySQL", func(t *testing.T) string { return greeting(t, "\x4a\x00\x00\x00\x0a8.0.36\x00"+planted) }, "a MySQL server", ""},
		{"a TLS alert", func(t *testing.T) string { return greeting(t, "\x15\x03\x03\x00\x02\x02\x0a") }, "a server that speaks TLS", ""},
		{"a proxy without a server", func(t *testing.T) string {
			return speaking(t, func(_ net.Conn, r *bufio.Reader) { _, _ = r.ReadString('\n') })
		}, "a proxy whose server is down", ""},
		{"SERVER_ERROR to everything", func(t *testing.T) string { return answering(t, "SERVER_ERROR "+planted+"\r\n", "all") }, "SERVER_ERROR: see its log", ""},
		{"a proxy that knows neither gets nor version", func(t *testing.T) string { return answering(t, "ERROR\r\n", "gets", "version") }, `does not know the command "gets"`, `does not know the command`},
		{"a proxy that does not know add", func(t *testing.T) string { return answering(t, "ERROR\r\n", "add") }, `does not know the command "add"`, ""},
		{"a proxy that refuses writes", func(t *testing.T) string { return answering(t, "CLIENT_ERROR "+planted+"\r\n", "add") }, "CLIENT_ERROR", ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			var logs syncBuffer
			cl, err := New(Config{
				Nodes: []Node{{ID: "n1", Addr: c.addr(t)}}, Timeout: 2 * time.Second,
				Logger: slog.New(slog.NewTextHandler(&logs, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			_, lerr := cl.Load(context.Background(), "s")
			serr := cl.Save(context.Background(), NewRecord("s"))
			if !errors.Is(errors.Join(lerr, serr), ErrUnavailable) || !strings.Contains(fmt.Sprint(lerr, "; ", serr), c.first) {
				t.Errorf("want %q: load: %v, save: %v", c.first, lerr, serr)
			}
			then, last := c.then, ""
			if then == "" {
				then = c.first
			}
			logged := func() string { return strings.ReplaceAll(logs.String(), `\"`, `"`) }
			for range 1000 {
				_ = cl.Save(context.Background(), NewRecord("s"))
				s := cl.Nodes()[0]
				if last = s.LastError; strings.Contains(last, then) && s.Errors > 0 && strings.Contains(logged(), then) {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if !strings.Contains(last, then) || cl.Nodes()[0].Errors == 0 {
				t.Errorf("want %q, and an error counted: %+v", then, cl.Nodes()[0])
			}
			if got := logged(); !strings.Contains(got, then) {
				t.Errorf("want %q in the log: %s", then, got)
			}
			if strings.Contains(fmt.Sprint(lerr, serr, last, logs.String()), planted) {
				t.Errorf("what the server says is shown: %v %v %s %s", lerr, serr, last, logs.String())
			}
		})
	}
}

// Nodes with -C have no CAS ids, and nothing that exists can be changed on them.
func TestNodesWithoutCASAreNamed(t *testing.T) {
	onRealNodes(t, 2, []string{"-C"}, func(t *testing.T, c *Cluster, _ *testenv.Env) {
		ctx := context.Background()
		r := NewRecord("s")
		r.Attrs["a"] = []byte("1")
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(err)
		}
		r, err := c.Load(ctx, "s")
		if err != nil || string(r.Attrs["a"]) != "1" {
			t.Fatalf("what is there can be read: %v", err)
		}
		r.Attrs["a"] = []byte("2")
		err = c.Save(ctx, r)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "-C (no CAS): start it without") {
			t.Errorf("save: %v", err)
		}
		for _, s := range c.Nodes() {
			if s.Errors == 0 || !strings.Contains(s.LastError, "-C (no CAS)") {
				t.Errorf("not shown: %+v", s)
			}
		}
		if err := c.Delete(ctx, "s"); err != nil {
			t.Errorf("a logout needs no CAS: %v", err)
		}
	})
}

// One node of three that lacks CAS is passed over, and users notice nothing.
func TestOneNodeWithoutCASIsPassedOver(t *testing.T) {
	good := testenv.Start(t, 2, testenv.Real())
	nodes, err := ParseNodes(good.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	var logs syncBuffer
	c, err := New(Config{
		Nodes: append(nodes, Node{ID: "bad", Addr: memcachedWith(t, "-C")}), Timeout: 5 * time.Second,
		KeyPrefix: fmt.Sprintf("%d:", time.Now().UnixNano()), Logger: slog.New(slog.NewTextHandler(&logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for i := range 20 {
		id := fmt.Sprint("s", i)
		for n := range 4 {
			r, err := c.Load(ctx, id)
			if errors.Is(err, ErrNotFound) && n == 0 {
				r, err = NewRecord(id), nil
			}
			if err != nil {
				t.Fatal(err)
			}
			r.Attrs[fmt.Sprint(n)] = []byte("1")
			if err := c.Save(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := c.Load(ctx, id); err != nil || len(r.Attrs) != 4 {
			t.Errorf("%s: %v, %v", id, r, err)
		}
	}
	if !strings.Contains(logs.String(), "-C (no CAS)") {
		t.Errorf("nothing is logged: %s", &logs)
	}
}
