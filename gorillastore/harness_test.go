// This file decides which nodes, clusters and stores the tests run on.
// memcached nodes.

package gorillastore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

// authKey is 32 bytes, as an app's secret should be.
var authKey = []byte("0123456789abcdefghijklmnopqrstuv")

// prefixes keeps tests apart on nodes that they share with others.
var prefixes sync.Map // *testenv.Env to string

// prefixOf begins the keys of all that a test stores on the nodes of env.
func prefixOf(env *testenv.Env) string {
	p, _ := prefixes.LoadOrStore(env, rand.Text()+":")
	return p.(string)
}

// newCluster connects to the nodes of env; each call is an app instance of its own.
func newCluster(t testing.TB, env *testenv.Env, edit ...func(*cluster.Config)) *cluster.Cluster {
	t.Helper()
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	cfg := cluster.Config{Nodes: nodes, KeyPrefix: prefixOf(env), DialContext: env.DialContext, Logger: slog.New(slog.DiscardHandler)}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := cluster.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func newStore(t testing.TB, c *cluster.Cluster, keyPairs ...[]byte) *gorillastore.Store {
	t.Helper()
	if len(keyPairs) == 0 {
		keyPairs = [][]byte{authKey}
	}
	store, err := gorillastore.New(c, keyPairs...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// start is what most tests need: three nodes, a cluster, a store.
func start(t testing.TB) (*testenv.Env, *cluster.Cluster, *gorillastore.Store) {
	env := testenv.Start(t, 3)
	c := newCluster(t, env)
	return env, c, newStore(t, c)
}

// startBreakable is start for tests that stop nodes in the middle of a request. Nodes that run elsewhere
// cannot be stopped.
func startBreakable(t testing.TB) (*testenv.Env, *cluster.Cluster, *gorillastore.Store) {
	if os.Getenv(testenv.NodesVariable) != "" {
		t.Skip("the nodes of " + testenv.NodesVariable + " cannot be stopped")
	}
	return start(t)
}

// eventually waits for what must come about, and tells what did not.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// outage pauses all nodes, runs during, and returns when all nodes are in use again, their memory
// kept.
func outage(t testing.TB, env *testenv.Env, c *cluster.Cluster, during func()) {
	t.Helper()
	for _, n := range env.All() {
		n.Pause()
	}
	during()
	for _, n := range env.All() {
		n.Resume()
	}
	eventually(t, "all nodes are up again", func() bool {
		_, err := c.Load(context.Background(), "no such session")
		for _, n := range c.Nodes() {
			if n.State != cluster.Up {
				return false
			}
		}
		return errors.Is(err, cluster.ErrNotFound)
	})
}
