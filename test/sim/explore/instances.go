package explore

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which nodes there are, and what the instances of the app are that speak to them.

// mostNodes is how many nodes there are where the list changes. Otherwise there are three.
const mostNodes = 4

// nodesAt are the nodes at these places of the preference list; all, in the order of their names, where
// there are no places.
func (r *run) nodesAt(places []int) (nodes []cluster.Node) {
	servers := []int{0, 1, 2}
	if r.scope.To != nil {
		servers = append(servers, 3)
	}
	if places != nil {
		servers = nil
		for _, p := range places {
			servers = append(servers, r.order[p])
		}
	}
	for _, i := range servers {
		nodes = append(nodes, cluster.Node{ID: fmt.Sprintf("n%d", i+1), Addr: fmt.Sprintf("192.0.2.%d:11211", i+1)})
	}
	return nodes
}

// learn gives an instance the list that the list changes to.
func (r *run) learn(c *cluster.Cluster) {
	if err := c.SetNodes(r.nodesAt(r.scope.To)); err != nil {
		panic(err)
	}
}

// clusterOf makes the actor's instance, or takes that of the first one.
func (r *run) clusterOf(i int) *cluster.Cluster {
	if i > 0 && i < r.scope.Together {
		r.clusters = append(r.clusters, r.clusters[0])
		return r.clusters[0]
	}
	return r.instance(fmt.Sprint("actor", i), time.Duration(i)*r.scope.Ahead)
}

// spread has names that differ in one letter make numbers that differ in their first bits, too.
const spread = 0x9e3779b97f4a7c15

// instance makes a Cluster whose clock stands still.
func (r *run) instance(name string, ahead time.Duration) *cluster.Cluster {
	return r.instanceOn(name, ahead, r.nodesAt(r.scope.From))
}

func (r *run) instanceOn(name string, ahead time.Duration, nodes []cluster.Node) *cluster.Cluster {
	c, err := cluster.New(cluster.Config{
		Nodes: nodes, DialContext: r.dialer(name), Now: func() time.Time { return r.today().Add(ahead) },
		Rand:   func() uint64 { return hashOf(name) * spread }, // versions tell processes apart by its first bits
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), HealPerSecond: -1, Local: r.scope.Local,
	})
	if err != nil {
		panic(err)
	}
	r.clusters = append(r.clusters, c)
	return c
}

// today is the time at which all clocks stand still, or differ by what the scope says.
func (r *run) today() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return base.Add(lifetime + time.Hour)
	}
	return base
}
