package gorillastore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which nodes, clusters and stores the tests run on.
// memcached nodes.

// authKey is 32 bytes, as an app's secret should be.
var authKey = []byte("0123456789abcdefghijklmnopqrstuv")

// prefixes keeps tests apart on nodes that they share with others.
var prefixes sync.Map // *testenv.Env to string

// prefixOf begins the keys of all that a test stores on the nodes of env.
func prefixOf(env *testenv.Env) string {
	p, _ := prefixes.LoadOrStore(env, rand.Text()+":")
	return p.(string)
}

// wires stand between each cluster and its nodes.
var wires sync.Map // *cluster.Cluster to *testenv.Wire

// patience is the Timeout where no node hangs: a busy machine must not look like one that does.
const patience = 5 * time.Second

// newCluster connects to the nodes of env; each call is an app instance of its own.
func newCluster(t testing.TB, env *testenv.Env, edit ...func(*cluster.Config)) *cluster.Cluster {
	t.Helper()
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	wire := testenv.NewWire(env.DialContext)
	t.Cleanup(func() { wire.Close() })
	cfg := cluster.Config{
		Nodes: nodes, KeyPrefix: prefixOf(env), DialContext: wire.DialContext, Timeout: patience,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, e := range edit {
		e(&cfg)
	}
	c, err := cluster.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	wires.Store(c, wire)
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

// threeNodes returns memcached processes where there are some. In a short run the nodes are
// embedded, since starting processes takes most of a test's time.
func threeNodes(t testing.TB) *testenv.Env {
	t.Helper()
	if testing.Short() {
		return testenv.Start(t, 3, testenv.Embedded())
	}
	return testenv.Start(t, 3)
}

// start is what most tests need: three nodes, a cluster, a store.
func start(t testing.TB) (*testenv.Env, *cluster.Cluster, *gorillastore.Store) {
	env := threeNodes(t)
	c := newCluster(t, env)
	return env, c, newStore(t, c)
}

// eventually waits for what must come about, and tells what did not.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("never came about: %s", what) // not Fatal: a step of a user runs in the server
			return
		}
	}
}

// outage cuts c off from all nodes, runs during, and returns when all of them are in use again.
func outage(t testing.TB, env *testenv.Env, c *cluster.Cluster, during func()) {
	t.Helper()
	wire := wireOf(c)
	for _, n := range env.All() {
		wire.Refuse(n.Addr())
		wire.Reset(n.Addr())
	}
	during()
	wire.HealAll()
	eventually(t, "all nodes are up again", func() bool {
		_, err := c.Load(context.Background(), "no such session")
		for _, n := range c.Nodes() {
			if n.State != cluster.StateUp {
				return false
			}
		}
		return errors.Is(err, cluster.ErrNotFound)
	})
}

func wireOf(c *cluster.Cluster) *testenv.Wire {
	wire, _ := wires.Load(c)
	return wire.(*testenv.Wire)
}
