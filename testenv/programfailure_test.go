package testenv_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

// ending is a program that ends its nodes before it exits, as testenv.Program does.
type ending struct {
	mu       sync.Mutex // guards below
	cleanups []func()
	said     string
}

func (e *ending) Helper()             {}
func (e *ending) Name() string        { return "ending" }
func (e *ending) Logf(string, ...any) {}
func (e *ending) Cleanup(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cleanups = append(e.cleanups, f)
}

func (e *ending) Skipf(format string, args ...any) { e.Fatalf(format, args...) }

func (e *ending) Fatalf(format string, _ ...any) {
	e.mu.Lock()
	e.said = format
	cleanups := e.cleanups
	e.mu.Unlock()
	for _, f := range cleanups {
		f()
	}
	runtime.Goexit()
}

// A program in which something goes wrong with a node ends, and does not wait for itself.
func TestAProgramEndsWhereANodeCannotBeChanged(t *testing.T) {
	others := testenv.Start(t, 2, testenv.Embedded())
	for _, c := range []struct {
		name string
		do   func(env *testenv.Env)
	}{
		{"kill", func(env *testenv.Env) { env.Node(0).Kill() }},
		{"restart", func(env *testenv.Env) { env.Node(0).Restart() }},
		{"pause", func(env *testenv.Env) { env.Node(0).Pause() }},
		{"on command", func(env *testenv.Env) { env.Node(0).OnCommand(func(string, string) {}) }},
		{"add", func(env *testenv.Env) { env.Add() }},
		{"flush", func(env *testenv.Env) { env.Node(0).Flush() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(testenv.NodesVariable, others.Nodes())
			program := &ending{}
			done := make(chan bool)
			go func() {
				defer close(done)
				c.do(testenv.Start(program, 2)) // nodes that belong to somebody else
			}()
			<-done
			if !strings.HasPrefix(program.said, "testenv: ") {
				t.Errorf("it said %q", program.said)
			}
		})
	}
}
