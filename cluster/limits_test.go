package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tests what becomes of sessions that are too large for an item, a node or its memory.

func TestATooLargeSessionLeavesTheOldOne(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 2000})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		r.Attrs["big"] = make([]byte, 2000)
		w.forget()
		err := c.Save(context.Background(), r)
		if !isErr(err, ErrTooLarge) || !strings.Contains(err.Error(), "2000") || !strings.Contains(err.Error(), "MaxRecordBytes") {
			w.Errorf("save: %v", err)
		}
		if w.count() != 0 {
			w.Errorf("sent %v", w.sent)
		}
		w.sees(c, "s", "a=1")
		delete(r.Attrs, "big")
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.sees(c, "s", "a=2")
		if s := c.Stats(); s.TooLarge != 1 {
			w.Errorf("stats %+v", s)
		}
	})
}

// Each change fits, both together do not.
func TestMergeThatIsTooLargeFailsTheLaterSave(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{MaxRecordBytes: 2000}), w.cluster(Config{MaxRecordBytes: 2000})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		w.change(other, "s", "theirs", strings.Repeat("x", 1200))
		r.Attrs["ours"] = make([]byte, 1200)
		if err := c.Save(context.Background(), r); !isErr(err, ErrTooLarge) {
			w.Errorf("save: %v", err)
		}
		w.sees(other, "s", "a=1 theirs="+strings.Repeat("x", 1200))
	})
}

