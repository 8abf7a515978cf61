package main

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what healing costs: commands and bytes on the nodes, memory in this process, and the
// list of the keys of one node.

// counted are the counters of a node, by their names in its stats.
var counted = []string{"cmd_get", "cmd_set", "bytes_read", "bytes_written"}

// meter sums what nodes count. A node that is restarted counts from zero.
type meter struct {
	sum   map[string]int
	begun map[*testenv.Node]map[string]int
}

func newMeter(env *testenv.Env) *meter {
	m := &meter{map[string]int{}, map[*testenv.Node]map[string]int{}}
	for _, n := range env.All() {
		m.begin(n)
	}
	return m
}

// begin has the node's counters count from now on.
func (m *meter) begin(n *testenv.Node) { m.begun[n] = counters(n) }

// add adds what the node has counted since begin.
func (m *meter) add(n *testenv.Node) {
	for name, v := range counters(n) {
		m.sum[name] += v - m.begun[n][name]
	}
}

func counters(n *testenv.Node) map[string]int {
	now, stats := map[string]int{}, n.Stats()
	for _, name := range counted {
		now[name], _ = strconv.Atoi(stats[name])
	}
	return now
}

// growth is by how many bytes the heap in use has grown at most, while f ran.
func growth(f func() error) (most uint64, err error) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	before := heap()
	done := make(chan error, 1)
	go func() { done <- f() }()
	for t := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-done:
			t.Stop()
			return most, err
		case <-t.C:
			if now := heap(); now > before {
				most = max(most, now-before)
			}
		}
	}
}

// listing is what it costs to list the keys of one node.
type listing struct {
	keys  int
	bytes int64
	took  time.Duration
}

// listKeys reads the list of all keys of one node as fast as it comes.
func listKeys(addr string) (l listing, err error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return l, err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return l, err
	}
	began := time.Now()
	if _, err := fmt.Fprint(nc, "lru_crawler metadump hash\r\n"); err != nil {
		return l, err
	}
	for r := bufio.NewReaderSize(nc, 1<<20); ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return l, err
		}
		l.bytes += int64(len(line))
		switch {
		case strings.HasPrefix(string(line), "key="):
			l.keys++
		case string(line) == "END\r\n":
			l.took = time.Since(began)
			return l, nil
		case string(line) != "OK\r\n":
			return l, fmt.Errorf("list of keys: %s answers %q", addr, line)
		}
	}
}
