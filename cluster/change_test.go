package cluster

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// How far a change of the list is can be seen in Nodes, in Stats and in the log: which nodes join and
// leave, how long other processes may need, what is missing, and that it is over.
func TestAChangeOfTheListCanBeFollowed(t *testing.T) {
	story(t, 4, func(w *world) {
		logs := &syncBuffer{}
		c := w.cluster(Config{Nodes: w.nodesOf(0, 1), TransitionFor: 3 * time.Minute, Logger: slog.New(slog.NewTextHandler(logs, nil))})
		w.settles(c)
		w.create(c, "s", "a=1")
		if s := c.Stats(); s.Lists != 1 || s.Settling != 0 || s.FormerUnknown {
			w.Errorf("before: %+v", s)
		}
		w.set(c, 1, 2, 3)
		if s := c.Stats(); s.Lists != 2 || s.Settling <= 2*time.Minute {
			w.Errorf("at once: %+v", s)
		}
		w.env.Node(3).Kill()
		time.Sleep(150 * time.Second)
		for _, n := range c.Nodes() {
			joins, leaves := n.ID == w.env.Node(2).ID() || n.ID == w.env.Node(3).ID(), n.ID == w.env.Node(0).ID()
			if n.Joining != joins || n.Leaving != leaves {
				w.Errorf("%+v", n)
			}
			if n.ID == w.env.Node(2).ID() && !strings.Contains(n.Reason, "until every instance has the list of nodes: ") {
				w.Errorf("%+v", n)
			}
		}
		told := "the list of nodes is changing\" lists=2 settling="
		if n := strings.Count(logs.String(), told); n < 1 || n > 3 {
			w.Errorf("%d lines in 150 seconds: %s", n, logs)
		}
		time.Sleep(2 * time.Minute)
		if s := c.Stats(); s.Lists != 2 || s.Settling != 0 {
			w.Errorf("while a node is missing: %+v", s)
		}
		if want := w.env.Node(3).ID() + ": it is down"; !strings.Contains(logs.String(), want) {
			w.Errorf("%q is not in the log: %s", want, logs)
		}
		w.env.Node(3).Restart()
		w.settles(c)
		if s := c.Stats(); s.Lists != 1 || s.Settling != 0 {
			w.Errorf("afterwards: %+v", s)
		}
		before := strings.Count(logs.String(), told)
		time.Sleep(5 * time.Minute)
		if after := strings.Count(logs.String(), told); after > before {
			w.Errorf("%d more lines when it is over", after-before)
		}
	})
}
