package testenv_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// TestMain fails the run when a goroutine of this package or a process is left over.
func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
	}
	// These tests are about nodes of their own.
	os.Unsetenv(testenv.NodesVariable)
	code := m.Run()
	if left := leftOver(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "left over after all tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftOver describes what does not end by itself, given time.
func leftOver() string {
	var left string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if left = goroutinesOfThisPackage() + children(); left == "" {
			return ""
		}
	}
	return left
}

func goroutinesOfThisPackage() string {
	var all bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&all, 2)
	var ours []string
	for _, stack := range strings.Split(all.String(), "\n\n") {
		if strings.Contains(stack, "/testenv.") && !strings.Contains(stack, "TestMain") {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}

// children lists the processes that this one has started and that still exist.
func children() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	var pids []byte
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range lists {
		list, _ := os.ReadFile(name)
		pids = append(pids, list...)
	}
	if len(pids) == 0 {
		return ""
	}
	return fmt.Sprintf("child processes: %s", pids)
}
