package cluster

import (
	"context"
	"strings"
	"testing"
	"time"
)

// These stories tell how many copies there are, and where.

func TestStandbyNodesServeWhileNothingElseDoes(t *testing.T) {
	story(t, 3, func(w *world) {
		nodes, _ := ParseNodes(w.env.Nodes())
		nodes[2].Standby = true
		c := w.cluster(Config{Nodes: nodes})
		w.env.Node(0).Kill()
		w.env.Node(1).Kill()
		w.create(c, "s", "a=1")
		w.sees(c, "s", "a=1")
		w.holds(w.env.Node(2), "s", "a=1")
		w.env.Node(0).Restart()
		w.env.Node(1).Restart()
		w.until(c, w.env.Node(0), StateUp)
		w.until(c, w.env.Node(1), StateUp)
		w.change(c, "s", "a", "2")
		w.holds(w.env.Node(0), "s", "a=2")
		w.holds(w.env.Node(1), "s", "a=2")
		w.create(c, "t", "b=1")
		if w.on(w.env.Node(2), "t") != nil {
			w.Error("a standby node has a session while regular nodes are up")
		}
	})
}

func TestMinCopies(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		w.create(c, "s", "a=1")
		w.env.Node(0).Kill()
		w.change(c, "s", "a", "2") // two are left
		w.env.Node(1).Kill()
		w.sees(c, "s", "a=2")
		for _, r := range []*Record{NewRecord("new"), w.load(c, "s")} {
			r.Attrs["a"] = []byte("3")
			if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
				w.Errorf("one copy is not two: %v", err)
			}
		}
		if err := c.Delete(context.Background(), "s"); !isErr(err, ErrUnavailable) {
			w.Errorf("delete: %v", err)
		}
		if err := c.Ping(context.Background()); !isErr(err, ErrUnavailable) {
			w.Errorf("ping: %v", err)
		}
	})
}

func TestOneAndThreeReplicas(t *testing.T) {
	story(t, 5, func(w *world) {
		for _, replicas := range []int{1, 3} {
			id := strings.Repeat("r", replicas)
			c := w.cluster(Config{Replicas: replicas, TransitionFor: time.Millisecond})
			w.create(c, id, "a=1")
			list := w.preference(id)
			for i, n := range list {
				if held := w.on(n, id) != nil; held != (i < replicas) {
					w.Errorf("%d replicas: place %d holds a copy: %v", replicas, i, held)
				}
			}
			w.forget()
			w.change(c, id, "a", "2")
			if w.count("gets") != replicas || w.count("cas") != replicas {
				w.Errorf("%d replicas: sent %v", replicas, w.sent)
			}
			if replicas == 3 {
				list[0].Kill()
				list[2].Kill()
				w.sees(c, id, "a=2")
				w.holds(list[3], id, "a=2")
				w.holds(list[4], id, "a=2")
				continue
			}
			list[0].Kill()
			w.missing(c, id, ErrUnavailable)
			list[0].Restart()
			w.until(c, list[0], StateUp)
		}
	})
}
