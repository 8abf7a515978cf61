package testenv_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// victimVariable makes this test binary a process that starts nodes, says where
// they are, and then comes to the end that the variable names.
const victimVariable = "TESTENV_VICTIM"

func victim() {
	program := testenv.NewProgram("victim", os.Stderr)
	env := testenv.Start(program, 2, testenv.Real())
	env.Node(1).Pause()
	fmt.Println(env.Nodes())
	switch os.Getenv(victimVariable) {
	case "panic":
		panic("as planned")
	case "exit":
		os.Exit(0)
	case "fatal":
		program.Fatalf("as planned")
	}
	select {} // to be killed
}

func TestNodesEndWithTheProcessHoweverItEnds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with the one that started it")
	}
	testenv.Start(t, 0, testenv.Real()) // skips without memcached
	for _, end := range []string{"SIGKILL", "panic", "exit", "fatal"} {
		t.Run(end, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), victimVariable+"="+end)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			nodes, err := bufio.NewReader(stdout).ReadString('\n')
			if end == "SIGKILL" {
				for _, addr := range addresses(nodes) {
					if conn, err := net.Dial("tcp", addr); err != nil {
						t.Errorf("before its end: %v", err)
					} else {
						conn.Close()
					}
				}
				cmd.Process.Kill()
			}
			cmd.Wait()
			if err != nil || len(addresses(nodes)) != 2 {
				t.Fatalf("its nodes are %q, %v", nodes, err)
			}
			for _, addr := range addresses(nodes) {
				eventually(t, addr+" is gone", func() bool {
					conn, err := net.Dial("tcp", addr)
					if err == nil {
						conn.Close()
					}
					return errors.Is(err, syscall.ECONNREFUSED)
				})
			}
		})
	}
}

func addresses(nodes string) []string {
	var addrs []string
	for _, node := range strings.Split(strings.TrimSpace(nodes), ",") {
		if _, addr, ok := strings.Cut(node, ":"); ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

func TestNodesOutliveTheThreadThatStartedThem(t *testing.T) {
	var env *testenv.Env
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread() // without an unlock the thread ends here
		env = testenv.Start(t, 2, testenv.Real())
	}()
	<-done
	if env == nil {
		t.Skip("no memcached")
	}
	// So do many others: among them may be one that has forked in passing.
	var ended sync.WaitGroup
	together := make(chan bool)
	for range 50 {
		ended.Go(func() {
			runtime.LockOSThread()
			<-together
		})
	}
	close(together)
	ended.Wait()
	for range 20 {
		time.Sleep(time.Millisecond) // for signals to come
		for _, n := range env.All() {
			if n.State() != testenv.Up {
				t.Fatalf("%s ended with a thread", n.ID())
			}
		}
	}
}

func TestNodesEndWithTheTest(t *testing.T) {
	for name, kind := range map[string]testenv.Option{"processes": testenv.Real(), "embedded": testenv.Embedded()} {
		t.Run(name, func(t *testing.T) {
			var addrs []string
			t.Run("inner", func(t *testing.T) {
				env := testenv.Start(t, 2, kind)
				env.Add()
				env.Node(0).Pause()
				env.Node(1).Kill()
				addrs = addresses(env.Nodes())
			})
			for _, addr := range addrs {
				if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("%s after the test: %v", addr, err)
				}
			}
		})
	}
}
