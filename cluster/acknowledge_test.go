package cluster

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell at the edge of which cases a save is acknowledged, and with which error it is
// refused beyond it.

// A save that has nothing to write promises no less than others: MinCopies nodes hold the session.
func TestSaveWithoutChangesNeedsMinCopies(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MinCopies: 2, RefreshSlack: time.Minute})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		w.save(c, r)
		if n := c.Stats().IdleSaves; n != 1 {
			w.Fatalf("%d idle saves", n)
		}
		hangs := w.preference("s")[1]
		hangs.Pause()
		_ = c.Ping(context.Background())
		w.until(c, hangs, StateDown)
		if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
			w.Errorf("one copy is not two: %v", err)
		}
	})
}

// A session that is begun replaces one that it finds. One that comes after it has read, and found
// nothing, is that of a parallel request: both are kept.
func TestNewSessionIsMergedWithOneSavedAfterItsRead(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		list[0].Kill()
		list[1].Kill()
		at := record.Timestamp{Clock: time.Now().UnixMicro() - 1, Writer: 7}
		w.once(func(cmd sentCommand) bool { return cmd.verb == "add" }, func() {
			for _, n := range list[2:] {
				w.put(n, "s", record.Change(nil, attrsOf("theirs=1"), time.Now().Add(time.Hour).UnixMilli(), at))
			}
		})
		w.create(c, "s", "ours=1")
		for _, n := range list[2:] {
			w.holds(n, "s", "theirs=1 ours=1")
		}
	})
}

// Every process looks at the first 2 × Replicas nodes, whatever it thinks of them: right after an
// outage a new session may lie there, although the homes are still away.
func TestNewSessionIsSavedOnTheFirstFallbacksAfterAnOutage(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		for i, n := range w.preference("s") {
			for range 2 {
				w.think(c, w.index("s", i), memcached.TimedOut)
			}
			n.Pause()
		}
		for _, i := range []int{2, 3} { // the first that are back
			w.preference("s")[i].Resume()
			for range goodAnswers {
				c.nodes()[w.index("s", i)].note(health.afterProbe, memcached.Answered, nil)
			}
		}
		w.create(c, "s", "a=1")
		w.sees(w.cluster(Config{}), "s", "a=1")
	})
}

// ErrTooLarge says that nothing is stored. One node has stored the session here, so the save may be
// seen: it is unavailable on two.
func TestSessionStoredByOneNodeIsNotTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := map[string]*testenv.Server{
			"192.0.2.1:11211": testenv.NewServer(testenv.ServerConfig{}),
			"192.0.2.2:11211": testenv.NewServer(testenv.ServerConfig{MaxItemBytes: 1000}),
		}
		for _, s := range at {
			defer s.Close()
		}
		c, err := New(Config{
			Nodes: []Node{{ID: "n1", Addr: "192.0.2.1:11211"}, {ID: "n2", Addr: "192.0.2.2:11211"}}, MinCopies: 2,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return at[addr].Dial(ctx) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r := NewRecord("s")
		r.Attrs["page"] = make([]byte, 2000)
		if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
			t.Errorf("save: %v", err)
		}
		if got, err := c.Load(context.Background(), "s"); err != nil || len(got.Attrs["page"]) != 2000 {
			t.Errorf("it is not stored, and may well be too large: %v", err)
		}
	})
}

// A fallback that has something under the key has stood in for a home. Where that cannot be used,
// and no home answers, nobody knows that there is no session.
func TestDamagedCopyOnAFallbackIsNoMissingSession(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		list[0].Kill()
		list[1].Kill()
		list[2].Set(record.KeyOf("s").Name(""), []byte("damaged"))
		w.missing(c, "s", ErrUnavailable)
	})
}

// Homes that hang cost a save one Timeout. They are not asked again, although nobody else has the
// word.
func TestHungHomesCostASaveOneTimeout(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		list[0].Pause()
		list[1].Pause()
		began := time.Now()
		w.create(c, "s", "a=1")
		if took := time.Since(began); took != DefaultTimeout {
			w.Errorf("a save took %v", took)
		}
		w.holds(list[2], "s", "a=1")
		w.holds(list[3], "s", "a=1")
	})
}
