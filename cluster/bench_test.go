package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// This file measures what grows with the number of nodes: the choice of targets, and what a node costs a
// process. Package placement measures the preference list. The measurements run when HOLDFAST_SCALE is set.

const scaleVariable = "HOLDFAST_SCALE"

// scaleNodes are the sizes of clusters that are looked at.
var scaleNodes = []int{3, 30, 100, 300, 1000}

func manyNodes(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprintf("n%d", i+1), Addr: fmt.Sprintf("10.%d.%d.%d:11211", i>>16, i>>8&255, i&255)}
	}
	return nodes
}

func bigCluster(tb testing.TB, n int) *Cluster {
	c, err := New(Config{
		Nodes: manyNodes(n), Logger: slog.New(slog.DiscardHandler),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// The choice of a call's targets: the key's hash, its preference list, and the health
// of the nodes at its head, with all nodes up and with every tenth down.
func BenchmarkTargets(b *testing.B) {
	for _, n := range scaleNodes {
		for _, down := range []bool{false, true} {
			name := fmt.Sprintf("%d/up", n)
			if down {
				name = fmt.Sprintf("%d/tenth down", n)
			}
			b.Run(name, func(b *testing.B) {
				c := bigCluster(b, n)
				for i := 0; down && i < n; i += 10 {
					c.nodes()[i].mu.Lock()
					c.nodes()[i].health = health{state: StateDown}
					c.nodes()[i].mu.Unlock()
				}
				ids := make([]string, 1024)
				for i := range ids {
					ids[i] = fmt.Sprintf("session-%06d-0123456789abcdef", i)
				}
				var room [4]*node
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					c.newOperation(ids[i%len(ids)], intent{}).targets(room[:0])
				}
			})
		}
	}
}

func scaleKeys(t *testing.T) int {
	text := os.Getenv(scaleVariable)
	if text == "" {
		t.Skipf("set %s to a number of keys", scaleVariable)
	}
	keys, err := strconv.Atoi(text)
	if err != nil || keys < 1 {
		t.Fatalf("%s=%q: want a number of keys", scaleVariable, text)
	}
	return keys
}

func TestScaleMemoryAndGoroutines(t *testing.T) {
	scaleKeys(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, n := range scaleNodes {
		list := manyNodes(n)
		goroutines, before := runtime.NumGoroutine(), heap()
		began := time.Now()
		c, err := New(Config{Nodes: list})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		after := heap()
		t.Logf("%6d nodes: %d bytes a node without connections, %d goroutines, New takes %v", n, int64(after-before)/int64(n), runtime.NumGoroutine()-goroutines, took.Round(time.Microsecond))
		runtime.KeepAlive(list)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Every node down at the same time is the most that probing can cost a process.
func TestScaleGoroutinesOfDownNodes(t *testing.T) {
	scaleKeys(t)
	const n = 1000
	c := bigCluster(t, n)
	before := runtime.NumGoroutine()
	if err := c.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a ping of dead nodes is %v", err)
	}
	down := 0
	for _, s := range c.Nodes() {
		if s.State != StateUp {
			down++
		}
	}
	t.Logf("%d of %d nodes are not up, %d goroutines beyond those before", down, n, runtime.NumGoroutine()-before)
	if got := runtime.NumGoroutine() - before; got > 2*n {
		t.Errorf("%d goroutines for %d dead nodes", got, n)
	}
}
