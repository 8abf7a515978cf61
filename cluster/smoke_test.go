package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

func TestSmoke(t *testing.T) {
	env := testenv.Start(t, 3)
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	r := cluster.NewRecord("abc")
	r.Attrs["x"] = []byte("1")
	r.Deadline = time.Now().Add(time.Hour)
	if err := c.Save(ctx, r); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		env.Node(i).Kill()
		r, err := c.Load(ctx, "abc")
		if err != nil {
			t.Fatal(i, err)
		}
		r.Attrs["y"] = append(r.Attrs["y"], 'z')
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(i, err)
		}
		t.Logf("%d %s %+v", i, r.Attrs, c.Stats())
		env.Node(i).Restart()
		for c.Nodes()[i].State != cluster.Up {
			time.Sleep(time.Millisecond)
		}
		if _, err := c.Load(ctx, "abc"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete(ctx, "abc"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(ctx, "abc"); !errors.Is(err, cluster.ErrNotFound) {
		t.Fatal(err)
	}
	t.Logf("%+v\n%+v", c.Stats(), c.Nodes())
}
