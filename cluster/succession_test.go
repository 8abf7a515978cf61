package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// patient is a timeout for stories in which no node hangs: a busy machine must not add
// a fault to them.
const patient = 20 * time.Second

// All nodes die in turn and are restarted empty, faster than any prober looks. Each
// request finds the restarted node by itself, because too few others are up.
func TestNodesRestartedInQuickSuccession(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it starts processes again and again")
	}
	for _, replicas := range []int{2, 3} {
		env := testenv.Start(t, 3)
		nodes, err := cluster.ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(cluster.Config{Nodes: nodes, Replicas: replicas, DialContext: env.DialContext, Timeout: patient})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx := context.Background()
		rec := cluster.NewRecord("ann")
		rec.Attrs["visits"] = []byte{0}
		if err := c.Save(ctx, rec); err != nil {
			t.Fatal(err)
		}
		visit := func() {
			t.Helper()
			rec, err := c.Load(ctx, "ann")
			if err != nil {
				t.Fatal(err)
			}
			rec.Attrs["visits"][0]++
			if err := c.Save(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		const rounds = 5
		for range rounds {
			for i := range 3 {
				env.Node(i).Kill()
				visit()
				env.Node(i).Restart()
				visit()
			}
		}
		rec, err = c.Load(ctx, "ann")
		if err != nil {
			t.Fatal(err)
		}
		if got := rec.Attrs["visits"][0]; got != rounds*6 {
			t.Errorf("%d visits are left of %d", got, rounds*6)
		}
	}
}
