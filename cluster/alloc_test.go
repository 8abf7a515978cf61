package cluster

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file holds what a request costs in memory where nothing goes wrong: it does not depend on
// the machine, as time does.

// quickConn is a connection to a node that stores whatever it is sent, and finds one value.
type quickConn struct {
	net.Conn // nil; its other methods are not called
	value    []byte
	answer   []byte
	left     []byte // of the answer
}

func (c *quickConn) Write(b []byte) (int, error) {
	if keys, isGet := bytes.CutPrefix(b, []byte("gets ")); isGet {
		c.answer = append(append(c.answer[:0], "VALUE "...), bytes.TrimSpace(keys)...)
		c.answer = append(append(c.answer, c.value...), "END\r\n"...)
	} else {
		c.answer = append(c.answer[:0], "STORED\r\n"...)
	}
	c.left = c.answer
	return len(b), nil
}

func (c *quickConn) Read(b []byte) (int, error) {
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *quickConn) SetDeadline(time.Time) error { return nil }
func (c *quickConn) Close() error                { return nil }

func TestALoadAndASaveTakeFewAllocations(t *testing.T) {
	c, load, save := quickCluster(t, Config{Logger: slog.New(slog.DiscardHandler)})
	defer c.Close()
	loads := testing.AllocsPerRun(200, load)
	both := testing.AllocsPerRun(200, func() { load(); save() })
	mostLoad, mostBoth := 17.0, 35.0
	if poolsForget() {
		mostLoad, mostBoth = 20, 40
	}
	if loads > mostLoad || both > mostBoth {
		t.Errorf("a load takes %v allocations, want %v at most; load and save %v, want %v", loads, mostLoad, both, mostBoth)
	}
}

// quickCluster returns a cluster over two quick nodes that are whole, with a load and a save of one
// session.
func quickCluster(t *testing.T, cfg Config) (c *Cluster, load, save func()) {
	t.Helper()
	const id = "session"
	stands := record.Change(nil, attrsOf("a=1 b=2 c=3 d=4 e=5"), time.Now().Add(time.Hour).UnixMilli(), record.Timestamp{Clock: time.Now().UnixMicro(), Writer: 7})
	record, err := stands.Encode(record.KeyOf(id), nil)
	if err != nil {
		t.Fatal(err)
	}
	value := fmt.Appendf(nil, " 0 %d 9\r\n%s\r\n", len(record), record)
	cfg.Nodes, cfg.Timeout = manyNodes(2), 30*time.Second // few beats of the clock
	cfg.unwatched = true                                  // this server knows no markers
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return &quickConn{value: value}, nil }
	c, err = New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes() {
		n.wholeIn.Store(n.epochNow() + 1)
	}
	var r *Record
	load = func() {
		if r, err = c.Load(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	save = func() {
		r.Attrs["a"][0]++
		if err := c.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return c, load, save
}

// poolsForget reports whether a sync.Pool loses at random what it is given, as it does under the
// race detector.
func poolsForget() bool {
	made := 0
	pool := sync.Pool{New: func() any { made++; return new(int) }}
	for range 100 {
		pool.Put(pool.Get())
	}
	return made > 10
}
