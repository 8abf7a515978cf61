package testenv_test

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/testenv"
)

// everyKind runs a test on each kind of node that sockets lead to.
func everyKind(t *testing.T, test func(t *testing.T, env *testenv.Env)) {
	t.Run("processes", func(t *testing.T) { test(t, testenv.Start(t, 3, testenv.Real())) })
	t.Run("embedded", func(t *testing.T) { test(t, testenv.Start(t, 3, testenv.Embedded())) })
}

func client(n *testenv.Node) *memcache.Client {
	c := memcache.New(n.Addr())
	c.Timeout = 5 * time.Second
	return c
}

func mustSet(t *testing.T, c *memcache.Client, key, value string) {
	t.Helper()
	if err := c.Set(&memcache.Item{Key: key, Value: []byte(value)}); err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

func mustGet(t *testing.T, c *memcache.Client, key, want string) {
	t.Helper()
	it, err := c.Get(key)
	if err != nil || string(it.Value) != want {
		t.Fatalf("get %s: %v, %v, want %q", key, it, err, want)
	}
}

func TestNodesAreReadyNamedAndApart(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		if env.Len() != 3 {
			t.Fatalf("%d nodes, want 3", env.Len())
		}
		var parts []string
		for i, n := range env.All() {
			mustSet(t, client(n), "who", n.ID())
			if n.State() != testenv.Up {
				t.Errorf("%s is %v after Start", n.ID(), n.State())
			}
			if env.Node(i) != n || env.ByID(n.ID()) != n {
				t.Errorf("Node(%d) and ByID(%q) disagree with All", i, n.ID())
			}
			parts = append(parts, n.ID()+":"+n.Addr())
		}
		for _, n := range env.All() {
			mustGet(t, client(n), "who", n.ID())
		}
		if got, want := env.Nodes(), strings.Join(parts, ","); got != want {
			t.Errorf("Nodes() = %s, want %s", got, want)
		}
		n4 := env.Add()
		if n4.ID() != "n4" || env.Len() != 4 || env.ByID("n4") != n4 {
			t.Errorf("Add gave %s, %d nodes", n4.ID(), env.Len())
		}
		mustSet(t, client(n4), "who", "n4")
	})
}

func TestKilledNodeRefusesAndRestartsEmptyAtItsAddress(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		n := env.Node(1)
		addr := n.Addr()
		mustSet(t, client(n), "k", "v")

		n.Kill()
		if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial after Kill: %v, want connection refused", err)
		}
		if n.State() != testenv.Down {
			t.Errorf("state after Kill: %v", n.State())
		}
		n.Kill() // a dead node stays dead

		n.Restart()
		if n.Addr() != addr || n.State() != testenv.Up {
			t.Errorf("after Restart: %s, %v", n.Addr(), n.State())
		}
		if _, err := client(n).Get("k"); err != memcache.ErrCacheMiss {
			t.Fatalf("get after Restart: %v, want a miss", err)
		}

		mustSet(t, client(n), "k", "v2")
		n.Restart() // also while it runs
		if _, err := client(n).Get("k"); err != memcache.ErrCacheMiss {
			t.Fatalf("get after the second Restart: %v, want a miss", err)
		}
	})
}

func TestPortOfADeadNodeStaysItsOwn(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		n.Kill()
		// Other environments keep off it, and so does what dials out.
		if conn, err := net.ListenPacket("udp", n.Addr()); err == nil {
			conn.Close()
			t.Error("nothing holds the port of a node that is down")
		}
		if _, port, _ := net.SplitHostPort(n.Addr()); len(port) != 5 || port >= "32768" {
			t.Errorf("port %s is one that systems give to outgoing connections", port)
		}
	})
}

func TestPooledConnectionsOfARestartedNodeEnd(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		c := client(n)
		mustSet(t, c, "k", "v")
		n.Restart()
		if _, err := c.Get("k"); err == nil || err == memcache.ErrCacheMiss {
			t.Fatalf("get on a connection from before the restart: %v, want it broken", err)
		}
		c.Close()
		if _, err := c.Get("k"); err != memcache.ErrCacheMiss {
			t.Fatalf("get on a new connection: %v, want a miss", err)
		}
	})
}

func TestPausedNodeTakesRequestsAndAppliesThemWhenResumed(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		n := env.Node(2)
		c := client(n)
		mustSet(t, c, "k", "old")

		n.Pause()
		n.Pause() // a paused node stays paused
		if n.State() != testenv.Paused {
			t.Errorf("state after Pause: %v", n.State())
		}
		c.Timeout = 50 * time.Millisecond
		err := c.Set(&memcache.Item{Key: "k", Value: []byte("late")})
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			t.Fatalf("set on a paused node: %v, want a timeout", err)
		}
		c.Close()
		conn, err := net.Dial("tcp", n.Addr())
		if err != nil {
			t.Fatalf("a paused node refuses connections: %v", err)
		}
		conn.Close()

		n.Resume()
		if n.State() != testenv.Up {
			t.Errorf("state after Resume: %v", n.State())
		}
		c.Timeout = 5 * time.Second
		eventually(t, "the late set is applied", func() bool {
			it, err := c.Get("k")
			return err == nil && string(it.Value) == "late"
		})
	})
}

func TestKillingAPausedNodeLosesWhatWaited(t *testing.T) {
	everyKind(t, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		n.Pause()
		c := client(n)
		c.Timeout = 50 * time.Millisecond
		if err := c.Set(&memcache.Item{Key: "k", Value: []byte("late")}); err == nil {
			t.Fatal("a paused node answered")
		}
		n.Kill()
		n.Resume() // nothing to resume
		if n.State() != testenv.Down {
			t.Fatalf("state: %v, want down", n.State())
		}
		n.Restart()
		if _, err := client(n).Get("k"); err != memcache.ErrCacheMiss {
			t.Fatalf("get after Restart: %v, want a miss", err)
		}
	})
}

// eventually polls until what holds; the limit is for a test that fails.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
