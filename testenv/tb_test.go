package testenv_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

// fakeTB notes how a test ends instead of ending this one.
type fakeTB struct {
	*testing.T
	mu       sync.Mutex
	verdict  string
	cleanups []func()
}

func (f *fakeTB) Cleanup(g func())                  { f.cleanups = append(f.cleanups, g) }
func (f *fakeTB) Skipf(format string, args ...any)  { f.end("skip", format, args) }
func (f *fakeTB) Fatalf(format string, args ...any) { f.end("fatal", format, args) }

func (f *fakeTB) end(how, format string, args []any) {
	f.mu.Lock()
	f.verdict = how + ": " + fmt.Sprintf(format, args...)
	f.mu.Unlock()
	runtime.Goexit()
}

// verdictOf runs a test to its end and returns how it ended: "" if by itself.
func verdictOf(t *testing.T, test func(tb testenv.TB)) string {
	f := &fakeTB{T: t}
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() {
			for _, g := range f.cleanups {
				g()
			}
		}()
		test(f)
	}()
	<-done
	return f.verdict
}

func TestWhatATestIsToldWhenItCannotHaveItsWay(t *testing.T) {
	withoutMemcached := func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }
	foreign := func(t *testing.T) {
		env := testenv.Start(t, 2, testenv.Embedded())
		t.Setenv(testenv.NodesVariable, env.Nodes())
	}
	needsMemcached := func(t *testing.T) {
		if _, err := exec.LookPath("memcached"); err != nil {
			t.Skip("no memcached on the PATH")
		}
	}
	start := func(n int, opts ...testenv.Option) func(testenv.TB) {
		return func(tb testenv.TB) { testenv.Start(tb, n, opts...) }
	}
	on := func(do func(env *testenv.Env), opts ...testenv.Option) func(testenv.TB) {
		return func(tb testenv.TB) { do(testenv.Start(tb, 2, opts...)) }
	}
	tests := []struct {
		name  string
		setup func(t *testing.T)
		test  func(tb testenv.TB)
		want  string // a part of it
	}{
		{"real nodes without memcached", withoutMemcached, start(1, testenv.Real()), "skip: testenv: this test needs memcached processes"},
		{"any nodes without memcached", withoutMemcached, start(2), ""},
		{"arguments without memcached", withoutMemcached, start(1, testenv.Args("-M")), "skip: testenv: Args needs memcached"},
		{"arguments for nodes in memory", nil, start(1, testenv.InMemory(), testenv.Args("-M")), "skip: testenv: Args needs memcached"},
		{"bad arguments", needsMemcached, start(1, testenv.Real(), testenv.Args("--nonsense")), "fatal: testenv: n1: "},
		{"a negative number", nil, start(-1), "fatal: testenv: Start asked for -1 nodes"},
		{"no nodes", nil, start(0), ""},

		{"a node that is not there", nil, on(func(env *testenv.Env) { env.Node(2) }, testenv.Embedded()), "fatal: testenv: there is no Node(2), only Node(0) to Node(1)"},
		{"an id that is not there", nil, on(func(env *testenv.Env) { env.ByID("n9") }, testenv.Embedded()), `fatal: testenv: there is no node "n9", only n1:`},
		{"pausing a dead node", nil, on(func(env *testenv.Env) { env.Node(0).Kill(); env.Node(0).Pause() }, testenv.Embedded()), "fatal: testenv: pause n1: it is down"},
		{"looking into a dead node", nil, on(func(env *testenv.Env) { env.Node(1).Kill(); env.Node(1).Get("k") }, testenv.Embedded()), "fatal: testenv: get on n2: it is down"},
		{"looking into a paused node", nil, on(func(env *testenv.Env) { env.Node(0).Pause(); env.Node(0).Keys() }), "fatal: testenv: lru_crawler on n1: it is paused"},
		{"an illegal key", nil, on(func(env *testenv.Env) { env.Node(0).Set("a b", nil) }, testenv.Embedded()), "fatal: testenv: set on n1: "},
		{"a hook into a process", needsMemcached, on(func(env *testenv.Env) { env.Node(0).OnCommand(nil) }, testenv.Real()), "skip: testenv: n1 calls no OnCommand"},
		{"another crawler in a process", needsMemcached, on(func(env *testenv.Env) { env.Node(0).SetCrawler(testenv.Crawler{}) }, testenv.Real()), "skip: testenv: n1 has no other crawler"},

		{"foreign nodes", foreign, start(2), ""},
		{"real nodes, foreign", foreign, start(2, testenv.Real()), ""},
		{"more than there are foreign nodes", foreign, start(3), "skip: testenv: this test needs 3 nodes, HOLDFAST_TEST_NODES names 2"},
		{"one more foreign node", foreign, on(func(env *testenv.Env) { env.Add() }), "skip: testenv: this test needs 3 nodes"},
		{"killing a foreign node", foreign, on(func(env *testenv.Env) { env.Node(0).Kill() }), "skip: testenv: cannot kill n1: it runs elsewhere"},
		{"restarting a foreign node", foreign, on(func(env *testenv.Env) { env.Node(0).Restart() }), "skip: testenv: cannot restart n1"},
		{"pausing a foreign node", foreign, on(func(env *testenv.Env) { env.Node(0).Pause() }), "skip: testenv: cannot pause n1"},
		{"resuming a foreign node", foreign, on(func(env *testenv.Env) { env.Node(0).Resume() }), ""},
		{"flushing a foreign node", foreign, on(func(env *testenv.Env) { env.Node(0).Flush() }), "skip: testenv: cannot flush n1"},
		{"arguments for foreign nodes", foreign, start(1, testenv.Args("-M")), "skip: testenv: MemoryMB and Args"},
		{"embedded nodes beside foreign ones", foreign, on(func(env *testenv.Env) { env.Node(0).Kill() }, testenv.Embedded()), ""},
		{"a broken list of foreign nodes", func(t *testing.T) { t.Setenv(testenv.NodesVariable, "n1:here") }, start(1), `fatal: testenv: HOLDFAST_TEST_NODES: "n1:here" is not`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.setup != nil {
				tt.setup(t)
			}
			got := verdictOf(t, tt.test)
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
}

func TestForeignNodesAreReachedAndLeftAlone(t *testing.T) {
	home := testenv.Start(t, 3, testenv.Embedded())
	home.Node(0).Set("k", []byte("v"))
	t.Setenv(testenv.NodesVariable, home.Nodes())
	t.Run("inner", func(t *testing.T) {
		env := testenv.Start(t, 2)
		if want := home.Node(0).ID() + ":" + home.Node(0).Addr() + "," + home.Node(1).ID() + ":" + home.Node(1).Addr(); env.Nodes() != want {
			t.Errorf("Nodes() = %s, want %s", env.Nodes(), want)
		}
		if got, _ := env.Node(0).Get("k"); string(got) != "v" {
			t.Errorf("n1 holds %q, want what it held before", got)
		}
		if n := env.Add(); n.ID() != "n3" || !n.Real() || n.PID() != 0 || n.State() != testenv.Up {
			t.Errorf("Add gave %s, %v", n.ID(), n.State())
		}
	})
	if _, ok := home.Node(0).Get("k"); !ok {
		t.Error("the test took what was on the foreign node with it")
	}
}

func TestForeignNodesWithoutIDs(t *testing.T) {
	t.Setenv(testenv.NodesVariable, "127.0.0.1:1, [::1]:2 n7:[::1]:3 n8:localhost:4")
	env := testenv.Start(t, 4)
	if got, want := env.Nodes(), "n1:127.0.0.1:1,n2:[::1]:2,n7:[::1]:3,n8:localhost:4"; got != want {
		t.Errorf("Nodes() = %s, want %s", got, want)
	}
}

func TestProcessNodes(t *testing.T) {
	env := testenv.Start(t, 1, testenv.Real(), testenv.MemoryMB(32), testenv.Args("-M", "-I", "2m"))
	n := env.Node(0)
	if !n.Real() || n.Stats()["pid"] != fmt.Sprint(n.PID()) || n.Stats()["limit_maxbytes"] != fmt.Sprint(32<<20) {
		t.Errorf("PID() = %d, stats %v", n.PID(), n.Stats())
	}
	n.Set("large", make([]byte, 3<<19)) // more than 1 MiB

	before := n.PID()
	process, err := os.FindProcess(before)
	if err != nil {
		t.Fatal(err)
	}
	process.Kill()
	eventually(t, "a process that ended by itself counts as down", func() bool { return n.State() == testenv.Down })
	if n.PID() != 0 {
		t.Errorf("PID() = %d of a dead process", n.PID())
	}
	n.Restart()
	if n.PID() == 0 || n.PID() == before {
		t.Errorf("PID() = %d after a restart, %d before", n.PID(), before)
	}
}

func TestProgram(t *testing.T) {
	var out bytes.Buffer
	program := testenv.NewProgram("demo", &out)
	env := testenv.Start(program, 2, testenv.Embedded())
	env.Node(0).Set("k", []byte("v"))
	program.Logf("%d nodes", env.Len())
	var order []string
	program.Cleanup(func() { order = append(order, "first") })
	program.Cleanup(func() { order = append(order, "second") })
	program.Close()
	program.Close()
	if got := out.String(); got != "demo: 2 nodes\n" {
		t.Errorf("wrote %q", got)
	}
	if got := strings.Join(order, " "); got != "second first" {
		t.Errorf("cleanups ran in the order %q", got)
	}
	if env.Node(0).State() != testenv.Down || program.Name() != "demo" {
		t.Error("the nodes outlive the program")
	}
}
