package cluster

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// stalled is a connection of a process that is held up: its deadline passes unnoticed,
// and is reported although the answer has come.
type stalled struct {
	net.Conn
	hold *atomic.Int32 // reads still to be held up
}

func (c stalled) Read(b []byte) (int, error) {
	if c.hold.Add(-1) >= 0 {
		time.Sleep(2 * DefaultTimeout)
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(b)
}

func TestAStallOfTheProcessIsNotHeldAgainstTheNodes(t *testing.T) {
	story(t, 3, func(w *world) {
		var hold atomic.Int32
		c := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := w.env.DialContext(ctx, network, addr)
			return stalled{nc, &hold}, err
		}})
		w.create(c, "s", "a=1")
		hold.Store(2) // both reads of the load
		w.sees(c, "s", "a=1")
		for _, n := range c.Nodes() {
			if n.State != StateUp || n.Timeouts != 0 {
				w.Errorf("%s is %s after %d timeouts", n.ID, n.State, n.Timeouts)
			}
		}
		hold.Store(2) // both writes of the save
		w.change(c, "s", "a", "2")
		w.sees(c, "s", "a=2")
	})
}
