package cluster

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// These stories tell what a request does when this process has no room left for questions to the
// home nodes of its session: that says nothing of the nodes, and others go on using them.

// slowly is a way to nodes that can be made slow: so slow that each answer takes most of a
// Timeout.
type slowly struct {
	net.Conn
	slow *atomic.Bool
}

func (c slowly) Read(b []byte) (int, error) {
	if c.slow.Load() {
		time.Sleep(DefaultTimeout * 2 / 3)
	}
	return c.Conn.Read(b)
}

// littleRoom returns a cluster with little room, and what fills it for the homes of a session until
// it is called again: more writes than there is room for, to nodes that answer slowly.
func (w *world) littleRoom(id string) (c *Cluster, busy func() (release func())) {
	slow := new(atomic.Bool)
	c = w.cluster(Config{MaxConns: 1, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := w.dial(ctx, network, addr)
		return slowly{nc, slow}, err
	}})
	return c, func() func() {
		slow.Store(true)
		stop := make(chan struct{})
		var others sync.WaitGroup
		for _, home := range w.preference(id)[:2] {
			n := c.nodes()[slices.IndexFunc(c.nodes(), func(n *node) bool { return n.ID == home.ID() })]
			others.Go(func() {
				for {
					for i := range 6 {
						size := i % 2 * (memcached.MaxShared + 1)
						others.Go(func() { _, _, _ = n.server.Write("another", make([]byte, size), nil, 1) })
					}
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			})
		}
		// Who comes now finds no room until its Timeout is over: places become free after 200 and 300
		// ms, and those who came in the first 160 ms take them.
		time.Sleep(DefaultTimeout * 6 / 5)
		return func() {
			close(stop)
			slow.Store(false)
			others.Wait()
			for _, n := range c.Nodes() {
				if n.State != StateUp || n.Timeouts != 0 {
					w.Errorf("%s is %v after %d timeouts", n.ID, n.State, n.Timeouts)
				}
			}
		}
	}
}

func TestFallbackIsNotBelievedWhileTheHomesWereNotAsked(t *testing.T) {
	story(t, 4, func(w *world) {
		c, busy := w.littleRoom("s")
		other := w.cluster(Config{})
		w.put(w.preference("s")[2], "s", liveAt(time.Now().Add(time.Hour).UnixMilli(), value("a", "old", 1)))
		w.create(c, "s", "a=1")
		loaded := w.load(c, "s")
		w.load(c, "s") // the connections stand
		release := busy()
		w.missing(c, "s", ErrUnavailable)
		loaded.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), loaded); !isErr(err, ErrUnavailable) {
			t.Errorf("save: %v", err)
		}
		release()
		w.sees(other, "s", "a=1")
	})
}

func TestNoSessionIsCreatedOnFallbacksWhileTheHomesWereNotAsked(t *testing.T) {
	story(t, 4, func(w *world) {
		c, busy := w.littleRoom("s")
		other := w.cluster(Config{})
		release := busy()
		r := NewRecord("s")
		r.Attrs["a"] = []byte("1")
		if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
			t.Errorf("save: %v", err)
		}
		release()
		w.missing(other, "s", ErrNotFound)
		w.save(c, r)
		w.sees(other, "s", "a=1")
	})
}

// Conflicts on a node count double once a call has taken long, but not where it was this process
// that has taken long.
func TestConflictsDoNotCountDoubleAfterAStall(t *testing.T) {
	story(t, 1, func(w *world) {
		c := w.cluster(Config{})
		for _, stalled := range []bool{false, true} {
			k := c.newOperation("s", intent{})
			began := time.Now()
			time.Sleep(2 * DefaultTimeout)
			if stalled {
				c.clock.Noticed(began)
			}
			if k.isLate() == stalled {
				w.Errorf("after a stall: %v, late: %v", stalled, k.isLate())
			}
		}
	})
}

// An operator learns of requests that find no room: one line, not thousands, which names the node
// and the setting, and a count. The node has done nothing wrong.
func TestRequestsThatFindNoRoomAreShown(t *testing.T) {
	story(t, 4, func(w *world) {
		c, busy := w.littleRoom("s")
		release := busy()
		release()
		c.Close()
		var away uint64
		for _, s := range c.Nodes() {
			away += s.Busy
			lines := linesIn(w.logs, "want of room\" node="+s.ID+" ")
			switch {
			case s.Busy == 0:
				if len(lines) != 0 {
					w.Errorf("%s: nobody is turned away, and logged is %q", s.ID, lines)
				}
			case s.Errors != 0 || s.State != StateUp:
				w.Errorf("%+v", s)
			case len(lines) != 2 || !strings.Contains(lines[0], "MaxConns") || !strings.Contains(lines[1], fmt.Sprint("omitted=", s.Busy-2)):
				w.Errorf("%d are turned away, and logged is %q", s.Busy, lines)
			}
		}
		if away < 100 || c.Stats().Busy != away {
			w.Errorf("%d are turned away: the test wants many; the statistics say %d", away, c.Stats().Busy)
		}
	})
}
