package cluster

import (
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides when the markers of all nodes are read, and what is done about what they say.

// idleShare is how much shorter the time between two polls of a Cluster that nobody uses is than
// the time for which nobody has.
const idleShare = 20

// watch polls the markers until Close, and does what they ask for.
func (c *Cluster) watch() {
	wait := time.Duration(0)
	used, lastUsed := uint64(0), time.Now()
	if c.cfg.HealPerSecond >= 0 {
		c.running.Go(c.learnListing)
	}
	for {
		t := time.NewTimer(wait + time.Duration(c.cfg.jitter()*float64(wait)/4))
		select {
		case <-t.C:
		case <-c.kicked:
			t.Stop()
			wait = 0
		case <-c.closing:
			t.Stop()
			return
		}
		c.enterDown()
		c.poll()
		c.tendHints()
		c.endDrains()
		c.heal()
		c.tellChange(time.Now())
		if n := c.uses(); n != used {
			used, lastUsed = n, time.Now()
		}
		wait = c.nextPoll(wait, time.Since(lastUsed))
	}
}

// nextPoll is the wait before the next poll: short at first where a node that is up is not whole.
func (c *Cluster) nextPoll(last, idle time.Duration) time.Duration {
	most := max(pollEvery, idle/idleShare)
	for _, n := range c.nodes() {
		if !n.isWhole() && n.isUp() {
			return min(max(last+last/4, c.settle()), most)
		}
	}
	return most
}

// uses counts the operations so far.
func (c *Cluster) uses() uint64 {
	return c.stats.loads.Load() + c.stats.saves.Load() + c.stats.deletes.Load()
}

// poll reads the markers of all nodes that are not down, begins those that are missing, and judges
// which nodes are whole.
func (c *Cluster) poll() {
	began, number := time.Now(), c.pollsBegun.Add(1)
	var wg sync.WaitGroup
	for _, n := range c.nodes() {
		wg.Go(func() { c.pollOne(n) })
	}
	wg.Wait()
	c.updateLists()
	c.endPoll(number, began)
	for _, n := range c.nodes() {
		m, err := n.lastMarker()
		if err == nil && (m == nil || m.Node != n.ID || c.lacksList(n, m)) && !c.looksOnly() {
			wg.Go(func() { c.beginMarker(n) })
		}
	}
	wg.Wait()
	for _, n := range c.nodes() {
		reason := c.whyNotWhole(n)
		n.mu.Lock()
		n.whole.verdict.Judge(reason, n.whole.epoch, began, c.cfg.Now(), c.settle())
		now := n.whole.verdict.Reason
		isNews := n.whole.verdict.IsNews()
		n.wholeIn.Store(0)
		if now == "" {
			n.wholeIn.Store(n.whole.epoch + 1)
		}
		n.mu.Unlock()
		if isNews && now != "" {
			c.log.info(n, "cluster: node is not whole", "reason", now)
		} else if isNews {
			c.log.info(n, "cluster: node is whole")
		}
	}
	if c.local != nil {
		c.local.noteEmptied()
	}
}

// pollOne reads the node's marker.
func (c *Cluster) pollOne(n *node) {
	epoch := n.epochNow()
	if state, _ := n.state(); state == StateDown {
		n.noteMarker(nil, epoch, errNotAsked)
		return
	}
	m, item, err := c.readMarker(n)
	if err == nil {
		err = c.checkMarker(n, m)
	}
	n.noteMarker(m, epoch, err)
	if err == nil && m != nil && !c.seal.IsCurrent(item.Value) && c.cfg.jitter() < resealShare {
		_, _ = c.changeMarkerWithin(1, n, func(*marker.Marker) bool { return true }) // else at a later poll
	}
}

// resealShare is how many of the polls that find a marker sealed with a former key seal it anew: a
// marker is seldom changed, and when the key is removed, nobody could read it any more. While seal keys
// are rotated, instances differ in what is the former key, and should not take turns at each poll.
const resealShare = 0.1

// beginMarker gives the node a marker that tells of all lists in force.
func (c *Cluster) beginMarker(n *node) {
	epoch := n.epochNow()
	m, err := c.changeMarkerWithin(2, n, func(*marker.Marker) bool { return false }) // else at the next poll
	n.noteMarker(m, epoch, err)
}
