package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides how a list of nodes that comes from elsewhere is followed: Config.Discover is asked
// again and again, and what it answers counts with prudence (internal/discovery). An answer that
// fails, is empty or is half of one moves no session.

// discoverWithin bounds one question.
const discoverWithin = 10 * time.Second

// discoverOnce asks for the list. A function that panics is one that fails.
func (cfg *Config) discoverOnce(ctx context.Context) (nodes []Node, err error) {
	ctx, cancel := context.WithTimeout(ctx, discoverWithin)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			nodes, err = nil, fmt.Errorf("the function Discover panicked: %v", r)
		}
	}()
	nodes, err = cfg.Discover(ctx)
	if err == nil && len(nodes) == 0 {
		err = discovery.ErrNoNode
	}
	if err == nil {
		nodes = withIDs(nodes)
		err = checkNodes(nodes)
	}
	return nodes, err
}

// follow asks for the list until Close, and changes to what it proposes.
func (c *Cluster) follow() {
	prudent := discovery.NewPrudent(nodesAs[discovery.Node](c.cfg.Nodes))
	t := time.NewTicker(c.cfg.DiscoverEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-c.closing:
			return
		}
		nodes, err := c.cfg.discoverOnce(c.ending)
		if err != nil {
			if !c.isClosing() {
				c.log.warn(nil, "cluster: the list of nodes cannot be asked for, and stays as it is", "reason", err)
			}
			continue
		}
		list, changed := prudent.Answer(nodesAs[discovery.Node](nodes))
		if !changed {
			continue
		}
		if err := c.SetNodes(nodesAs[Node](list)); err != nil {
			c.log.warn(nil, "cluster: the list of nodes that was found is not used", "reason", err)
			continue // it is proposed again
		}
		prudent.Use(list)
	}
}
