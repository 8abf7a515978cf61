package cluster

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/lateconn"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// These stories tell of answers that were there when a deadline was noticed: the poller of
// Go reports the deadline first. A node that has answered has not timed out.

// tardy is a process that notices deadlines before anything else, when it is told to.
type tardy struct {
	*world
	lateconn.Late
	dials atomic.Int32
}

func (p *tardy) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := p.env.DialContext(ctx, network, addr)
	if p.dials.Add(-1) >= 0 {
		<-ctx.Done() // what it reports is that the context has ended, but here is the connection
	}
	return p.Conn(nc), err
}

// blameless fails if a node is held to have been silent.
func (p *tardy) blameless(c *Cluster) {
	p.Helper()
	for _, n := range c.Nodes() {
		if n.State != StateUp || n.Timeouts != 0 || n.Errors != 0 {
			p.Errorf("%s is %v after %d timeouts and %d errors", n.ID, n.State, n.Timeouts, n.Errors)
		}
	}
}

func TestAnswerReadAfterTheDeadlineIsNoTimeout(t *testing.T) {
	for _, c := range []struct {
		why                  string
		reads, writes, dials int32
	}{
		{"both answers come with a deadline that has passed", 2, 0, 0},
		{"both commands are to be sent with one", 0, 2, 0},
		{"both", 2, 2, 0},
	} {
		t.Run(c.why, func(t *testing.T) {
			story(t, 3, func(w *world) {
				p := &tardy{world: w}
				cl := w.cluster(Config{DialContext: p.dial})
				w.create(cl, "s", "a=1")
				step := func(what string, do func()) {
					p.Reads.Store(c.reads)
					p.Writes.Store(c.writes)
					began := time.Now()
					do()
					if took := time.Since(began); took > 2*DefaultTimeout {
						w.Errorf("%s took %v", what, took)
					}
					p.blameless(cl)
				}
				var rec *Record
				step("a load", func() { rec = w.sees(cl, "s", "a=1") })
				rec.Attrs["a"] = []byte("2")
				step("a save", func() { w.save(cl, rec) })
				rec.Attrs["large"] = make([]byte, memcached.MaxShared+1)
				step("a large save", func() { w.save(cl, rec) })
				step("a ping", func() {
					if err := cl.Ping(context.Background()); err != nil {
						w.Error(err)
					}
				})
				step("a delete", func() { w.delete(cl, "s") })
				w.missing(cl, "s", ErrNotFound)
			})
		})
	}
}

func TestConnectionMadeBeforeAStallIsNoFailure(t *testing.T) {
	story(t, 2, func(w *world) {
		p := &tardy{world: w}
		c := w.cluster(Config{DialContext: p.dial})
		p.dials.Store(100)
		w.create(c, "s", "a=1")
		w.sees(c, "s", "a=1")
		p.blameless(c)
	})
}

// A connection that breaks while the process stands still has broken at once, as those of
// a restarted node do: the command is sent once more.
func TestCommandIsSentAgainAfterABreakNoticedLate(t *testing.T) {
	story(t, 1, func(w *world) {
		var c *Cluster
		var stall atomic.Bool
		c = w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := w.env.DialContext(ctx, network, addr)
			return stopped{nc, func() {
				if stall.CompareAndSwap(true, false) {
					due := time.Now()
					time.Sleep(DefaultTimeout / 2)
					c.clock.Noticed(due)
				}
			}}, err
		}})
		w.create(c, "s", "a=1")
		w.sees(c, "s", "a=1")
		w.env.Node(0).Restart()
		stall.Store(true)
		w.missing(c, "s", ErrNotFound)
		if s := c.Nodes()[0]; s.State != StateUp || s.Errors != 0 || s.Reconnects == 0 {
			w.Errorf("%+v", s)
		}
	})
}

// stopped is a connection whose process may be stopped before it is used.
type stopped struct {
	net.Conn
	stop func()
}

func (c stopped) Read(b []byte) (int, error) {
	c.stop()
	return c.Conn.Read(b)
}

func (c stopped) Write(b []byte) (int, error) {
	c.stop()
	return c.Conn.Write(b)
}
