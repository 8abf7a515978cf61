package cluster

import (
	"context"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/pace"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how one session is brought to all its targets without a request, and how many are
// at once.

// restore reads and repairs one session, as a load does, and asks the holders as well. It is nil
// only where each node that must answer has done so, or was not asked.
func (c *Cluster) restore(key record.Key, must, holders []*node) (op *operation, v *view, err error) {
	op = c.operationOn(key, intent{restores: true, holders: holders})
	v, _ = op.read(context.Background())
	if op.decideRepair(v).want != nil {
		v, err = op.converge(v, repairRounds, op.decideRepair)
		if err == nil {
			op.expireOrphans(v, v.merged)
		}
	}
	if err == nil {
		err = v.unreadable
	}
	for _, f := range op.passedOver {
		if err == nil && slices.Contains(must, f.node) {
			err = f.err
		}
	}
	return op, v, err
}

// copyUnreadable copies what this process cannot read, byte for byte, to the homes that have nothing:
// another process may be able to read it.
func (op *operation) copyUnreadable(v *view) {
	for i := range v.answers {
		a := &v.answers[i]
		if !a.unreadable {
			continue
		}
		for j := range v.answers {
			if to := &v.answers[j]; to.item == nil && op.isHome(to.node) && !op.isPassedOver(to.node) {
				lives := memcached.TTL(op.c.cfg.Now().UnixMilli()+op.c.longest.Load(), op.c.cfg.Now())
				if outcome, _, _ := to.node.server.Write(op.key, a.item.Value, nil, lives); outcome == memcached.Stored {
					op.copiesWritten++
				}
			}
		}
		return
	}
}

// healers is how many sessions are restored at once.
const healers = 32

// restoreEach calls restore for the numbers below n, some at a time, at the pace that users leave,
// until ctx or the Cluster ends.
func (c *Cluster) restoreEach(ctx context.Context, p *pace.Healing, n int, restore func(i int)) {
	p.Full = DefaultHealPerSecond
	if c.cfg.HealPerSecond > 0 {
		p.Full = float64(c.cfg.HealPerSecond)
	}
	c.healing.Add(1)
	defer c.healing.Add(-1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(c.ending, stop)() // a slow pace holds no Close up
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(healers, n) {
		wg.Go(func() {
			for i := range next {
				restore(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil && !c.isClosing(); i++ {
		p.Wait(ctx, c.latency.IsWorse())
		next <- i
	}
	close(next)
	wg.Wait()
}
