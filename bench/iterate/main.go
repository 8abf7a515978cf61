// Command iterate fills memcached nodes with sessions and sees them all, one after the other: how long
// that takes, and how much memory.
//
//	go run ./iterate -sessions 1000000
//	go run ./iterate -sessions 1000000 -owners 250000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

var (
	sessions = flag.Int("sessions", 1_000_000, "how many sessions there are")
	size     = flag.Int("bytes", 300, "the size of each session's value")
	users    = flag.Int("owners", 0, "how many users they belong to; 0: to nobody")
	memory   = flag.Int("memory", 1024, "megabytes of each node")
	pace     = flag.Int("pace", 0, "Config.HealPerSecond, which bounds how many are read a second; 0: the default")
)

func main() {
	flag.Parse()
	os.Unsetenv(testenv.NodesVariable) // these nodes are filled
	program := testenv.NewProgram("iterate", os.Stderr)
	err := run(program, os.Stdout)
	program.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "iterate:", err)
		os.Exit(1)
	}
}

func run(tb testenv.TB, out io.Writer) error {
	env := testenv.Start(tb, 3, testenv.Real(), testenv.MemoryMB(*memory))
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		return err
	}
	c, err := cluster.New(cluster.Config{
		Nodes: nodes, Timeout: 2 * time.Second, HealPerSecond: *pace, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	began := time.Now()
	if err := fill(c); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d sessions of %d bytes, of %d users, on 3 nodes; saved in %v\n", *sessions, *size, *users, since(began))
	if err := c.WaitWhole(context.Background()); err != nil {
		return err
	}
	runtime.GC()
	before := heap()
	most, stop := watchHeap()
	began = time.Now()
	first, n, bytes := time.Duration(0), 0, int64(0)
	for s, err := range c.All(context.Background()) {
		if err != nil {
			stop()
			return err
		}
		if n++; n == 1 {
			first = time.Since(began)
		}
		bytes += int64(s.Bytes)
	}
	took := time.Since(began)
	stop()
	fmt.Fprintf(out, "All: %d sessions in %v, %.0f a second; the first after %v; %d bytes of heap for each at most (%.0f MiB)\n",
		n, took.Round(time.Millisecond), float64(n)/took.Seconds(), first.Round(time.Millisecond),
		int64(most.Load()-before)/int64(max(n, 1)), float64(most.Load()-before)/(1<<20))
	if n != *sessions {
		return fmt.Errorf("%d of %d sessions were seen: give the nodes more memory (-memory)", n, *sessions)
	}
	return nil
}

// fill saves the sessions.
func fill(c *cluster.Cluster) error {
	const workers = 64
	var failure atomic.Pointer[error]
	var next atomic.Int64
	var wg sync.WaitGroup
	value := make([]byte, *size)
	for range workers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(*sessions) && failure.Load() == nil; i = next.Add(1) {
				r := cluster.NewRecord(fmt.Sprint("session", i))
				r.Attrs["value"], r.Deadline = value, time.Now().Add(24*time.Hour)
				if *users > 0 {
					r.SetOwner(fmt.Sprint("user", i%int64(*users)), "Firefox on Linux, 192.0.2.7")
				}
				if err := c.Save(context.Background(), r); err != nil {
					failure.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// watchHeap tells the most heap that is in use until stop.
func watchHeap() (most *atomic.Uint64, stop func()) {
	most = new(atomic.Uint64)
	done := make(chan struct{})
	var wg sync.WaitGroup
	look := func() { most.Store(max(most.Load(), heap())) }
	wg.Go(func() {
		for {
			select {
			case <-done:
				look()
				return
			case <-time.After(50 * time.Millisecond):
				look()
			}
		}
	})
	return most, func() { close(done); wg.Wait() }
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
