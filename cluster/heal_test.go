package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These tests tell how a node that was emptied becomes whole without a request.

func TestARollingRestartLosesNoIdleSession(t *testing.T) {
	for _, nodes := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			story(t, nodes, func(w *world) {
				c := w.cluster(Config{})
				ids := w.createIdle(c, 50)
				for _, n := range w.env.All() {
					n.Restart()
					w.waitWhole(c)
				}
				for _, id := range ids {
					for _, n := range w.preference(id)[:2] {
						w.holds(n, id, "a=1")
					}
					w.sees(c, id, "a=1")
				}
			})
		})
	}
}

// The one who waits is another process than the one that heals: an operator's command.
func TestAnotherProcessWaitsForTheHealer(t *testing.T) {
	story(t, 2, func(w *world) {
		c, command := w.cluster(Config{}), w.cluster(Config{HealPerSecond: -1})
		ids := w.createIdle(c, 50)
		for _, n := range w.env.All() {
			n.Restart()
			w.waitWhole(command)
		}
		for _, id := range ids {
			w.sees(c, id, "a=1")
		}
	})
}

// What was restored before a node was emptied again does not count.
func TestANodeThatIsEmptiedWhileItFillsIsHealedAgain(t *testing.T) {
	for name, empty := range map[string]func(n *testenv.Node){"restarted": (*testenv.Node).Restart, "flushed": (*testenv.Node).Flush} {
		t.Run(name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				c := w.cluster(Config{HealPerSecond: 100})
				ids, n := w.beginFilling(c, 200), w.env.Node(0)
				if held := len(w.keys(n)); held < 50 || held > 150 {
					w.Fatalf("%d sessions are restored: the test has no point", held)
				}
				empty(n)
				w.waitWhole(c)
				w.holdsAll(n, ids, "a=1")
			})
		})
	}
}

// The log says once that a node is filling. How far that is can be seen.
func TestAPassIsLoggedOnce(t *testing.T) {
	story(t, 2, func(w *world) {
		logs := &syncBuffer{}
		cfg := logsTo(logs)
		cfg.HealPerSecond = 1
		c := w.cluster(cfg)
		w.createIdle(c, 50)
		before := len(linesIn(logs, "node is not whole"))
		n := w.env.Node(0)
		n.Restart()
		c.kick()
		time.Sleep(10 * pollEvery)
		if s := statusOf(c, n); s.Whole || !strings.Contains(s.Reason, "of 50 sessions") {
			w.Errorf("%+v", s)
		}
		if n := len(linesIn(logs, "node is not whole")) - before; n != 1 {
			w.Errorf("%d lines in one pass: %s", n, logs)
		}
	})
}

// A flush breaks no connection.
func TestAFlushIsNoticedWithinTwoPolls(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		ids := w.createIdle(c, 20)
		n := w.env.Node(0)
		before := statusOf(c, n)
		if !before.Whole || before.Incarnation == "" {
			w.Fatalf("%+v", before)
		}
		n.Flush()
		time.Sleep(2 * pollEvery * 5 / 4)
		after := statusOf(c, n)
		if after.Incarnation == before.Incarnation || after.Reconnects != before.Reconnects {
			w.Errorf("after two polls: %+v", after)
		}
		if len(linesIn(w.logs, "node is not whole")) == 0 {
			w.Errorf("the log says nothing: %s", w.logs)
		}
		w.waitWhole(c)
		w.homesHold(ids, "a=1")
	})
}

// The newest copy lies on a node far down the preference list. A pass finds it there, also where the homes
// agree and are whole.
func TestAPassFindsACopyThatLiesFarDown(t *testing.T) {
	for _, emptied := range []bool{true, false} {
		t.Run(fmt.Sprint("emptied: ", emptied), func(t *testing.T) {
			story(t, 6, func(w *world) {
				c := w.cluster(Config{})
				w.create(c, "s", "a=1")
				home, last := w.preference("s")[:2], w.preference("s")[5]
				key := record.KeyOf("s").Name("")
				old, _ := home[0].Get(key)
				w.change(c, "s", "a", "2")
				b, _ := home[0].Get(key)
				for _, n := range home {
					n.Set(key, old)
				}
				last.Set(key, b)
				if emptied {
					home[0].Restart()
					w.waitWhole(c)
				} else if _, err := c.Heal(context.Background(), home[0].ID()); err != nil {
					w.Error(err)
				}
				for _, n := range home {
					w.holds(n, "s", "a=2")
				}
			})
		})
	}
}

// The node that holds the sessions hangs when it is asked for the first of them: a pass that could not
// restore a session makes no node whole.
func TestAPassThatCouldNotAskAHolderIsNotEnough(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		ids := w.createIdle(c, 20)
		n, holder := w.env.Node(0), w.env.Node(1)
		asked := w.once(isFor(1, ids[7]), holder.Pause)
		n.Restart()
		c.kick()
		time.Sleep(10 * pollEvery)
		if !asked() {
			w.Fatal("nobody has asked: the test has no point")
		}
		holder.Resume()
		w.waitWhole(c)
		w.holdsAll(n, ids, "a=1")
	})
}

