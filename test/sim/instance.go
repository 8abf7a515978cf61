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
	name  string
	ahead time.Duration
	lives int // so far; the director's

	mu      sync.Mutex // guards below
	cluster *cluster.Cluster
	process string          // the name of its present life
	dead    map[string]bool // processes that were killed
}

// clock is the wall clock of the instance's machine.
func (in *instance) clock() time.Time { return time.Now().Add(in.ahead) }

// deploy begins a new life with that list of nodes, and returns what the old one had.
func (in *instance) deploy(list []cluster.Node) (old *cluster.Cluster) {
	in.lives++
	process := fmt.Sprintf("%s.%d", in.name, in.lives)
	c, err := cluster.New(in.sim.clusterConfig(list, process, in.clock))
	if err != nil {
		panic(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	old, in.cluster, in.process = in.cluster, c, process
	return old
}

func (s *sim) clusterConfig(list []cluster.Node, process string, clock func() time.Time) cluster.Config {
	return cluster.Config{
		Nodes: append([]cluster.Node(nil), list...), DialContext: s.world.Dialer(process), Now: clock, Rand: s.world.Dice(process),
		HealPerSecond: s.cfg.Heal, MaxRecordBytes: maxRecord, RefreshSlack: s.slack, OnNodeState: s.doubts(process), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
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
		s.stats.WideReads += st.WideReads
		s.stats.Conflicts += st.Conflicts
		s.stats.Unavailable += st.Unavailable
		s.stats.RepairFailures += st.RepairFailures
	})
}
