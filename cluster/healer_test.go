package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// These tests tell which process heals a node, and until when.

func TestOneProcessHealsANodeAtATime(t *testing.T) {
	story(t, 3, func(w *world) {
		logs := [2]*syncBuffer{{}, {}}
		cs := [2]*Cluster{w.cluster(logsTo(logs[0])), w.cluster(logsTo(logs[1]))}
		ids := w.createIdle(cs[0], 50)
		n := w.env.Node(0)
		passes := func() (passes int) {
			for _, l := range logs {
				for _, line := range linesIn(l, "node is healed") {
					if strings.Contains(line, "node="+n.ID()+" ") {
						passes++
					}
				}
			}
			return passes
		}
		for round := range 10 {
			before := passes()
			n.Restart()
			var both sync.WaitGroup
			for _, c := range cs {
				both.Go(func() {
					c.kick()
					w.waitWhole(c)
				})
			}
			both.Wait()
			time.Sleep(3 * pollEvery)
			if n := passes() - before; n != 1 {
				w.Errorf("round %d: %d passes", round, n)
			}
		}
		w.homesHold(ids, "a=1")
	})
}

// A healer that ends gives the node back; one that dies is followed when its lease is over.
func TestAHealerThatEndsIsFollowed(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprint("dies: ", dies), func(t *testing.T) {
			story(t, 2, func(w *world) {
				net := &mortal{w: w}
				first := w.cluster(Config{HealPerSecond: 2, DialContext: net.dial})
				ids, n := w.beginFilling(first, 50), w.env.Node(0)
				second := w.cluster(Config{}) // waits for a while
				if by := w.healerOf(second, n); by != first.name {
					w.Fatalf("%s heals, not the first one", by)
				}
				if s := statusOf(second, n); s.Whole || !strings.Contains(s.Reason, "it is filling") {
					w.Errorf("%+v", s)
				}
				began := time.Now()
				if dies {
					net.dies()
				} else if err := first.Close(); err != nil {
					w.Error(err)
				}
				w.waitWhole(second)
				if took := time.Since(began); dies != (took > marker.DeadAfter-2*marker.BeatEvery) {
					w.Errorf("whole after %v", took)
				}
				w.holdsAll(n, ids, "a=1")
			})
		})
	}
}

// The lease: a long pass keeps the node, whoever else could heal it.
func TestALongPassKeepsTheNode(t *testing.T) {
	story(t, 2, func(w *world) {
		first := w.cluster(Config{HealPerSecond: 1})
		ids, n := w.beginFilling(first, 60), w.env.Node(0)
		second := w.cluster(Config{})
		time.Sleep(3 * marker.DeadAfter)
		if by := w.healerOf(second, n); by != first.name {
			w.Errorf("after %v %s heals", 3*marker.DeadAfter, by)
		}
		w.waitWhole(second)
		w.holdsAll(n, ids, "a=1")
	})
}

func TestTheLeaseIsTakenByOne(t *testing.T) {
	story(t, 2, func(w *world) {
		one, two := w.cluster(Config{}), w.cluster(Config{})
		m, err := one.nodes()[0].lastMarker()
		if err != nil {
			w.Fatal(err)
		}
		seen := *m.List(one.listName())
		if !one.take(one.nodes()[0], seen) {
			w.Error("nobody has it, and it cannot be taken")
		}
		if two.take(two.nodes()[0], seen) {
			w.Error("another one was faster, and it is taken")
		}
	})
}

// A healer whose node is healed by another one ends its pass.
func TestAHealerThatLostItsNodeEnds(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{HealPerSecond: 1})
		w.beginFilling(c, 60)
		n := c.nodes()[0]
		if _, err := c.changeMarker(n, func(m *marker.Marker) bool { m.List(c.listName()).Healer = "other"; return true }); err != nil {
			w.Fatal(err)
		}
		time.Sleep(2 * marker.BeatEvery)
		c.healer.mu.Lock()
		defer c.healer.mu.Unlock()
		if c.healer.busy {
			w.Error("it goes on")
		}
	})
}

// A pass that Close has ended is no news: an operator would look for a fault.
func TestPassThatCloseEndsIsNotLogged(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.env.Node(1).Pause()
		healed := make(chan error)
		go func() {
			_, err := c.Heal(context.Background(), "n1") // waits for the keys of n2
			healed <- err
		}()
		time.Sleep(time.Millisecond)
		_ = c.Close()
		if err := <-healed; err == nil {
			w.Fatal("it healed without the keys of a node that hangs")
		}
		if strings.Contains(w.logs.String(), "could not be healed") {
			w.Errorf("the log tells of a fault:\n%s", w.logs)
		}
	})
}
