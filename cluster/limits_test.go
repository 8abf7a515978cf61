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
		n, refused := c.nodes[0], false
		for i := 0; i < 20_000 && !refused; i++ {
			_, _, err := n.server.Write(fmt.Sprint("filler", i), make([]byte, 5060), nil, 0)
			refused = memcached.IsFull(err)
		}
		if !refused {
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

func TestADamagedCopyIsRepairedFromTheOther(t *testing.T) {
	otherKey := func(w *world) []byte {
		b, err := liveAt(1<<50, value("user", "someone else", 1)).Encode(record.KeyOf("other"), nil)
		if err != nil {
			w.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name   string
		damage func(w *world, good []byte) []byte
	}{
		{"a flipped bit", func(_ *world, good []byte) []byte { good[len(good)/2] ^= 4; return good }},
		{"cut short", func(_ *world, good []byte) []byte { return good[:len(good)-1] }},
		{"empty", func(*world, []byte) []byte { return nil }},
		{"not ours", func(*world, []byte) []byte { return []byte("a:1:{s:4:\"user\";i:7;}") }},
		{"somebody else's session", func(w *world, _ []byte) []byte { return otherKey(w) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app := w.cluster(Config{})
				w.create(app, "s", "a=1")
				key := record.KeyOf("s").Name("")
				homes := w.preference("s")[:2]
				good, _ := homes[0].Get(key)
				homes[0].Set(key, c.damage(w, bytes.Clone(good)))
				w.sees(app, "s", "a=1")
				if b, _ := homes[0].Get(key); !bytes.Equal(b, good) {
					w.Errorf("not repaired: %q", b)
				}
				// A save meets damage as well.
				r := w.load(app, "s")
				homes[1].Set(key, c.damage(w, bytes.Clone(good)))
				r.Attrs["a"] = []byte("2")
				w.save(app, r)
				w.holds(homes[0], "s", "a=2")
				w.holds(homes[1], "s", "a=2")
				if s := app.Stats(); s.Damaged != 2 {
					w.Errorf("stats %+v", s)
				}
				if n := strings.Count(w.logs.String(), "unusable"); n != 2 {
					w.Errorf("logged %d times: %s", n, w.logs)
				}
				for _, n := range homes {
					n.Set(key, c.damage(w, bytes.Clone(good)))
				}
				w.missing(app, "s", ErrNotFound)
				if s := app.Stats(); s.Damaged != 4 {
					w.Errorf("stats %+v", s)
				}
				if got := w.create(app, "s", "b=1"); got != nil {
					w.sees(app, "s", "b=1")
				}
			})
		})
	}
}

// newerVersion is the copy as a later version of this package would write it.
func newerVersion(b []byte) []byte {
	b = bytes.Clone(b[:len(b)-checksumSize])
	b[1] = formatVersion + 1
	return sealed(b)
}

func TestARecordOfANewerVersionIsLeftAlone(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		key := record.KeyOf("s").Name("")
		homes := w.preference("s")[:2]
		good, _ := homes[0].Get(key)
		newer := newerVersion(good)
		for _, n := range homes {
			n.Set(key, newer)
		}
		w.missing(c, "s", ErrVersion)
		r.Attrs["a"] = []byte("2")
		for _, r := range []*Record{r, NewRecord("s")} {
			if err := c.Save(context.Background(), r); !isErr(err, ErrVersion) {
				w.Errorf("save: %v", err)
			}
		}
		for _, n := range homes {
			if b, _ := n.Get(key); !bytes.Equal(b, newer) {
				w.Errorf("%s: it was replaced", n.ID())
			}
		}
		if s := c.Stats(); s.Unreadable == 0 || s.Damaged != 0 {
			w.Errorf("stats %+v", s)
		}
		w.delete(c, "s")
		w.missing(c, "s", ErrNotFound)
	})
}

// A tampered copy keeps nobody from a new session either.
func TestOneTamperedCopyFailsNoLoadAndNoSave(t *testing.T) {
	for place := range 2 {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
			w.create(c, "s", "a=1")
			key := record.KeyOf("s").Name("")
			bad := w.preference("s")[place]
			good, _ := bad.Get(key)
			w.preference("s")[1-place].Restart()
			bad.Set(key, tamperedSeal(good))
			w.missing(c, "s", ErrNotFound)
			w.create(c, "s", "a=2")
			w.sees(w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}}), "s", "a=2")
		})
	}
}

// One node that shows what this process cannot read keeps nobody from what another home holds,
// nor from a new session. What it holds is left alone.
func TestOneUnreadableCopyFailsNoLoadAndNoSave(t *testing.T) {
	unknownKey := func(b []byte) []byte {
		s, err := record.Decode(b, record.KeyOf("s"), nil, readAt)
		if err != nil {
			t.Fatal(err)
		}
		return bytesOf(t, s, "s", mustSealer(t, false, 9))
	}
	for name, unreadable := range map[string]func([]byte) []byte{"a newer version": newerVersion, "an unknown seal key": unknownKey} {
		for _, nodes := range []int{2, 3} {
			for place := range 2 {
				t.Run(fmt.Sprint(name, " ", nodes, " ", place), func(t *testing.T) {
					story(t, nodes, func(w *world) {
						c, other := w.cluster(Config{}), w.cluster(Config{})
						w.create(c, "s", "a=1")
						key := record.KeyOf("s").Name("")
						bad := w.preference("s")[place]
						good, _ := bad.Get(key)
						good = unreadable(good)
						bad.Set(key, good)
						w.sees(c, "s", "a=1")
						w.change(c, "s", "a", "2")
						w.sees(other, "s", "a=2")
						if b, _ := bad.Get(key); !bytes.Equal(b, good) {
							w.Errorf("%s: it was replaced", bad.ID())
						}
						w.delete(c, "s")
						w.missing(other, "s", ErrNotFound)
						// A new session, and an id that nobody has.
						w.preference("s")[1-place].Restart()
						if nodes == 3 {
							w.preference("s")[2].Restart() // a tombstone lies there
						}
						bad.Set(key, good)
						w.missing(w.cluster(Config{}), "s", ErrNotFound)
						c = w.cluster(Config{})
						w.create(c, "s", "a=3")
						w.sees(other, "s", "a=3")
						if nodes == 3 {
							w.holds(w.preference("s")[2], "s", "a=3")
						}
					})
				})
			}
		}
	}
}

func TestASealedClusterServesNoPlainRecord(t *testing.T) {
	story(t, 3, func(w *world) {
		plainly, sealing := w.cluster(Config{}), w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		both := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}, AllowUnsealed: true})
		w.create(plainly, "s", "a=1")
		w.missing(sealing, "s", ErrSealed)
		w.change(both, "s", "b", "2")
		w.sees(sealing, "s", "a=1 b=2")
		w.missing(plainly, "s", ErrSealed)
		key := record.KeyOf("s").Name("")
		for _, n := range w.preference("s")[:2] {
			if b, _ := n.Get(key); bytes.Contains(b, []byte("a")) && b[2]&flagSealed == 0 {
				w.Errorf("%s holds a plain copy", n.ID())
			}
		}
		w.preference("s")[0].Restart()
		w.sees(sealing, "s", "a=1 b=2")
		w.delete(sealing, "s")
		w.missing(sealing, "s", ErrNotFound)
	})
}
