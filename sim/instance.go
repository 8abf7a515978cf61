package sim

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what an instance of the app is: a process with a clock of its own.

// instance is one process of the app: it lives and dies with its cluster.
type instance struct {
	sim   *sim
	name  string // of the present process
	ahead time.Duration
	lives int

	mu      sync.Mutex // guards below
	cluster *cluster.Cluster
	process string
	dead    map[string]bool // processes that were killed
}

// clock is the wall clock of the instance's machine.
func (in *instance) clock() time.Time { return time.Now().Add(in.ahead) }

// connect makes a cluster with that list of nodes.
func (in *instance) connect(list []cluster.Node) *cluster.Cluster {
	in.mu.Lock()
	in.lives++
	process := fmt.Sprintf("%s.%d", in.name, in.lives)
	in.process = process
	in.mu.Unlock()
	c, err := cluster.New(in.sim.clusterConfig(list, process, in.clock))
	if err != nil {
		panic(err)
	}
	return c
}

func (s *sim) clusterConfig(list []cluster.Node, process string, clock func() time.Time) cluster.Config {
	return cluster.Config{
		Nodes: append([]cluster.Node(nil), list...), DialContext: s.world.Dialer(process), Now: clock, Rand: s.world.Dice(process),
		MaxRecordBytes: maxRecord, RefreshSlack: s.slack, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// take puts c in the place of the present cluster and returns that.
func (in *instance) take(c *cluster.Cluster) *cluster.Cluster {
	in.mu.Lock()
	defer in.mu.Unlock()
	old := in.cluster
	in.cluster = c
	return old
}

// use returns the present cluster and the name of its process.
func (in *instance) use() (*cluster.Cluster, string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.cluster, in.process
}

// killed reports whether that process is no more: nobody heard its answers.
func (in *instance) killed(process string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.dead[process]
}

// retire closes a cluster once the requests that use it have ended.
func (s *sim) retire(c *cluster.Cluster) {
	if c == nil {
		return
	}
	s.old.Go(func() {
		time.Sleep(20 * time.Second)
		st := c.Stats()
		_ = c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stats.Loads += st.Loads
		s.stats.Saves += st.Saves
		s.stats.FastSaves += st.FastSaves
		s.stats.Merges += st.Merges
		s.stats.Repairs += st.Repairs
		s.stats.SecondLooks += st.SecondLooks
		s.stats.Conflicts += st.Conflicts
		s.stats.Unavailable += st.Unavailable
		s.stats.RepairFailures += st.RepairFailures
	})
}