// A home hangs while a session is given an earlier end, which passes. Its longer copy is replaced when it
// is back, although the session has ended.
func TestAHomeThatHungLearnsOfAnEarlierEnd(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n1, n2 := w.env.Node(0), w.env.Node(1)
		id := w.idWith("s", n1, n2)
		w.create(c, id, "a=1")
		n1.Pause()
		r := w.load(c, id)
		r.Deadline = c.cfg.Now().Add(5 * time.Minute)
		w.save(c, r)
		time.Sleep(10 * time.Minute)
		n1.Resume()
		w.waitWhole(c)
		if s := w.on(n1, id); s.Live(c.cfg.Now()) {
			w.Errorf("n1 holds %s", show(s))
		}
	})
}

// A list without a node that has gone for good is another list: its sessions get their second copy.
func TestAShorterListIsHealed(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		ids := w.createIdle(c, 30)
		c.Close()
		w.env.Node(2).Kill()
		nodes, err := ParseNodes(w.env.Nodes())
		if err != nil {
			w.Fatal(err)
		}
		c = w.cluster(Config{Nodes: nodes[:2]})
		w.waitWhole(c)
		for _, id := range ids {
			for _, n := range w.env.All()[:2] {
				w.holds(n, id, "a=1")
			}
		}
	})
}

// What has failed for what the node was before says nothing of what it is now.
func TestAPassIsNotDelayedByThoseOfAnotherIncarnation(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.createIdle(c, 20)
		n, other := w.env.Node(0), w.env.Node(1)
		other.SetCrawler(testenv.Crawler{Busy: -1})
		n.Restart()
		time.Sleep(2 * time.Hour)
		other.SetCrawler(testenv.Crawler{})
		n.Flush()
		w.create(c, "s", "a=1")
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := c.WaitWhole(ctx); err != nil {
			w.Error(err)
		}
	})
}

// A copy that this process cannot read is copied as it is: another process may be able to read it.
func TestACopyThatCannotBeReadIsCopiedAsItIs(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n, other := w.env.Node(0), w.env.Node(1)
		key := record.KeyOf("s").Name("")
		b, _ := other.Get(key)
		newer := newerVersion(b)
		other.Set(key, newer)
		n.Restart()
		w.waitWhole(c)
		if got, _ := n.Get(key); string(got) != string(newer) {
			w.Errorf("%d bytes lie there, want %d", len(got), len(newer))
		}
	})
}

// What a healer has read is old when it writes: a save that came between, by another process, is not
// undone (rule 2). The same goes for a copy that the healer cannot read.
func TestAHealerDoesNotUndoWhatCameMeanwhile(t *testing.T) {
	isWrite := func(c sentCommand) bool {
		return isFor(0, "s")(c) && (c.verb == "add" || c.verb == "cas" || c.verb == "set")
	}
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{HealPerSecond: -1})
		w.create(c, "s", "a=1")
		came := w.once(isWrite, func() { w.change(other, "s", "a", "2") })
		w.env.Node(0).Restart()
		w.waitWhole(c)
		if !came() {
			w.Fatal("nobody has restored it: the test has no point")
		}
		for _, n := range w.env.All() {
			w.holds(n, "s", "a=2")
		}
	})
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n, holder := w.env.Node(0), w.env.Node(1)
		key := record.KeyOf("s").Name("")
		old, _ := holder.Get(key)
		holder.Set(key, newerVersion(old))
		later := append(newerVersion(old), "and more"...)
		came := w.once(isWrite, func() { n.Set(key, later) })
		n.Restart()
		w.waitWhole(c)
		if got, _ := n.Get(key); !came() || string(got) != string(later) {
			w.Errorf("%d bytes lie there, want %d", len(got), len(later))
		}
	})
}

// A server that tells of missed writes all the time, of processes that nobody knows, has everybody heal the
// others now and then, and not all the time.
func TestEntriesThatAreMadeUpCostAPassNowAndThen(t *testing.T) {
	story(t, 3, func(w *world) {
		logs := &syncBuffer{}
		c := w.cluster(logsTo(logs))
		before := len(linesIn(logs, "node is healed"))
		const minutes = 5
		for i := range minutes * 60 {
			if _, err := c.changeMarker(c.nodes()[0], func(m *marker.Marker) bool {
				m.SetBehind(c.nodes()[1].ID, "", uint64(i))
				return true
			}); err != nil {
				w.Fatal(err)
			}
			c.pollNow()
			time.Sleep(time.Second)
		}
		if n, most := len(linesIn(logs, "node is healed"))-before, minutes*60/int(marker.DeadAfter/time.Second)+1; n > most || n == 0 {
			w.Errorf("%d passes in %d minutes, want at most %d", n, minutes, most)
		}
	})
}

// Heal says what it was about, and whether its context has ended, also while a node lists its keys.
func TestHealTellsThatItsContextHasEnded(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.whole(c)
		for _, n := range w.env.All() {
			n.SetCrawler(testenv.Crawler{Busy: -1})
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.Heal(ctx, "n1"); !isErr(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "cluster: heal: node n1") {
			w.Errorf("heal: %v", err)
		}
	})
}

// Its other home has lost the session meanwhile, and the node that is healed has the only copy.
func TestAPassRestoresWhatOnlyTheNodeItselfHolds(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		homes := w.preference("s")
		homes[1].Delete(record.KeyOf("s").Name(""))
		report, err := c.Heal(context.Background(), homes[0].ID())
		if err != nil || report.Sessions != 1 {
			w.Errorf("the pass has found %d sessions, %v", report.Sessions, err)
		}
		w.holds(homes[1], "s", "a=1")
	})
}
