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

// A save finds an orphan too, and expires it: otherwise no operation would, once the homes agree.
func TestSaveExpiresTheOrphanItFinds(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		list[0].Pause()
		rec := w.load(c, "s")
		w.holds(list[2], "s", "a=1")
		list[0].Resume()
		w.until(c, list[0], StateUp)
		rec.Attrs["a"] = []byte("2")
		w.save(c, rec)
		w.holds(list[0], "s", "a=2")
		w.holds(list[1], "s", "a=2")
		time.Sleep((orphanTTL + 2) * time.Second)
		if s := w.on(list[2], "s"); s != nil {
			w.Errorf("the orphan is still there: %s", show(s))
		}
	})
}
