package cluster_test

import (
	"context"
	"expvar"
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/cluster"
)

// Who wants nothing but the standard library has the nodes and the counts at /debug/vars. The nodes'
// addresses are among them: keep it away from the public.
func ExampleCluster_Stats_expvar() {
	list, stop := startNodes()
	defer stop()
	nodes, _ := cluster.ParseNodes(list)
	c, err := cluster.New(cluster.Config{Nodes: nodes})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	expvar.Publish("sessions", expvar.Func(func() any {
		return map[string]any{"nodes": c.Nodes(), "stats": c.Stats()}
	}))

	_, _ = c.Load(context.Background(), "an id from a cookie")
	shown := expvar.Get("sessions").String()
	fmt.Println(strings.Contains(shown, `"Loads":1`), strings.Contains(shown, `"State":"up"`))
	// Output: true true
}
