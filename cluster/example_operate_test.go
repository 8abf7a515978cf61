package cluster_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/discovery"
)

// exampleCluster is on three nodes that end with it; an app has its own.
func exampleCluster() (c *cluster.Cluster, stop func()) {
	list, end := startNodes()
	nodes, err := cluster.ParseNodes(list)
	if err != nil {
		panic(err)
	}
	if c, err = cluster.New(cluster.Config{Nodes: nodes, Timeout: 5 * time.Second}); err != nil {
		panic(err)
	}
	return c, func() { _ = c.Close(); end() }
}

// A readiness probe: while no session could be saved, the load balancer asks other instances.
func ExampleCluster_Ping() {
	c, stop := exampleCluster()
	defer stop()

	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := c.Ping(r.Context()); err != nil {
			log.Print(err)
			http.Error(w, "no session could be saved now", http.StatusServiceUnavailable)
		}
	})
	fmt.Println(c.Ping(context.Background()))
	// Output: <nil>
}

func ExampleCluster_Stats() {
	c, stop := exampleCluster()
	defer stop()
	ctx := context.Background()

	_, err := c.Load(ctx, "an id from a cookie")
	fmt.Println(err)
	s := c.Stats()
	fmt.Println("loads:", s.Loads, "not found:", s.NotFound, "unavailable:", s.Unavailable)
	// Output:
	// cluster: no such session
	// loads: 1 not found: 1 unavailable: 0
}

func ExampleCluster_Nodes() {
	c, stop := exampleCluster()
	defer stop()

	for _, n := range c.Nodes() {
		fmt.Println(n.ID, n.State)
	}
	// Output:
	// n1 up
	// n2 up
	// n3 up
}

// Where tells a person which nodes hold a session. No request needs it.
func ExampleCluster_Where() {
	c, stop := exampleCluster()
	defer stop()
	ctx := context.Background()

	r := cluster.NewRecord("session id")
	r.Attrs["user"] = []byte("ann")
	r.Deadline = time.Now().Add(time.Hour)
	if err := c.Save(ctx, r); err != nil {
		log.Fatal(err)
	}
	places, err := c.Where(ctx, "session id")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range places {
		fmt.Println(p.Role, p.Held)
	}
	// Output:
	// primary true
	// backup true
	// fallback false
}

// A logout: the session stays dead, also where a request that began before it saves later.
func ExampleCluster_Delete() {
	c, stop := exampleCluster()
	defer stop()
	ctx := context.Background()

	r := cluster.NewRecord("session id")
	r.Deadline = time.Now().Add(time.Hour)
	fmt.Println(c.Save(ctx, r))
	fmt.Println(c.Delete(ctx, "session id"))
	fmt.Println(errors.Is(c.Save(ctx, r), cluster.ErrDestroyed))
	// Output:
	// <nil>
	// <nil>
	// true
}

// Before the next node is stopped, the one before must be whole again.
func ExampleCluster_WaitWhole() {
	var c *cluster.Cluster // the app's

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := c.WaitWhole(ctx); err != nil {
		log.Fatal("do not stop another node: ", err)
	}
}

// A node is emptied of its duties while it still runs, and may be stopped then.
func ExampleCluster_Drain() {
	var c *cluster.Cluster // the app's

	if err := c.Drain(context.Background(), "n2"); err != nil {
		log.Fatal("do not stop n2: ", err)
	}
	// Stop n2, upgrade it, start it.
	if err := c.Undrain(context.Background(), "n2"); err != nil {
		log.Fatal(err)
	}
}

// A list of nodes takes the place of the one before while the app runs.
func ExampleCluster_SetNodes() {
	var c *cluster.Cluster // the app's

	nodes, err := cluster.ParseNodes("n1:10.0.0.1:11211,n2:10.0.0.2:11211,n4:10.0.0.4:11211")
	if err != nil {
		log.Fatal(err)
	}
	if err := c.SetNodes(nodes); err != nil {
		log.Fatal(err)
	}
}

// All sessions that the nodes hold, as a count of them needs it.
func ExampleCluster_All() {
	var c *cluster.Cluster // the app's

	sessions := 0
	for _, err := range c.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		sessions++
	}
	fmt.Println(sessions)
}

func ExampleCluster_Heal() {
	var c *cluster.Cluster // the app's

	report, err := c.Heal(context.Background(), "n2")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", report)
}

func ExampleCluster_Memory() {
	var c *cluster.Cluster // the app's

	memory, err := c.Memory(context.Background(), "n2")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%+v\n", memory)
}

// Records are sealed with the first key; all keys open them. To change the key, put the new one in
// front, and drop the old one when a session's longest lifetime has passed.
func ExampleConfig_sealKeys() {
	cfg, err := cluster.ConfigFromEnv(os.Getenv) // MEMCACHED_SEAL_KEYS does the same
	if err != nil {
		log.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(os.Getenv("NEW_SEAL_KEY")) // openssl rand -base64 32
	if err != nil {
		log.Fatal("NEW_SEAL_KEY is not base64")
	}
	cfg.SealKeys = append([][]byte{key}, cfg.SealKeys...)
}

// The list of nodes comes from DNS, and follows it.
func ExampleConfig_discover() {
	c, err := cluster.New(cluster.Config{
		Discover: discovery.SRV("_memcached._tcp.memcached.web.svc.cluster.local"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// A counter that many requests raise at once has the right sum.
func ExampleCluster_Update() {
	c, stop := exampleCluster()
	defer stop()
	ctx := context.Background()

	r := cluster.NewRecord("session id")
	r.Attrs["views"] = []byte("0")
	r.Deadline = time.Now().Add(time.Hour)
	if err := c.Save(ctx, r); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		err := c.Update(ctx, "session id", func(r *cluster.Record) error {
			n, err := strconv.Atoi(string(r.Attrs["views"]))
			r.Attrs["views"] = strconv.AppendInt(nil, int64(n+1), 10)
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	r, err := c.Load(ctx, "session id")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(r.Attrs["views"]))
	// Output: 3
}

// One request of a session at a time, on all instances: a payment that must not go out twice.
func ExampleCluster_Lock() {
	var c *cluster.Cluster // the app's

	http.HandleFunc("POST /pay", func(w http.ResponseWriter, r *http.Request) {
		held, unlock, err := c.Lock(r.Context(), "session id", 10*time.Second)
		if err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		defer unlock()
		session, err := c.Load(held, "session id")
		if err != nil {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		session.Attrs["paid"] = []byte("yes")
		if err := c.Save(held, session); errors.Is(err, cluster.ErrLockLost) {
			http.Error(w, "That took too long.", http.StatusConflict) // nothing was stored
		}
	})
}

// Log out everywhere: all sessions of a user end, on every instance.
func ExampleCluster_DestroyAll() {
	c, stop := exampleCluster()
	defer stop()
	ctx := context.Background()

	for _, id := range []string{"phone", "laptop"} {
		r := cluster.NewRecord(id)
		r.Deadline = time.Now().Add(time.Hour)
		r.SetOwner("ann", id)
		if err := c.Save(ctx, r); err != nil {
			log.Fatal(err)
		}
	}
	sessions, err := c.Sessions(ctx, "ann")
	fmt.Println(len(sessions), err)
	n, err := c.DestroyAll(ctx, "ann", "laptop") // all but this one
	fmt.Println(n, err)
	_, err = c.Load(ctx, "phone")
	fmt.Println(err)
	// Output:
	// 2 <nil>
	// 1 <nil>
	// cluster: no such session
}
