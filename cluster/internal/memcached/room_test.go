package memcached

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// These stories tell what becomes of requests that find no room at a node.

// slowStores answers every write when so much time has passed.
func slowStores(takes time.Duration) func(net.Conn, *bufio.Reader) {
	return script(func(string) string {
		time.Sleep(takes)
		return "STORED\r\n"
	})
}

// Whoever is turned away learns why, and an operator too, and it is counted. The server has done
// nothing wrong.
func TestRequestWithoutRoomIsCountedAndSaysWhy(t *testing.T) {
	hostile(t, Config{MaxConns: 3}, slowStores(testTimeout*3/10), func(t *testing.T, n *watched) {
		var away atomic.Int32
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				_, _, err := n.Write(fmt.Sprint("k", i), make([]byte, MaxShared+1), nil, 60)
				if err == nil {
					return
				}
				if away.Add(1); !strings.Contains(err.Error(), "MaxConns") || strings.Contains(err.Error(), "CPU") || !isUnsent(err) || !IsBusy(err) {
					t.Errorf("not the true reason: %v", err)
				}
			})
		}
		wg.Wait()
		if c := n.Counts(); away.Load() != 18 || c.Busy != 18 || c.Errors != 0 || n.last != nil || n.verdict() != Answered {
			t.Errorf("%d turned away, %+v, %v", away.Load(), c, n.last)
		}
		if len(n.lines) != 18 || !strings.Contains(n.lines[0], "want of room") || !strings.Contains(n.lines[0], "MaxConns") {
			t.Errorf("logged %q", n.lines)
		}
	})
}

// Saves that share a connection do not take the room of those that need one each, and
// there is room for many of them.
func TestSmallWritesHaveRoomOfTheirOwn(t *testing.T) {
	hostile(t, Config{MaxConns: 2}, slowStores(testTimeout/20), func(t *testing.T, n *watched) {
		var large sync.WaitGroup
		for i := range 2 {
			large.Go(func() {
				if _, _, err := n.Write(fmt.Sprint("large", i), make([]byte, MaxShared+1), nil, 60); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i, err := range together(n, keysTo(2*smallPerConn), "v") {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		large.Wait()
		if n.busy.Load() != 0 {
			t.Errorf("%d found no room", n.busy.Load())
		}
		if idle := len(n.large.idle); idle != 2 {
			t.Errorf("%d connections are kept", idle)
		}
	})
}

// Writes that wait for each other go in packets of bounded size.
func TestAPacketIsBounded(t *testing.T) {
	most := 0
	hostile(t, Config{}, func(nc net.Conn, _ *bufio.Reader) {
		buf := make([]byte, 8<<20)
		for {
			m, err := nc.Read(buf)
			if err != nil {
				return
			}
			most = max(most, m)
			asked := strings.Count(string(buf[:m]), "cas ")
			time.Sleep(time.Millisecond)
			if _, err := io.WriteString(nc, strings.Repeat("STORED\r\n", asked)); err != nil {
				return
			}
		}
	}, func(t *testing.T, n *watched) {
		for i, err := range together(n, keysTo(400), strings.Repeat("v", MaxShared)) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if most > maxPacket || most < maxPacket/2 || cap(n.shared.out) > 2*maxPacket {
			t.Errorf("a packet of %d bytes, a buffer of %d", most, cap(n.shared.out))
		}
	})
}

// hold answers one large session a second: each needs a command of its own.
func hold() *slowNode {
	n := newSlowNode()
	n.b.patience = 1500 * time.Millisecond
	n.b.most.Store(1)
	for i := range 5 {
		n.set(fmt.Sprint("k", i), strings.Repeat("x", maxBatchBytes))
	}
	return n
}

// queue has five ask, one after the other, and tells how many were turned away.
func (n *slowNode) queue(t *testing.T, meanwhile func()) (away int32) {
	var count atomic.Int32
	n.b.refuse = func(err error, waited, awake time.Duration) error {
		if waited < n.b.patience {
			t.Errorf("turned away after %v", waited)
		}
		count.Add(1)
		return err
	}
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if _, err := n.get(fmt.Sprint("k", i)); err != nil && !errors.Is(err, errBehind) {
				t.Error(err)
			}
		})
		synctest.Wait()
	}
	meanwhile()
	wg.Wait()
	return count.Load()
}

// The second waits for one command and the third for two: that is too long, but it fits
// into the next. The others are turned away.
func TestRequestThatHasWaitedTooLongAndDoesNotFitIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if away := hold().queue(t, func() {}); away != 2 {
			t.Errorf("%d of 5 are turned away, want 2", away)
		}
	})
}

// The same queue, of which most of the time passed while the process stood still.
func TestNoRequestIsTurnedAwayForTimeTheProcessDidNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := hold()
		stalled := func() {
			for range 4 {
				began := time.Now()
				time.Sleep(990 * time.Millisecond)
				n.b.clock.Noticed(began)
			}
		}
		if away := n.queue(t, stalled); away != 0 {
			t.Errorf("%d of 5 are turned away, want none", away)
		}
	})
}

// Nor does anybody who waits for a place lose it to a stall.
func TestWaitForAPlaceDoesNotEndInAStall(t *testing.T) {
	hostile(t, Config{MaxConns: 1}, slowStores(testTimeout*9/10), func(t *testing.T, n *watched) {
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if _, _, err := n.Write(fmt.Sprint("k", i), make([]byte, MaxShared+1), nil, 60); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for range 2 {
			began := time.Now()
			time.Sleep(testTimeout * 8 / 10)
			n.clock.Noticed(began)
		}
		wg.Wait()
	})
}

func TestErrorNamesTheProcessOnlyWhereItIsTheReason(t *testing.T) {
	if !errors.Is(errFull, errBusy) || !errors.Is(errBehind, errBusy) {
		t.Error("whoever was not asked for want of room must be known as such")
	}
	for _, c := range []struct {
		waited, awake time.Duration
		own           bool
	}{
		{time.Second, time.Second, false},
		{time.Second, 600 * time.Millisecond, false},
		{time.Second, 100 * time.Millisecond, true},
		{time.Second, -time.Millisecond, true},
	} {
		err := reasonFor(errBusy, c.waited, c.awake)
		if !errors.Is(err, errBusy) || strings.Contains(err.Error(), "CPU") != c.own {
			t.Errorf("%v of %v: %v", c.awake, c.waited, err)
		}
	}
	if err := reasonFor(errBusy, time.Second, 100*time.Millisecond); !strings.Contains(err.Error(), "10 %") {
		t.Error(err)
	}
}
