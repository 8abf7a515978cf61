package testenv_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/testenv"
)

// inBubble runs a test on n nodes in memory, in virtual time.
func inBubble(t *testing.T, n int, test func(t *testing.T, env *testenv.Env)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, testenv.Start(t, n, testenv.InMemory())) })
}

func memoryClient(t *testing.T, env *testenv.Env, n *testenv.Node) *memcache.Client {
	c := memcache.New(n.Addr())
	c.DialContext = env.DialContext
	c.Timeout = time.Second
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNodesInMemoryAreNodes(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		c := memoryClient(t, env, n)
		mustSet(t, c, "k", "v")
		mustGet(t, c, "k", "v")
		if _, ok := env.Node(1).Get("k"); ok {
			t.Error("the nodes share a memory")
		}

		n.Kill()
		if _, err := c.Get("k"); err == nil {
			t.Error("a killed node answers on an open connection")
		}
		if _, err := env.DialContext(t.Context(), "tcp", n.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial to a killed node: %v", err)
		}
		n.Restart()
		if _, err := c.Get("k"); err != memcache.ErrCacheMiss {
			t.Errorf("get after Restart: %v, want a miss", err)
		}

		mustSet(t, c, "k", "old")
		n.Pause()
		start := time.Now()
		err := c.Set(&memcache.Item{Key: "k", Value: []byte("late")})
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			t.Fatalf("set on a paused node: %v, want a timeout", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the timeout took %v of virtual time, want 1s", took)
		}
		n.Resume()
		eventually(t, "the late set is applied", func() bool {
			v, _ := n.Get("k")
			return string(v) == "late"
		})

		n4 := env.Add()
		mustSet(t, memoryClient(t, env, n4), "k", "v")
		if _, err := env.DialContext(t.Context(), "tcp", "elsewhere:1"); err == nil {
			t.Error("an unknown address answers")
		}
	})
}

func TestConnectionsThatWaitInAPausedNodeAreServedWhenItResumes(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		n.Pause()
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				conn, err := env.DialContext(t.Context(), "tcp", n.Addr())
				if err != nil {
					t.Errorf("dial to a paused node: %v", err)
					return
				}
				// Gone before the node has read a byte.
				fmt.Fprintf(conn, "set k%d 0 0 1\r\nv\r\n", i)
				conn.Close()
			})
		}
		wg.Wait()
		synctest.Wait()
		n.Resume()
		synctest.Wait()
		if got, want := n.Keys(), []string{"k0", "k1", "k2", "k3", "k4"}; !reflect.DeepEqual(got, want) {
			t.Errorf("keys %q, want %q", got, want)
		}
	})
}

func TestItemsExpireInVirtualTime(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		c := memoryClient(t, env, n)
		const month = 60 * 60 * 24 * 30
		set := func(key string, exp int32) {
			if err := c.Set(&memcache.Item{Key: key, Value: []byte("v"), Expiration: exp}); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now().Unix()
		set("never", 0)
		set("ten", 10)
		set("month", month)
		set("more", month+1)             // a Unix time in 1970
		set("absolute", int32(now)+2000) // a Unix time to come
		set("negative", -1)
		set("touched", 10)
		if err := c.Touch("touched", 5000); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after time.Duration
			want  string
		}{
			{0, "absolute month never ten touched"},
			{10*time.Second - 1, "absolute month never ten touched"},
			{10 * time.Second, "absolute month never touched"},
			{2000 * time.Second, "month never touched"},
			{5000 * time.Second, "month never"},
			{month*time.Second - 1, "month never"},
			{month * time.Second, "never"},
		} {
			time.Sleep(time.Until(time.Unix(now, 0).Add(step.after)))
			if got := strings.Join(n.Keys(), " "); got != step.want {
				t.Errorf("after %v: %q, want %q", step.after, got, step.want)
			}
		}
	})
}

func TestFullMemoryEvictsTheLongestUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 1, testenv.InMemory(), testenv.MemoryMB(1))
		n := env.Node(0)
		value := make([]byte, 100<<10)
		for i := range 9 {
			n.Set(fmt.Sprintf("k%d", i), value)
		}
		n.Get("k0")
		n.Set("k9", value)
		n.Set("k10", value)
		if _, ok := n.Get("k0"); !ok {
			t.Error("the item just read was evicted")
		}
		if _, ok := n.Get("k1"); ok {
			t.Error("the item unused for longest was not evicted")
		}
		if got := n.Stats()["evictions"]; got != "1" {
			t.Errorf("evictions %s, want 1", got)
		}
	})
}

func TestFullMemoryWithoutEvictionRefuses(t *testing.T) {
	s := testenv.NewServer(testenv.ServerConfig{MemoryBytes: 1000, NoEviction: true})
	defer s.Close()
	say := speaker(t, s)
	say("set a 0 0 400\r\n"+strings.Repeat("x", 400)+"\r\n", "STORED\r\n")
	say("set b 0 0 400\r\n"+strings.Repeat("x", 400)+"\r\n", "STORED\r\n")
	say("add c 0 0 400\r\n"+strings.Repeat("x", 400)+"\r\n", "SERVER_ERROR out of memory storing object\r\n")
	say("set a 0 0 600\r\n"+strings.Repeat("x", 600)+"\r\n", "SERVER_ERROR out of memory storing object\r\n")
	say("get a\r\n", "END\r\n")
}

func TestSmallerItemLimit(t *testing.T) {
	s := testenv.NewServer(testenv.ServerConfig{MaxItemBytes: 100})
	defer s.Close()
	say := speaker(t, s)
	say("set a 0 0 40\r\n"+strings.Repeat("x", 40)+"\r\n", "STORED\r\n")
	say("set a 0 0 41\r\n"+strings.Repeat("x", 41)+"\r\n", "SERVER_ERROR object too large for cache\r\n")
}