func TestTheLargestSessionFitsIntoAMemcachedItem(t *testing.T) {
	onRealNodes(t, 2, nil, func(t *testing.T, c *Cluster, _ *testenv.Env) {
		ctx := context.Background()
		r := NewRecord("s")
		r.Attrs["x"] = nil
		b, err := record.Change(nil, r.Attrs, 1<<42, record.Timestamp{Clock: 1 << 51, Writer: 1}).Encode(record.KeyOf("s"), nil)
		if err != nil {
			t.Fatal(err)
		}
		size := DefaultMaxRecordBytes - len(b) - 8
		for ; ; size++ {
			r.Attrs["x"] = make([]byte, size)
			if err = c.Save(ctx, r); err != nil {
				break
			}
			if size > DefaultMaxRecordBytes {
				t.Fatal("larger than the limit, and stored")
			}
		}
		if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "MaxRecordBytes") {
			t.Errorf("a node refused what the limit allows: %v", err)
		}
		got, err := c.Load(ctx, "s")
		if err != nil || len(got.Attrs["x"]) != size-1 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// onRealNodes runs a test on memcached processes with these arguments.
func onRealNodes(t *testing.T, n int, args []string, test func(t *testing.T, c *Cluster, env *testenv.Env)) {
	t.Helper()
	opts := []testenv.Option{testenv.Real()}
	if len(args) > 0 {
		opts = append(opts, testenv.Args(args...))
	}
	env := testenv.Start(t, n, opts...)
	nodes, err := ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	// Nobody waits for this timeout here; a busy machine must not fail the test.
	c, err := New(Config{Nodes: nodes, KeyPrefix: fmt.Sprintf("%d:", time.Now().UnixNano()), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	test(t, c, env)
}

func TestANodeWithASmallerItemSizeRefusesAndKeepsTheOldSession(t *testing.T) {
	onRealNodes(t, 3, []string{"-I", "512k"}, func(t *testing.T, c *Cluster, _ *testenv.Env) {
		ctx := context.Background()
		r := NewRecord("s")
		r.Attrs["a"] = []byte("1")
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(err)
		}
		for range 2 { // with tokens and without
			r.Attrs["big"] = make([]byte, 800_000)
			err := c.Save(ctx, r)
			if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "-I") {
				t.Errorf("save: %v", err)
			}
			got, err := c.Load(ctx, "s")
			if err != nil || len(got.Attrs) != 1 || string(got.Attrs["a"]) != "1" {
				t.Fatalf("the session from before: %v, %v", got, err)
			}
			r = got
		}
		if err := c.Save(ctx, &Record{key: "new", Attrs: map[string][]byte{"big": make([]byte, 800_000)}}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a new session: %v", err)
		}
		for _, s := range c.Nodes() {
			if s.State != StateUp {
				t.Errorf("a refusal is no illness: %+v", s)
			}
		}
	})
}

func TestNodeOutOfMemoryIsReplacedByAFallback(t *testing.T) {
	onRealNodes(t, 3, nil, func(t *testing.T, _ *Cluster, env *testenv.Env) {
		ctx := context.Background()
		full := testenv.Start(t, 1, testenv.Real(), testenv.Args("-M", "-m", "2"))
		nodes, err := ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		nodes[0].Addr = full.Node(0).Addr()
		c, err := New(Config{Nodes: nodes, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// Fill it past the client with items of a session's size, until it refuses one.
		n, isFull := c.nodes()[0], false
		for i := 0; i < 20_000 && !isFull; i++ {
			_, _, err := n.server.Write(fmt.Sprint("filler", i), make([]byte, 5060), nil, 0)
			isFull = memcached.IsFull(err)
		}
		if !isFull {
			t.Fatal("it takes whatever comes")
		}
		for i := range 100 {
			id := fmt.Sprint("s", i)
			if c.newOperation(id, intent{}).preferred(0) != n {
				continue
			}
			r := NewRecord(id)
			r.Attrs["x"] = bytes.Repeat([]byte("x"), 5000)
			if err := c.Save(ctx, r); err != nil {
				t.Fatal(err)
			}
			k := c.newOperation(id, intent{})
			for _, place := range []int{1, 2} {
				if it, err := k.preferred(place).getOne(k.key); err != nil || it == nil {
					t.Errorf("place %d of %s has no copy: %v", place, id, err)
				}
			}
			if got, err := c.Load(ctx, id); err != nil || len(got.Attrs["x"]) != 5000 {
				t.Errorf("load: %v, %v", got, err)
			}
			if err := c.Delete(ctx, id); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if s := c.Nodes()[0]; s.State != StateUp || s.Errors != 0 {
			t.Errorf("no memory is no illness: %+v", s)
		}
	})
}

// One of three nodes takes smaller items than the others. Its refusal is not the last word.
func TestNodeWithSmallerItemsFailsNoSave(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it starts processes")
	}
	env := testenv.Start(t, 2, testenv.Real())
	small := testenv.Start(t, 1, testenv.Real(), testenv.Args("-I", "512k"))
	nodes, err := ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	nodes = append(nodes, Node{ID: "small", Addr: small.Node(0).Addr()})
	c, err := New(Config{Nodes: nodes, Timeout: 5 * time.Second, KeyPrefix: fmt.Sprintf("%d:", time.Now().UnixNano())})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for i := range 12 {
		id := fmt.Sprint("s", i)
		r := NewRecord(id)
		r.Attrs["a"] = []byte("1")
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(err)
		}
		big := make([]byte, 700_000)
		for _, fresh := range []bool{false, true} {
			if fresh {
				if r, err = c.Load(ctx, id); err != nil {
					t.Fatal(err)
				}
				big = append(big, 1)
			}
			r.Attrs["big"] = big
			if err := c.Save(ctx, r); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			got, err := c.Load(ctx, id)
			if err != nil || len(got.Attrs["big"]) != len(big) {
				t.Fatalf("%s: load: %v, %v", id, got, err)
			}
		}
		k := c.newOperation(id, intent{})
		copies := 0
		for place := range 3 {
			if it, err := k.preferred(place).getOne(k.key); err == nil && it != nil && len(it.Value) > len(big) {
				copies++
			}
		}
		if copies != 2 {
			t.Errorf("%s has %d copies, want 2", id, copies)
		}
	}
}
