package cluster

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what a wide read proves, for how long, and by which clock.

// The app's clock is behind or ahead: what it says of the wide read and of the node's return must
// come from one clock. With a clock behind, the wide read in the outage would look later than the
// return; with one ahead, every read would be wide.
func TestWideReadsAreRememberedByTheAppsClock(t *testing.T) {
	for _, skew := range []time.Duration{0, -20 * time.Minute, 20 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			story(t, 4, func(w *world) {
				c := w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
				w.hangsInARead(c, time.Hour)
				time.Sleep(time.Minute)
				before := c.Stats().WideReads
				for range 50 {
					w.load(c, "s")
				}
				if n := c.Stats().WideReads - before; n > 2 {
					t.Errorf("%d wide reads in 50 loads", n)
				}
				w.change(c, "s", "a", "2")
				time.Sleep(2 * time.Minute)
				list := w.preference("s")
				list[0].Pause()
				list[1].Pause()
				w.missing(c, "s", ErrUnavailable)
			})
		})
	}
}

// Where keys are not listed a node stays not whole, and each session is read wide once: not each time, whatever the
// app's clock says.
func TestWhereKeysAreNotListedASessionIsReadWideOnce(t *testing.T) {
	for _, skew := range []time.Duration{0, -20 * time.Minute, 20 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
				w.listsNoKeys(c, w.preference("s")[0])
				time.Sleep(time.Second)
				w.create(c, "s", "a=1")
				w.load(c, "s")
				before := c.Stats().WideReads
				for range 50 {
					w.load(c, "s")
				}
				if n := c.Stats().WideReads - before; n > 0 {
					t.Errorf("%d wide reads in 50 loads", n)
				}
			})
		})
	}
}

// listsNoKeys empties the node where no keys are listed, so that it stays not whole until all sessions of before have ended.
func (w *world) listsNoKeys(c *Cluster, lost *testenv.Node) {
	w.Helper()
	w.createIdle(c, 5)
	for _, n := range w.env.All() {
		n.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
	}
	lost.Restart()
	if err := c.WaitWhole(w.Context()); !isErr(err, ErrKeysNotListed) {
		w.Fatal(err)
	}
}

// A load that begins while the read repair of another is on its way must not take the target's old
// copy for all there is.
func TestAWideReadCountsOnceTheTargetsHaveWhatItFound(t *testing.T) {
	story(t, 3, func(w *world) {
		home := w.preference("s")[0]
		c := w.cluster(Config{Replicas: 1})
		w.listsNoKeys(c, home)                               // else each read is wide
		w.create(w.cluster(Config{Replicas: 1}), "s", "a=1") // c has not read it wide
		time.Sleep(time.Second)
		other := w.cluster(Config{Replicas: 1, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == home.Addr() {
				return nil, syscall.ECONNREFUSED
			}
			return w.dial(ctx, network, addr)
		}})
		r := NewRecord("s")
		r.Attrs["a"], r.Deadline = []byte("2"), time.Now().Add(time.Hour)
		w.save(other, r)
		isRepair := func(cmd sentCommand) bool { return cmd.verb == "cas" && w.env.Node(cmd.node) == home }
		repaired := w.once(isRepair, func() { w.sees(c, "s", "a=2") })
		w.sees(c, "s", "a=2")
		if !repaired() {
			w.Error("there was no read repair")
		}
	})
}

// A fallback keeps a copy that has just ended; the homes hold a later end and hang. That is no proof
// that there is no session.
func TestAnEndedCopyOnAFallbackIsNoProof(t *testing.T) {
	for _, skew := range []time.Duration{0, 5 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			story(t, 3, func(w *world) {
				a, b := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
				w.hangsInARead(a, time.Hour)
				end := time.Now().Add(time.Hour)
				r := w.load(b, "s") // it has noticed nothing
				r.Deadline = time.Now().Add(3 * time.Hour)
				w.save(b, r)
				time.Sleep(time.Until(end) - skew + 300*time.Millisecond)
				list := w.preference("s")
				list[0].Pause()
				list[1].Pause()
				w.missing(b, "s", ErrUnavailable)
				list[0].Resume()
				list[1].Resume()
				time.Sleep(5 * time.Second)
				w.sees(b, "s", "a=1")
			})
		})
	}
}

// A node that is thought down answers at once, while another of the round takes long: the answer is
// there, and counts.
func TestAnAnswerThatIsThereCounts(t *testing.T) {
	for range 20 {
		story(t, 5, func(w *world) {
			a, b := w.cluster(Config{}), w.cluster(Config{})
			list := w.preference("s")
			w.create(a, "s", "a=1")
			for range 2 {
				w.think(b, w.index("s", 0), memcached.TimedOut)
			}
			list[1].Restart()
			list[3].Pause()
			w.sees(b, "s", "a=1")
			list[3].Resume()
		})
	}
}

// This process has no room for a question to the homes, and a fallback holds a copy of before. A
// tombstone on fallbacks alone ends nothing: the homes are in use by others.
func TestADeletionOnFallbacksAloneIsNotAcknowledged(t *testing.T) {
	story(t, 4, func(w *world) {
		c, busy := w.littleRoom("s")
		other := w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.load(c, "s")
		release := busy()
		list := w.preference("s")
		w.put(list[2], "s", w.on(list[0], "s"))
		err := c.Delete(context.Background(), "s")
		release()
		if !isErr(err, ErrUnavailable) {
			w.Errorf("delete: %v, want ErrUnavailable", err)
		}
		w.sees(other, "s", "a=1")
	})
}

// A node answers, hangs, and is found down by others while the wide read waits: what it had said
// before is no sign that it is up.
func TestAWideReadMarksUpOnlyWhomItAsked(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[1].Restart() // a copy is missing
		asked := w.once(func(cmd sentCommand) bool { return cmd.verb == "gets" && w.env.Node(cmd.node) == list[3] }, func() {
			list[0].Pause()
			for range 2 {
				w.think(c, w.index("s", 0), memcached.TimedOut)
			}
		})
		w.sees(c, "s", "a=1")
		if !asked() || c.nodes()[w.index("s", 0)].isUp() {
			w.Errorf("asked: %v; a node that hangs was taken for up", asked())
		}
		list[0].Resume()
	})
}

// A deletion reads both homes and is cut off from them as it writes. Its tombstones lie on fallbacks
// only, which nobody else asks.
func TestADeletionThatIsCutOffAsItWritesIsNotAcknowledged(t *testing.T) {
	story(t, 4, func(w *world) {
		homes := map[string]bool{w.preference("s")[0].Addr(): true, w.preference("s")[1].Addr(): true}
		var cut atomic.Bool
		c := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if cut.Load() && homes[addr] {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			nc, err := w.dial(ctx, network, addr)
			return &cutConn{Conn: nc, isCut: func(b []byte) bool {
				if homes[addr] && bytes.HasPrefix(b, []byte("set ")) {
					cut.Store(true)
				}
				return cut.Load() && homes[addr]
			}}, err
		}})
		other := w.cluster(Config{})
		w.create(other, "s", "a=1")
		if err := c.Delete(context.Background(), "s"); !isErr(err, ErrUnavailable) || !cut.Load() {
			w.Errorf("delete: %v, want ErrUnavailable; cut off: %v", err, cut.Load())
		}
		w.sees(other, "s", "a=1")
	})
}

// cutConn is a connection that breaks at the first write for which isCut is true.
type cutConn struct {
	net.Conn
	isCut func(b []byte) bool
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.isCut(b) {
		c.Conn.Close()
		return 0, syscall.ECONNRESET
	}
	return c.Conn.Write(b)
}
