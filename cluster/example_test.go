package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// startNodes gives the examples nodes of their own; an app has its own already.
func startNodes() (nodes string, stop func()) {
	program := testenv.NewProgram("example", os.Stderr)
	env := testenv.Start(program, 3, testenv.Embedded())
	return env.Nodes(), func() { _ = program.Close() }
}

func ExampleNew() {
	list, stop := startNodes()
	defer stop()

	nodes, err := cluster.ParseNodes(list)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, KeyPrefix: "shop:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	_, err = c.Load(context.Background(), "an id from a cookie")
	fmt.Println(errors.Is(err, cluster.ErrNotFound))
	// Output: true
}

func ExampleCluster_Save() {
	list, stop := startNodes()
	defer stop()
	nodes, _ := cluster.ParseNodes(list)
	c, err := cluster.New(cluster.Config{Nodes: nodes})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	ctx := context.Background()

	r := cluster.NewRecord("session id")
	r.Attrs["user"] = []byte("ann")
	r.Deadline = time.Now().Add(time.Hour)
	if err := c.Save(ctx, r); err != nil {
		fmt.Println(err)
		return
	}

	// Two requests of one session, in parallel, on any instances of the app.
	one, _ := c.Load(ctx, "session id")
	two, _ := c.Load(ctx, "session id")
	one.Attrs["cart"] = []byte("3 apples")
	two.Attrs["theme"] = []byte("dark")
	fmt.Println(c.Save(ctx, one), c.Save(ctx, two))

	r, _ = c.Load(ctx, "session id")
	fmt.Printf("%s, %s, %s\n", r.Attrs["user"], r.Attrs["cart"], r.Attrs["theme"])
	// Output:
	// <nil> <nil>
	// ann, 3 apples, dark
}

func ExampleParseNodes() {
	nodes, err := cluster.ParseNodes("n1:10.0.0.1:11211, n2:[2001:db8::2]:11211, n3:/run/memcached.sock")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range nodes {
		fmt.Println(n.ID, n.Addr)
	}
	_, err = cluster.ParseNodes("localhost")
	fmt.Println(err)
	// Output:
	// n1 10.0.0.1:11211
	// n2 [2001:db8::2]:11211
	// n3 /run/memcached.sock
	// cluster: node "localhost" has no port: want id:host:port, id@zone:host:port or host:port, separated by commas or spaces, such as "n1:10.0.0.1:11211,n2:10.0.0.2:11211"
}

func ExampleConfigFromEnv() {
	env := map[string]string{
		"MEMCACHED_NODES":         "n1:10.0.0.1:11211,n2:10.0.0.2:11211,n3:10.0.0.3:11211",
		"MEMCACHED_STANDBY_NODES": "n3",
		"MEMCACHED_TIMEOUT":       "100ms",
	}
	cfg, err := cluster.ConfigFromEnv(func(name string) string { return env[name] }) // an app passes os.Getenv
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(cfg.Nodes), cfg.Nodes[2].Standby, cfg.Timeout)

	env["MEMCACHED_TIMEOUT"] = "100"
	_, err = cluster.ConfigFromEnv(func(name string) string { return env[name] })
	fmt.Println(err)
	// Output:
	// 3 true 100ms
	// cluster: MEMCACHED_TIMEOUT="100": want a positive duration with its unit, such as 150ms
}
