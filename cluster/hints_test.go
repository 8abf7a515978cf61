package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These tests tell what becomes of writes that a home node missed while it hung.

// A home hangs, idle sessions are changed and logged out through the other one, and as soon as all
// are whole again the other one dies.
func TestAHomeThatHungHasWhatItMissed(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			story(t, nodes, func(w *world) {
				c := w.cluster(Config{})
				n1, n2 := w.env.Node(0), w.env.Node(1)
				changed, gone := w.changeAndEndPast(c)
				n1.Resume()
				w.waitWhole(c)
				n2.Kill()
				w.areChangedAndEnded(changed, gone, c, w.cluster(Config{}))
				if n := len(linesIn(w.logs, "node is healed")); n != nodes {
					w.Errorf("%d passes over all keys, want %d from the beginning: the keys were known", n, nodes)
				}
			})
		})
	}
}

// The process that knows what a home missed is gone before the home is back. Its entry is still
// there, and somebody else makes a pass over all keys.
func TestAHomeIsHealedWhereTheProcessThatKnowsIsGone(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprint(nodes, " nodes, dies: ", dies), func(t *testing.T) {
				story(t, nodes, func(w *world) {
					logs := &syncBuffer{}
					other := w.cluster(logsTo(logs))
					network := &mortal{w: w}
					c := w.cluster(Config{DialContext: network.dial})
					n1, n2 := w.env.Node(0), w.env.Node(1)
					healed := len(linesIn(logs, "node is healed"))
					changed, gone := w.changeAndEndPast(c)
					if dies {
						network.dies()
					} else if err := c.Close(); err != nil {
						w.Error(err)
					}
					n1.Resume()
					w.until(other, n1, StateUp)
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					if err := other.WaitWhole(ctx); dies && (err == nil || !strings.Contains(err.Error(), "missed writes")) {
						w.Errorf("its process may still live: %v", err)
					}
					w.waitWhole(other)
					n2.Kill()
					w.areChangedAndEnded(changed, gone, other, w.cluster(Config{}))
					if n := len(linesIn(logs, "node is healed")) - healed; n != 1 {
						w.Errorf("%d passes over all keys, want one", n)
					}
				})
			})
		}
	}
}

// A process is cut off from a node, and writes nothing. Nobody takes the node for whole meanwhile: the
// process may write past it at any time.
func TestANodeThatOneProcessTakesForDownIsNotWhole(t *testing.T) {
	story(t, 3, func(w *world) {
		var isCut atomic.Bool
		n := w.env.Node(0)
		other := w.cluster(Config{})
		c := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if isCut.Load() && addr == n.Addr() {
				return nil, errors.New("no way there")
			}
			nc, err := w.dial(ctx, network, addr)
			return cuttable{nc, addr == n.Addr(), &isCut}, err
		}})
		isCut.Store(true)
		w.until(c, n, StateDown)
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := other.WaitWhole(ctx); err == nil || !strings.Contains(err.Error(), "missed writes") {
			w.Errorf("wait: %v", err)
		}
		if statusOf(other, n).Whole {
			w.Error("it is whole")
		}
		isCut.Store(false)
		w.until(c, n, StateUp)
		w.waitWhole(other)
	})
}

// cuttable is a connection that breaks when the way to the node is cut.
type cuttable struct {
	net.Conn
	there bool
	isCut *atomic.Bool
}

func (c cuttable) Write(b []byte) (int, error) {
	if c.there && c.isCut.Load() {
		return 0, errors.New("no way there")
	}
	return c.Conn.Write(b)
}

// A beat that stands still says that the process is gone. One that lives renews its entries.
func TestAnEntryIsRenewedWhileItsProcessLives(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2 := w.env.Node(0), w.env.Node(1)
		w.changePast(c)
		last := w.entryOn(c, n2, n1)
		for range 10 {
			time.Sleep(marker.DeadAfter)
			now := w.entryOn(c, n2, n1)
			if now == nil || now.Beat == last.Beat {
				w.Fatalf("the entry is %+v, and was %+v", now, last)
			}
			last = now
		}
		n1.Resume()
		w.waitWhole(c)
	})
}

// A node that took a missed write is down when the home is back: the home may lack what lies there.
func TestAnEntryStaysWhileANodeThatTookTheWriteIsDown(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2, n3 := w.env.Node(0), w.env.Node(1), w.env.Node(2)
		id := w.changePast(c)
		n3.Kill()
		w.until(c, n3, StateDown)
		n1.Resume()
		w.until(c, n1, StateUp)
		time.Sleep(pollEvery)
		before := w.entryOn(c, n2, n1)
		time.Sleep(marker.DeadAfter)
		if now := w.entryOn(c, n2, n1); now == nil || now.Beat == before.Beat || statusOf(c, n1).Whole {
			w.Errorf("%+v, and was %+v; %+v", now, before, statusOf(c, n1))
		}
		n3.Restart()
		w.waitWhole(c)
		w.holds(n1, id, "a=2")
	})
}

// The home hangs again while it is brought up to date: what failed is done again.
func TestAMissedWriteThatCouldNotBeBroughtUpToDateIsTriedAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1 := w.env.Node(0)
		id := w.changePast(c)
		hung := w.once(isFor(0, id), n1.Pause)
		n1.Resume()
		time.Sleep(10 * pollEvery)
		if !hung() {
			w.Fatal("it was not brought up to date: the test has no point")
		}
		n1.Resume()
		w.waitWhole(c)
		w.holds(n1, id, "a=2")
	})
}

