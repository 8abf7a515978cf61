package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// These tests tell how long users wait while a node is filled, on nodes that do one command after the other.

// queues are nodes that take their time for each command: those that come meanwhile wait.
type queues struct {
	w    *world
	cost time.Duration
	mu   sync.Mutex           // guards below
	free map[string]time.Time // when the node at that address has done all that it was sent
}

func (q *queues) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := q.w.env.DialContext(ctx, network, addr)
	return queuedConn{nc, q, addr}, err
}

type queuedConn struct {
	net.Conn
	q    *queues
	addr string
}

func (c queuedConn) Write(b []byte) (int, error) {
	c.q.mu.Lock()
	at := c.q.free[c.addr]
	if now := time.Now(); at.Before(now) {
		at = now
	}
	at = at.Add(time.Duration(max(1, bytes.Count(b, []byte("\r\n")))) * c.q.cost)
	c.q.free[c.addr] = at
	c.q.mu.Unlock()
	time.Sleep(time.Until(at))
	return c.Conn.Write(b)
}

// Nodes could be filled faster than they answer. While users are at work the healer slows down, so that they
// wait hardly longer; when they are gone it goes on as fast as the nodes can.
func TestUsersWaitHardlyLongerWhileANodeIsFilled(t *testing.T) {
	story(t, 2, func(w *world) {
		const sessions, perSecond = 5000, 2000
		q := &queues{w: w, cost: 250 * time.Microsecond, free: map[string]time.Time{}}
		c := w.cluster(Config{DialContext: q.dial, HealPerSecond: perSecond})
		w.createIdle(c, sessions)
		n := w.env.Node(0)
		work := func(d time.Duration) (p99 time.Duration) {
			var mu sync.Mutex
			var all []time.Duration
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
						began := time.Now()
						w.load(c, fmt.Sprint("idle", i))
						mu.Lock()
						all = append(all, time.Since(began))
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			slices.Sort(all)
			return all[len(all)*99/100]
		}
		work(time.Minute) // they know now what is usual
		healthy := work(10 * time.Second)
		n.Restart()
		c.kick()
		w.until(c, n, StateUp)
		for statusOf(c, n).ToRestore == 0 {
			w.load(c, "idle1")
			time.Sleep(10 * time.Millisecond)
		}
		rate := func(d time.Duration, meanwhile func(time.Duration)) int {
			before := statusOf(c, n).Restored
			meanwhile(d)
			return int(float64(statusOf(c, n).Restored-before) / d.Seconds())
		}
		var filling time.Duration
		with := rate(2*time.Second, func(d time.Duration) { filling = work(d) })
		without := rate(3*time.Second, time.Sleep) // it gets faster again by and by
		t.Logf("p99 of users %v, while the node is filled %v; sessions a second %d, without users %d", healthy, filling, with, without)
		if filling > healthy*3/2 && (with <= 0 || with > perSecond/2) {
			t.Errorf("users wait for %v, before for %v, and %d sessions a second are healed", filling, healthy, with)
		}
		if without <= with {
			t.Errorf("%d sessions a second beside users, %d without", with, without)
		}
	})
}
