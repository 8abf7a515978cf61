package cluster

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These tests tell what is answered until a node is whole: never that there is no session, where there
// may be one.

// An emptied home has nothing to say of a session that the other home holds.
func TestAnEmptiedHomeDoesNotSayNoSession(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			story(t, nodes, func(w *world) {
				c := w.cluster(Config{})
				emptied, other := w.env.Node(0), w.env.Node(1)
				id, unknown := w.idWith("s", emptied, other), w.idWith("unknown", emptied, other)
				w.create(c, id, "a=1")
				other.Pause()
				emptied.Restart()
				for range 3 { // nobody has noticed yet; then it is noticed; then the other one is down
					w.missing(c, id, ErrUnavailable)
					w.missing(c, unknown, ErrUnavailable)
					time.Sleep(2 * pollEvery)
				}
				w.missing(w.cluster(Config{}), id, ErrUnavailable)
				other.Resume()
				w.waitWhole(c)
				w.sees(c, id, "a=1")
				other.Kill()
				w.sees(c, id, "a=1")
				w.missing(c, unknown, ErrNotFound)
				w.missing(w.cluster(Config{}), unknown, ErrNotFound)
			})
		})
	}
}

// A process that begins while a node is filling cannot know what the node lacks: it reads wide.
func TestANewProcessReadsWideWhileANodeIsFilling(t *testing.T) {
	story(t, 4, func(w *world) {
		healer := w.cluster(Config{HealPerSecond: 1})
		ids, n := w.beginFilling(healer, 50), w.env.Node(0)
		c := w.cluster(Config{HealPerSecond: -1})
		wide := func() (wide, at int) {
			for _, id := range ids {
				isHome := false
				for _, h := range w.preference(id)[:2] {
					isHome = isHome || h == n
				}
				before := c.Stats().WideReads
				w.sees(c, id, "a=1")
				if isHome {
					at++
					wide += int(c.Stats().WideReads - before)
				}
			}
			return wide, at
		}
		if wide, at := wide(); wide != at || at == 0 {
			w.Errorf("while it is filling: %d of %d reads were wide", wide, at)
		}
		w.waitWhole(c)
		w.whole(c) // this process has seen it, too
		if wide, _ := wide(); wide != 0 {
			w.Errorf("whole: %d reads were wide", wide)
		}
	})
}

// A home is filled between a read and the look at its marker: what it said before counts no more.
func TestWhatAHomeSaidBeforeItWasFilledIsNoProof(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n, key := w.env.Node(0), record.KeyOf("s").Name("")
		b, _ := n.Get(key)
		n.Delete(key)
		w.env.Node(1).Pause()
		var asked atomic.Int64
		w.onCommand(func(sent sentCommand) {
			if sent.node == 0 && sent.key == key && asked.Add(1) == 2 {
				n.Set(key, b)
			}
		})
		w.sees(c, "s", "a=1")
		if asked.Load() < 2 {
			w.Error("it was not asked twice: the test has no point")
		}
	})
}

// A home that missed the session says that it is whole: it cannot know. Others say that it is behind.
func TestAHomeThatMissedTheSessionDoesNotSayNoSession(t *testing.T) {
	story(t, 3, func(w *world) {
		other := w.cluster(Config{})
		network := &mortal{w: w}
		c := w.cluster(Config{DialContext: network.dial})
		n1, n2, n3 := w.env.Node(0), w.env.Node(1), w.env.Node(2)
		id := w.idWith("s", n1, n2)
		n1.Pause()
		w.until(c, n1, StateDown) // or it would be sent the session, and store it when it goes on
		w.create(c, id, "a=1")
		network.dies()
		n1.Resume()
		w.until(other, n1, StateUp)
		time.Sleep(2 * pollEvery)
		n2.Pause()
		n3.Pause()
		w.missing(other, id, ErrUnavailable)
		n2.Resume()
		n3.Resume()
		w.waitWhole(other)
		w.sees(other, id, "a=1")
	})
}

// A fallback has what the homes had a minute ago. One home was emptied since, and the other one hangs.
func TestALeftoverCopyIsNotBelieved(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2, n3 := w.env.Node(0), w.env.Node(1), w.env.Node(2)
		id := w.changePast(c)
		n1.Resume()
		w.waitWhole(c)
		w.sees(c, id, "a=2")
		w.change(c, id, "a", "3")
		if s := w.on(n3, id); s == nil || string(s.Values()["a"]) != "2" {
			w.Fatalf("n3 holds %s: the test has no point", show(s))
		}
		n2.Pause()
		n1.Restart()
		w.missing(c, id, ErrUnavailable)
		n2.Resume()
		w.waitWhole(c)
		w.sees(c, id, "a=3")
	})
}
