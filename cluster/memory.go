package cluster

import (
	"context"
	"fmt"
	"time"
)

// This file shows how full a node's memory is, for people who look at a cluster. No request needs
// it.

// Memory is what a node says of its memory. What it does not tell is zero.
type Memory struct {
	Items     uint64        // all, tombstones and those of other programs too
	Bytes     uint64        // that they take
	MaxBytes  uint64        // that they may take: memcached's -m
	Evictions uint64        // items that were thrown out for want of memory, since the node was started
	Uptime    time.Duration // since then
}

// Memory asks a node how full its memory is. The error says that there is no such node, or why it
// could not be asked; it is ctx's error when ctx ends, or ErrClosed.
func (c *Cluster) Memory(ctx context.Context, nodeID string) (Memory, error) {
	if err := c.begin(); err != nil {
		return Memory{}, err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	n, err := c.nodeByID(nodeID)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("cluster: memory of node %s: %w", n, ctx.Err())
	}
	if err != nil {
		return Memory{}, err
	}
	stats, err := n.server.Stats(ctx)
	if err != nil {
		return Memory{}, fmt.Errorf("cluster: memory of node %s: %w", n, err)
	}
	return Memory{
		Items: stats["curr_items"], Bytes: stats["bytes"], MaxBytes: stats["limit_maxbytes"],
		Evictions: stats["evictions"], Uptime: time.Duration(stats["uptime"]) * time.Second,
	}, nil
}
