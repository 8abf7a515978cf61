package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file holds what the stories of healing share: idle sessions, nodes that are emptied or miss a
// write or are drained, what markers say, and processes that die.

// waitWhole waits until the markers say that every node is whole.
func (w *world) waitWhole(c *Cluster) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := c.WaitWhole(ctx); err != nil {
		w.Fatalf("wait: %v", err)
	}
}

// statusOf is what a cluster shows of a node.
func statusOf(c *Cluster, n *testenv.Node) NodeStatus {
	for _, s := range c.Nodes() {
		if s.ID == n.ID() {
			return s
		}
	}
	return NodeStatus{}
}

// createIdle creates sessions that nobody uses from now on.
func (w *world) createIdle(c *Cluster, n int) (ids []string) {
	w.Helper()
	for i := range n {
		id := fmt.Sprint("idle", i)
		w.create(c, id, "a=1")
		ids = append(ids, id)
	}
	return ids
}

// idWith returns an id whose homes are those nodes, in any order.
func (w *world) idWith(name string, homes ...*testenv.Node) string {
	for i := range 10_000 {
		id := fmt.Sprint(name, i)
		found := 0
		for _, n := range w.preference(id)[:len(homes)] {
			for _, h := range homes {
				if n == h {
					found++
				}
			}
		}
		if found == len(homes) {
			return id
		}
	}
	w.Fatal("no such id")
	return ""
}

func (w *world) indexOf(n *testenv.Node) int { return slices.Index(w.env.All(), n) }

// markerOn is what lies on a node about it, as a cluster reads it.
func (w *world) markerOn(c *Cluster, n *testenv.Node) *marker.Marker {
	w.Helper()
	m, _, err := c.readMarker(c.nodes()[w.indexOf(n)])
	if err != nil || m == nil {
		w.Fatalf("marker of %s: %v, %v", n.ID(), m, err)
	}
	return m
}

// entryOn is the entry of the process for a home in the marker of a node.
func (w *world) entryOn(c *Cluster, on, home *testenv.Node) *marker.Behind {
	w.Helper()
	return w.markerOn(c, on).Entry(home.ID(), c.name)
}

// healerOf is the process that heals a node, as its marker says.
func (w *world) healerOf(c *Cluster, n *testenv.Node) string {
	w.Helper()
	return w.markerOn(c, n).List(c.listName()).Healer
}

// logsTo is a configuration of a process whose log is read alone.
func logsTo(logs *syncBuffer) Config {
	return Config{Logger: slog.New(slog.NewTextHandler(logs, nil))}
}

// drain empties a node of its duties.
func (w *world) drain(c *Cluster, n *testenv.Node) {
	w.Helper()
	if err := c.Drain(context.Background(), n.ID()); err != nil {
		w.Fatalf("drain: %v", err)
	}
}

func (w *world) undrain(c *Cluster, n *testenv.Node) {
	w.Helper()
	if err := c.Undrain(context.Background(), n.ID()); err != nil {
		w.Fatalf("undrain: %v", err)
	}
}

// beginFilling creates idle sessions, empties the first node, and has it fill for a second.
func (w *world) beginFilling(c *Cluster, sessions int) (ids []string) {
	w.Helper()
	ids = w.createIdle(c, sessions)
	w.env.Node(0).Restart()
	c.kick()
	time.Sleep(time.Second)
	return ids
}

// changePast creates a session whose homes are the first two nodes, and changes it to a=2 while the
// first one hangs, which goes on.
func (w *world) changePast(c *Cluster) (id string) {
	w.Helper()
	n1, n2 := w.env.Node(0), w.env.Node(1)
	id = w.idWith("s", n1, n2)
	w.create(c, id, "a=1")
	n1.Pause()
	w.change(c, id, "a", "2")
	return id
}

// changeAndEndPast does the same with two sessions: one is changed, and the other one ends.
func (w *world) changeAndEndPast(c *Cluster) (changed, gone string) {
	w.Helper()
	n1, n2 := w.env.Node(0), w.env.Node(1)
	changed, gone = w.idWith("changed", n1, n2), w.idWith("gone", n1, n2)
	w.create(c, changed, "a=1")
	w.create(c, gone, "a=1")
	n1.Pause()
	w.change(c, changed, "a", "2")
	w.delete(c, gone)
	return changed, gone
}

// areChangedAndEnded fails unless each of the clusters sees what changeAndEndPast did.
func (w *world) areChangedAndEnded(changed, gone string, cs ...*Cluster) {
	w.Helper()
	for _, c := range cs {
		w.sees(c, changed, "a=2")
		w.missing(c, gone, ErrNotFound)
	}
}

// holdsAll fails unless the node holds each of the sessions.
func (w *world) holdsAll(n *testenv.Node, ids []string, attrs string) {
	w.Helper()
	for _, id := range ids {
		w.holds(n, id, attrs)
	}
}

// homesHold fails unless both homes of each of the sessions hold it.
func (w *world) homesHold(ids []string, attrs string) {
	w.Helper()
	for _, id := range ids {
		for _, n := range w.preference(id)[:2] {
			w.holds(n, id, attrs)
		}
	}
}

// mortal is the network of a process that can die: its connections end, and there are no new ones.
type mortal struct {
	w    *world
	mu   sync.Mutex // guards below
	dead bool
	open []net.Conn
}

func (m *mortal) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return nil, errors.New("the process is dead")
	}
	nc, err := m.w.dial(ctx, network, addr)
	if err == nil {
		m.open = append(m.open, nc)
	}
	return nc, err
}

func (m *mortal) dies() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	for _, nc := range m.open {
		nc.Close()
	}
}
