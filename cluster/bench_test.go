package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file measures what grows with the number of nodes: the preference list, the choice of
// targets, the balance, the keys that move when nodes come and go, and what a node
// costs a process. The simulations run when HOLDFAST_SCALE says over how many keys.

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

func BenchmarkPreference(b *testing.B) {
	for _, n := range scaleNodes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := newPlacement(manyNodes(n))
			var room [8]int
			key := record.KeyOf("session")
			b.ReportAllocs()
			for b.Loop() {
				key[0]++
				key[1] += key[0] & 1
				r.preference(key, 2*DefaultReplicas+2, room[:0])
			}
		})
	}
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

func TestPreferenceListOfManyNodesAllocatesNothing(t *testing.T) {
	r := newPlacement(manyNodes(100))
	var room [8]int
	key := record.KeyOf("session")
	if n := testing.AllocsPerRun(100, func() { r.preference(key, 6, room[:0]) }); n != 0 {
		t.Errorf("a preference list of 100 nodes makes %v allocations", n)
	}
}

// homes counts where the copies of keys lie.
type homes struct {
	perNode []int // copies
	moved   int   // copies that lie elsewhere than before
	both    int   // keys that have none of their homes of before
}

// place looks at the homes of keys in one ring and, if there is one, in the ring
// before it. Nodes are told apart by their index in the longer list, which begins with
// the shorter one, shifted where the first nodes were removed.
func place(keys int, now, before *placement, shift int) homes {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]homes, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			p := homes{perNode: make([]int, len(now.seeds))}
			var roomA, roomB [DefaultReplicas]int
			for i := w; i < keys; i += workers {
				key := record.KeyOf(strconv.Itoa(i))
				a := now.preference(key, DefaultReplicas, roomA[:0])
				for _, n := range a {
					p.perNode[n]++
				}
				if before == nil {
					continue
				}
				moved := 0
				b := before.preference(key, DefaultReplicas, roomB[:0])
				for _, n := range a {
					if n+shift != b[0] && n+shift != b[1] {
						moved++
					}
				}
				p.moved += moved
				if moved == DefaultReplicas {
					p.both++
				}
			}
			parts[w] = p
		})
	}
	wg.Wait()
	all := homes{perNode: make([]int, len(now.seeds))}
	for _, p := range parts {
		all.moved += p.moved
		all.both += p.both
		for n, k := range p.perNode {
			all.perNode[n] += k
		}
	}
	return all
}

// evenness returns the fullest and the emptiest node and the standard deviation, as
// parts of the mean.
func (h homes) evenness() (most, least, deviation float64) {
	total, high, low := 0, 0, math.MaxInt
	for _, n := range h.perNode {
		total, high, low = total+n, max(high, n), min(low, n)
	}
	mean := float64(total) / float64(len(h.perNode))
	for _, n := range h.perNode {
		deviation += (float64(n) - mean) * (float64(n) - mean)
	}
	return float64(high) / mean, float64(low) / mean, math.Sqrt(deviation/float64(len(h.perNode))) / mean
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

func TestScaleBalanceAndMoves(t *testing.T) {
	keys := scaleKeys(t)
	t.Logf("%d keys, %d copies each", keys, DefaultReplicas)
	t.Logf("%6s %22s %10s %28s %28s", "nodes", "fullest / emptiest", "deviation", "copies moved, one added", "copies moved, one removed")
	for _, n := range scaleNodes {
		nodes := manyNodes(n + 1)
		before := newPlacement(nodes[:n])
		added := place(keys, newPlacement(nodes), before, 0)
		h := place(keys, before, nil, 0)
		most, least, deviation := h.evenness()
		removed := place(keys, newPlacement(nodes[1:n]), before, 1)
		copies := float64(keys * DefaultReplicas)
		t.Logf("%6d %11.4f / %.4f %9.2f%% %13.3f%% (least %.3f%%) %13.3f%% (least %.3f%%)", n, most, least, 100*deviation,
			100*float64(added.moved)/copies, 100/float64(n+1), 100*float64(removed.moved)/copies, 100/float64(n))
		if added.both+removed.both != 0 {
			t.Errorf("%d nodes: %d keys lost both homes at once", n, added.both+removed.both)
		}
		if min(added.moved, removed.moved) == 0 {
			t.Errorf("%d nodes: nothing moved", n)
		}
	}
}

// When a node dies, the copies it held go to all others alike, and not to one neighbour.
func TestScaleLoadAfterADeath(t *testing.T) {
	keys := scaleKeys(t)
	for _, n := range scaleNodes {
		nodes := manyNodes(n)
		before, after := place(keys, newPlacement(nodes), nil, 0), place(keys, newPlacement(nodes[1:]), nil, 0)
		most := 0.0
		for i, k := range after.perNode {
			most = max(most, float64(k)/float64(before.perNode[i+1]))
		}
		t.Logf("%6d nodes, one dead: the others hold up to %.4f times as many copies (least %.4f)", n, most, float64(n)/float64(n-1))
	}
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
