package cluster_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// behindWire runs the story in virtual time with one cluster behind a wire over n
// nodes in memory.
func behindWire(t *testing.T, n int, story func(c *cluster.Cluster, wire *testenv.Wire)) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, n, testenv.InMemory())
		wire := testenv.NewWire(env.DialContext)
		nodes, err := cluster.ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(cluster.Config{
			Nodes: nodes, DialContext: wire.DialContext,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		story(c, wire)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := wire.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Both homes are out of reach at once, and the other nodes have never held the session:
// a save that they alone acknowledge would be lost when the homes are back, and a
// logout undone.
func TestNothingIsAcknowledgedWhileBothHomesAreOut(t *testing.T) {
	behindWire(t, 4, func(c *cluster.Cluster, wire *testenv.Wire) {
		ctx := context.Background()
		rec := cluster.NewRecord("ann")
		rec.Attrs["cart"] = []byte("one apple")
		if err := c.Save(ctx, rec); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitWhole(ctx); err != nil { // nobody brings the session anywhere
			t.Fatal(err)
		}
		rec, err := c.Load(ctx, "ann")
		if err != nil {
			t.Fatal(err)
		}
		places, err := c.Where(ctx, "ann")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range places[:2] {
			wire.Refuse(p.Node.Addr)
			wire.Reset(p.Node.Addr)
		}
		for range 2 { // also when they are known to be down
			rec.Attrs["cart"] = []byte("two apples")
			if err := c.Save(ctx, rec); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("a save on nodes that never held the session: %v", err)
			}
			if err := c.Delete(ctx, "ann"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("a logout on nodes that never held the session: %v", err)
			}
			if _, err := c.Load(ctx, "ann"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Errorf("a load from nodes that never held the session: %v", err)
			}
		}
		if err := c.Save(ctx, cluster.NewRecord("bob")); err != nil {
			t.Errorf("a new session has never been elsewhere: %v", err)
		}
		wire.HealAll()
		for _, n := range c.Nodes() {
			for n.State != cluster.StateUp {
				time.Sleep(time.Second)
				for _, n = range c.Nodes() {
					if n.State != cluster.StateUp {
						break
					}
				}
			}
		}
		if rec, err = c.Load(ctx, "ann"); err != nil || string(rec.Attrs["cart"]) != "one apple" {
			t.Errorf("after the outage: %v, %v", rec, err)
		}
		if _, err := c.Load(ctx, "bob"); err != nil {
			t.Errorf("the session that was new: %v", err)
		}
	})
}

func TestNodesAreTakenBackTogetherAfterAnOutage(t *testing.T) {
	behindWire(t, 5, func(c *cluster.Cluster, wire *testenv.Wire) {
		ctx := context.Background()
		for _, n := range c.Nodes() {
			wire.Blackhole(n.Addr, testenv.Both)
		}
		for i := range 20 {
			_, _ = c.Load(ctx, string(rune('a'+i)))
		}
		for _, n := range c.Nodes() {
			if n.State != cluster.StateDown {
				t.Fatalf("%s is %s", n.ID, n.State)
			}
		}
		time.Sleep(10 * time.Second) // the probers are spread over their waits
		wire.HealAll()
		time.Sleep(10 * time.Second)
		since := c.Nodes()[0].Since
		for _, n := range c.Nodes() {
			if n.State != cluster.StateUp || !n.Since.Equal(since) {
				t.Errorf("%s is %s since %v, n1 since %v", n.ID, n.State, n.Since.Sub(since), since)
			}
		}
	})
}
