package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides when an operator may go on: when every node is whole, by markers read at that moment.

// WaitWhole returns nil when every node of the list is up and whole, by markers that were read after
// the call began and said so for two Timeouts. Then any one node may fail, or be stopped, without a
// loss. It waits until ctx ends, for nodes that are down, too; meanwhile nodes are healed, by this
// process or others (Config.HealPerSecond). The error is ErrKeysNotListed where a server does not
// list its keys, once all sessions that this process knows are healed. It names the nodes that are
// not whole, and why, and wraps ctx's error when ctx ends. Or it is ErrClosed.
func (c *Cluster) WaitWhole(ctx context.Context) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	return c.waitWhole(ctx, func(n *node) bool { return c.lists.Load().base.has(n) })
}

// WaitNodesWhole is WaitWhole for the nodes with these IDs alone: where others are known to be gone
// for good, or are somebody else's business. An ID that is not on the list is an error.
func (c *Cluster) WaitNodesWhole(ctx context.Context, ids ...string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	for _, id := range ids {
		if _, err := c.nodeByID(id); err != nil {
			return err
		}
	}
	return c.waitWhole(ctx, func(n *node) bool { return slices.Contains(ids, n.ID) })
}

func (c *Cluster) waitWhole(ctx context.Context, isMeant func(*node) bool) error {
	if ctx == nil {
		ctx = context.Background()
	}
	c.freshen() // so that it is known which nodes drain
	var good marker.Row[string]
	for {
		began := time.Now()
		incarnations, missing, err := c.lookWhole(isMeant)
		switch {
		case err != nil:
			return err
		case good.Add(missing == "", strings.Join(incarnations, " "), began, c.settle()):
			return nil
		case missing != "":
			c.kick()
		}
		t := time.NewTimer(c.settle())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("cluster: not whole: %s: %w", cmp.Or(missing, marker.SeenOnce), ctx.Err())
		case <-c.closing:
			t.Stop()
			return ErrClosed
		}
	}
}

// lookWhole reads the markers of all nodes, whatever is thought of them, and says which of the nodes
// that are meant are not whole, and why.
func (c *Cluster) lookWhole(isMeant func(*node) bool) (incarnations []string, missing string, err error) {
	nodes := c.nodes()
	markers, errs := make([]*marker.Marker, len(nodes)), make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			if markers[i], _, errs[i] = c.readMarker(n); errs[i] == nil {
				errs[i] = c.checkMarker(n, markers[i])
			}
		})
	}
	wg.Wait()
	var why []string
	unlisted := 0
	for i, n := range nodes {
		if !isMeant(n) {
			continue
		}
		reason := ""
		switch m := markers[i]; {
		case errs[i] != nil:
			reason = errs[i].Error()
		case m == nil || m.Node != n.ID:
			reason = "it has no marker yet"
		case m.Draining != 0 && c.drains(n):
			reason = "it is draining"
		case !m.IsWhole(c.listName()), !c.lists.Load().now.hasBegun(n):
			reason = c.healer.reason(n, m.List(c.listName()))
			if c.healer.knownOnly(n) {
				unlisted++
			}
		default:
			incarnations = append(incarnations, m.Incarnation)
			for j, other := range markers {
				if other != nil && other.SaysBehind(n.ID) {
					reason = "it missed writes that lie on node " + nodes[j].String()
				}
			}
		}
		if reason != "" {
			why = append(why, n.String()+": "+reason)
		}
	}
	missing = strings.Join(why, "; ")
	if unlisted > 0 && unlisted == len(why) {
		return nil, "", fmt.Errorf("%w: %s", ErrKeysNotListed, missing)
	}
	return incarnations, missing, nil
}