// The home comes back, and its entries would end, while a write past it is still on its way.
func TestAnEntryStaysWhileAWriteIsOnItsWay(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Timeout: 2 * time.Second})
		n1, n2 := w.env.Node(0), w.env.Node(1)
		id := w.idWith("s", n1, n2)
		w.create(c, id, "a=1")
		n1.Pause()
		w.load(c, id)
		w.until(c, n1, StateDown)
		r := w.load(c, id)
		r.Attrs["a"] = []byte("2")
		r.Attrs["big"] = make([]byte, 20<<10) // it holds up no marker
		isWrite := func(sent sentCommand) bool { return sent.verb == "cas" && isFor(1, id)(sent) }
		heldUp := w.once(isWrite, func() {
			n1.Resume()
			if err := c.check(c.nodes()[0]); err != nil {
				w.Error(err)
			}
			time.Sleep(time.Second)
		})
		w.save(c, r)
		time.Sleep(10 * time.Millisecond)
		if !heldUp() {
			w.Fatal("the write was not held up: the test has no point")
		}
		if s := w.on(n1, id); w.entryOn(c, n2, n1) == nil && string(s.Values()["a"]) != "2" {
			w.Errorf("n1 holds %s, and nobody says that it is behind", show(s))
		}
		w.waitWhole(c)
		if s := w.on(n1, id); string(s.Values()["a"]) != "2" {
			w.Errorf("n1 holds %s", show(s))
		}
	})
}

// A node whose marker cannot be changed takes no write past a home: nobody could know of it.
func TestANodeThatCannotTakeTheEntryTakesNoWrite(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2, n3 := w.env.Node(0), w.env.Node(1), w.env.Node(2)
		id := w.idWith("s", n1, n2)
		w.create(c, id, "a=1")
		b, _ := n3.Get(marker.Name)
		n1.Pause()
		n3.Set(marker.Name, newerVersion(b))
		w.change(c, id, "a", "2")
		w.holds(n2, id, "a=2")
		if s := w.on(n3, id); s != nil {
			w.Errorf("%s holds %s", n3.ID(), show(s))
		}
	})
}

// Where no round could write, since nodes took no entry, what the last one has read is known all the same: a
// load shows it.
func TestWhatWasReadIsKnownWhereNoNodeTakesTheEntry(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2 := w.env.Node(0), w.env.Node(1)
		id := w.idWith("s", n1, n2)
		w.create(c, id, "a=1")
		n1.Pause()
		for _, n := range w.env.All()[1:] {
			b, _ := n.Get(marker.Name)
			n.Set(marker.Name, newerVersion(b))
		}
		op := c.newOperation(id, intent{})
		v, err := op.converge(nil, 1, func(v *view) decision { return decision{want: v.merged} })
		if v == nil || v.merged == nil || !isErr(err, ErrUnavailable) {
			w.Errorf("known: %v, %v", v, err)
		}
	})
}

// The fallback was emptied, and the entry went with it.
func TestAnEntryOnANodeThatWasEmptiedIsWrittenAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n3 := w.env.Node(0), w.env.Node(2)
		id := w.changePast(c)
		n3.Restart()
		w.change(c, id, "a", "3")
		if w.entryOn(c, n3, n1) == nil {
			w.Error("there is no entry beside what was written past the home")
		}
	})
}

func TestMissedWritesAreRememberedUpToABound(t *testing.T) {
	h := &hint{keys: map[record.Key]struct{}{}}
	for i := range mostHints {
		h.add(record.KeyOf(fmt.Sprint(i)))
	}
	if h.add(record.KeyOf("0")); h.tooMany || len(h.keys) != mostHints {
		t.Errorf("%d keys, too many: %t", len(h.keys), h.tooMany)
	}
	if h.add(record.KeyOf("one more")); !h.tooMany || len(h.keys) != mostHints {
		t.Errorf("one more: %d keys, too many: %t", len(h.keys), h.tooMany)
	}
}

// Entries are renewed beside what ends them. One that has ended is not written anew: nobody would end it.
func TestAnEntryThatHasEndedIsNotRenewed(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n3 := w.env.Node(0), w.env.Node(2)
		id := w.changePast(c)
		home := c.nodes()[w.indexOf(n1)]
		c.hints.mu.Lock()
		h := c.hints.all[home]
		e := h.entered[c.nodes()[w.indexOf(n3)]]
		c.hints.mu.Unlock()
		e.turn <- struct{}{} // the next renewal takes its time
		time.Sleep(2 * pollEvery)
		n1.Resume()
		w.until(c, n1, StateUp)
		c.bringUp(h)
		<-e.turn
		w.waitWhole(c)
		w.holds(n1, id, "a=2")
	})
}

// A process ends while it brings a home up to date: what it has not come to is left to others.
func TestWhatAProcessHasNotBroughtUpToDateAtItsEndIsLeftToOthers(t *testing.T) {
	story(t, 2, func(w *world) {
		other := w.cluster(Config{})
		c := w.cluster(Config{HealPerSecond: 10})
		ids := w.createIdle(c, 60)
		n1 := w.env.Node(0)
		n1.Pause()
		c.pollNow()
		w.until(c, n1, StateDown)
		for _, id := range ids {
			w.change(c, id, "a", "2")
		}
		n1.Resume()
		w.until(c, n1, StateUp)
		c.kick()
		time.Sleep(2 * time.Second)
		if err := c.Close(); err != nil {
			w.Error(err)
		}
		w.waitWhole(other)
		w.holdsAll(n1, ids, "a=2")
	})
}
