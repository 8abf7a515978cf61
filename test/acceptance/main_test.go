package acceptance

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// This file decides what runs around the stories: the app in a process of its own,
// and the look for goroutines that a Cluster, a server or a node has left behind.

// limit ends a wait for something that does not come.
const limit = 30 * time.Second

func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		os.Exit(runChild(name))
	}
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		// Stories wait for others more than they work.
		_ = flag.Set("test.parallel", fmt.Sprint(4*runtime.GOMAXPROCS(0)))
	}
	code := m.Run()
	if left := leftBehind(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left behind by the tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind returns the stacks of goroutines that are not the test runner's own and
// do not end by themselves, "" when there are none.
func leftBehind() string {
	for end := time.Now().Add(limit / 3); ; time.Sleep(10 * time.Millisecond) {
		stacks := foreignStacks()
		if len(stacks) == 0 {
			return ""
		}
		if time.Now().After(end) {
			return strings.Join(stacks, "\n\n")
		}
	}
}

// foreignStacks returns the stacks of all goroutines but this one and those of the
// runtime and the testing package.
func foreignStacks() []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var found []string
	ours := []string{"os/signal.", "testing.(*M).", "runtime.ensureSigM", "testing.runFuzzing"}
	// scs.New starts a store in memory, which nobody can stop who replaces it.
	ours = append(ours, "memstore.(*MemStore).startCleanup")
	for i, stack := range strings.Split(string(buf), "\n\n") {
		own := i == 0 // runtime.Stack begins with its caller
		for _, known := range ours {
			own = own || strings.Contains(stack, known)
		}
		if !own {
			found = append(found, stack)
		}
	}
	return found
}

// eventually polls until ok, and fails the test when that does not happen. What is
// there instead is read then.
func eventually(t *testing.T, what string, ok func() bool, instead ...*string) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			for _, s := range instead {
				what += "; " + *s
			}
			t.Fatalf("it does not happen: %s", what)
		}
	}
}
