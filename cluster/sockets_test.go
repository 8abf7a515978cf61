package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These tests use real sockets, where a peer that is gone looks otherwise than in
// memory.

func TestPooledConnectionsToAMemcachedThatRestarted(t *testing.T) {
	onRealNodes(t, 3, nil, func(t *testing.T, c *Cluster, env *testenv.Env) {
		burst := func(round int) {
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					r := NewRecord(fmt.Sprint("r", round, "-", i))
					r.Attrs["x"] = []byte("1")
					if err := c.Save(context.Background(), r); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		burst(0)
		for round := range 3 {
			env.Node(round).Restart()
			burst(round + 1)
		}
		for i, s := range c.Nodes() {
			// A poll or a pass may meet a node while it restarts. The saves do not.
			if s.Errors != 0 && !strings.Contains(s.LastError, "connection refused") {
				t.Errorf("a restart counts as a failure: %+v", s)
			}
			for c.Nodes()[i].State != StateUp {
				time.Sleep(time.Millisecond)
			}
		}
	})
}

// served runs an embedded memcached on a listener.
func served(t *testing.T, l net.Listener) {
	t.Helper()
	s := testenv.NewServer(testenv.ServerConfig{})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

func saveAndLoad(t *testing.T, cfg Config) error {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second // nobody waits for it; a busy machine must not fail the test
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := NewRecord("s")
	r.Attrs["a"] = []byte("1")
	if err := c.Save(context.Background(), r); err != nil {
		return err
	}
	got, err := c.Load(context.Background(), "s")
	if err != nil {
		return err
	}
	if string(got.Attrs["a"]) != "1" {
		t.Errorf("got %q", got.Attrs)
	}
	return c.Ping(context.Background())
}

func TestAUnixSocketIsANode(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "m.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no unix sockets here:", err)
	}
	served(t, l)
	nodes, err := ParseNodes("n1:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := saveAndLoad(t, Config{Nodes: nodes}); err != nil {
		t.Error(err)
	}
}

func TestAnIPv6AddressIsANode(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	served(t, l)
	nodes, err := ParseNodes(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := saveAndLoad(t, Config{Nodes: nodes}); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	ca, cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	plainly, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served(t, plainly)
	withEnv := func(l net.Listener, pairs ...string) Config {
		cfg, err := ConfigFromEnv(env(append(pairs, "MEMCACHED_NODES", "n1:"+l.Addr().String())...))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if err := saveAndLoad(t, withEnv(l, "MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", ca, "MEMCACHED_TLS_SERVER_NAME", "cache")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		why  string
		cfg  Config
		want string
	}{
		{"an unknown CA", withEnv(l, "MEMCACHED_TLS", "true", "MEMCACHED_TLS_SERVER_NAME", "cache"), "certificate signed by unknown authority"},
		{"another name", withEnv(l, "MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", ca, "MEMCACHED_TLS_SERVER_NAME", "other"), "not other"},
		{"no name is the host's", withEnv(l, "MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", ca), "127.0.0.1"},
		{"a plain node waits for the end of a line", withEnv(plainly, "MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", ca, "MEMCACHED_TIMEOUT", "300ms"), "TLS"},
	} {
		err := saveAndLoad(t, c.cfg)
		if !isErr(err, ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.why, err, c.want)
		}
	}
	// The other way round: a plain client must not take what a TLS server says for data.
	if err := saveAndLoad(t, withEnv(l)); !isErr(err, ErrUnavailable) {
		t.Errorf("plain to a TLS node: %v", err)
	}
}

func TestLoginToARealMemcached(t *testing.T) {
	file := filepath.Join(t.TempDir(), "auth")
	if err := os.WriteFile(file, []byte("app:"+secretPass+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// testenv's own look into its nodes does not log in, so it is not used here.
	onRealNodes(t, 1, []string{"-Y", file}, func(t *testing.T, _ *Cluster, env *testenv.Env) {
		nodes, err := ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		if err := saveAndLoad(t, Config{Nodes: nodes, Username: "app", Password: secretPass}); err != nil {
			t.Error(err)
		}
		err = saveAndLoad(t, Config{Nodes: nodes, Username: "app", Password: "wrong" + secretPass})
		if !isErr(err, ErrUnavailable) || !strings.Contains(err.Error(), "login refused") || strings.Contains(err.Error(), secretPass) {
			t.Errorf("a wrong password: %v", err)
		}
		if err := saveAndLoad(t, Config{Nodes: nodes}); !isErr(err, ErrUnavailable) {
			t.Errorf("no password: %v", err)
		}
	})
}