// A token from before a restart fits what is stored after it, as often as the count allows.
func TestCASIDsBeginAgainWithEachLife(t *testing.T) {
	for _, perKey := range []bool{false, true} {
		for range 2 {
			s := testenv.NewServer(testenv.ServerConfig{CASPerKey: perKey})
			defer s.Close()
			say := speaker(t, s)
			say("set a 0 0 1\r\nx\r\n", "STORED\r\n")
			say("set b 0 0 1\r\nx\r\n", "STORED\r\n")
			if perKey {
				say("cas b 0 0 1 1\r\ny\r\n", "STORED\r\n")
				say("delete b\r\n", "DELETED\r\n")
				say("set b 0 0 1\r\nx\r\n", "STORED\r\n")
				say("cas b 0 0 1 1\r\ny\r\n", "EXISTS\r\n") // never twice in one life
			} else {
				say("cas b 0 0 1 1\r\ny\r\n", "EXISTS\r\n")
				say("cas b 0 0 1 2\r\ny\r\n", "STORED\r\n")
			}
		}
	}
}

// speaker returns a function that says one thing to s, over a net.Pipe, and wants one answer.
func speaker(t *testing.T, s *testenv.Server) func(request, want string) {
	here, there := net.Pipe()
	go s.ServeConn(there)
	t.Cleanup(func() { here.Close() })
	r := bufio.NewReader(here)
	return func(request, want string) {
		t.Helper()
		if _, err := io.WriteString(here, request); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("%q answered %q (%v), want %q", request, got, err, want)
		}
	}
}

func TestOnCommandSeesEveryKeyBeforeItIsTouched(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		c := memoryClient(t, env, n)
		var seen []string
		n.OnCommand(func(verb, key string) { seen = append(seen, verb+" "+key) })
		mustSet(t, c, "a", "v")
		c.GetMulti([]string{"a", "b"})
		c.Delete("a")
		c.FlushAll()
		n.Restart() // which keeps the hook
		c.Close()
		mustSet(t, c, "c", "v")
		n.OnCommand(nil)
		mustSet(t, c, "d", "v")
		if want := []string{"set a", "gets a", "gets b", "delete a", "flush_all ", "set c"}; !reflect.DeepEqual(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
	})
}

func TestOnCommandMayHoldACommandBack(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		goOn := make(chan struct{})
		n.OnCommand(func(verb, key string) {
			if key == "slow" {
				<-goOn
			}
		})
		done := make(chan error)
		slow, quick := memoryClient(t, env, n), memoryClient(t, env, n)
		go func() { done <- slow.Set(&memcache.Item{Key: "slow", Value: []byte("v")}) }()
		synctest.Wait()
		mustSet(t, quick, "quick", "v")
		if got := n.Keys(); !reflect.DeepEqual(got, []string{"quick"}) {
			t.Errorf("keys %q while the other command is held back", got)
		}
		close(goOn)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNodeKilledOrPausedByTheCommandItIsAboutToApply(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		c := memoryClient(t, env, n)
		n.OnCommand(func(verb, key string) {
			switch key {
			case "kill":
				n.Kill()
				n.Restart()
			case "pause":
				n.Pause()
			}
		})
		if err := c.Set(&memcache.Item{Key: "kill", Value: []byte("v")}); err == nil {
			t.Error("the set that killed the node was answered")
		}
		if got := n.Keys(); len(got) != 0 {
			t.Errorf("a command to the killed node reached the restarted one: %q", got)
		}
		if err := c.Set(&memcache.Item{Key: "pause", Value: []byte("v")}); err == nil {
			t.Error("the set that paused the node was answered")
		}
		n.Resume()
		synctest.Wait()
		if got := n.Keys(); !reflect.DeepEqual(got, []string{"pause"}) {
			t.Errorf("keys after Resume: %q", got)
		}
	})
}

func TestClosedServer(t *testing.T) {
	s := testenv.NewServer(testenv.ServerConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Pause()
	io.WriteString(conn, "get a\r\n")
	s.Close() // also while it is paused
	s.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := s.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial: %v", err)
	}
	if err := s.Serve(l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
	if got, err := io.ReadAll(conn); len(got) != 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("an open connection read %q, %v", got, err)
	}
	here, there := net.Pipe()
	defer here.Close()
	s.ServeConn(there) // returns at once
}

func TestHookStillUnderWayWhenTheTestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		program := testenv.NewProgram("inner test", io.Discard)
		env := testenv.Start(program, 1, testenv.InMemory())
		n := env.Node(0)
		n.OnCommand(func(string, string) {
			time.Sleep(time.Second)
			n.Restart() // too late: it must neither start anything nor wait for the end
		})
		conn, err := env.DialContext(t.Context(), "tcp", n.Addr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "version\r\n")
		synctest.Wait()
		start := time.Now()
		program.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("the end took %v, want it to wait for the hook", took)
		}
		if n.State() != testenv.Down {
			t.Errorf("state after the end: %v", n.State())
		}
	})
}

func TestHookThatNeverReturnsDoesNotKeepTheTestFromEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan bool)
		program := testenv.NewProgram("inner test", io.Discard)
		env := testenv.Start(program, 1, testenv.InMemory())
		env.Node(0).OnCommand(func(string, string) { <-never })
		conn, err := env.DialContext(t.Context(), "tcp", env.Node(0).Addr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "version\r\n")
		synctest.Wait()
		program.Close()
		close(never) // for the bubble
	})
}
