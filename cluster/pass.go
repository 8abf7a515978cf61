package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/pace"
)

// This file decides what one pass does: it lists the keys of all nodes (passkeys.go), restores each session
// that has the node among its homes, and enters the result.

// pass is one pass under way.
type pass struct {
	c          *Cluster
	list       *list
	node       *node
	lease      marker.Lease
	lost       []lostEntry
	ctx        context.Context
	cancel     context.CancelCauseFunc
	progress   progress
	written    atomic.Int64
	failed     atomic.Int64
	unreadable atomic.Int64
	pace       pace.Healing
}

func (c *Cluster) newPass(ctx context.Context, n *node, incarnation string, lost []lostEntry) *pass {
	p := &pass{c: c, list: c.lists.Load().now, node: n, lost: lost}
	p.lease = marker.Lease{List: p.list.name, Healer: c.name, Incarnation: incarnation}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// run makes the pass and enters its result.
func (p *pass) run() (HealReport, error) {
	began := time.Now()
	p.node.pass.Store(&p.progress)
	defer p.node.pass.Store(nil)
	stop := make(chan struct{})
	var kept sync.WaitGroup
	kept.Go(func() { p.keep(stop) })
	err := p.restore()
	close(stop)
	kept.Wait()
	p.cancel(nil)
	if err == nil {
		err = p.enterWhole()
	} else {
		p.giveBack(errors.Is(err, ErrKeysNotListed))
	}
	report := HealReport{
		Node: p.node.ID, Sessions: int(p.progress.of.Load()), Written: int(p.written.Load()),
		Failed: int(p.failed.Load()), Took: time.Since(began),
	}
	c := p.c
	c.stats.healed.Add(uint64(report.Written))
	c.healer.mu.Lock()
	plan := c.healer.plan(p.node, p.lease.Incarnation)
	if err == nil {
		*plan = plan.done()
	} else {
		plan.tries++
		plan.reason = err.Error()
		plan.next = time.Now().Add(min(time.Second<<min(plan.tries, 10), mostBetweenPasses))
		if errors.Is(err, ErrKeysNotListed) && p.failed.Load() == 0 && plan.knownOnly.IsZero() {
			plan.knownOnly, plan.lost = time.Now(), p.lost
		}
	}
	c.healer.mu.Unlock()
	if err != nil && c.ending.Err() == nil { // a pass that Close has ended is no news
		c.log.warn(p.node, "cluster: node could not be healed", "sessions", report.Sessions, "failed", report.Failed, "reason", err)
	} else if err == nil {
		c.log.info(p.node, "cluster: node is healed", "sessions", report.Sessions, "written", report.Written, "unreadable", p.unreadable.Load(), "took", report.Took.Round(time.Millisecond))
	}
	c.tellHealed(report, err)
	return report, err
}

// keep raises the healer's beat until stop, and ends the pass when another one has taken over.
func (p *pass) keep(stop <-chan struct{}) {
	t := time.NewTicker(marker.BeatEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-stop:
			return
		case <-p.c.closing:
			p.cancel(ErrClosed)
			return
		}
		mine := false
		_, err := p.c.changeMarker(p.node, func(m *marker.Marker) bool {
			mine = p.lease.Keep(m, p.progress.done.Load(), p.progress.of.Load())
			return mine
		})
		if err != nil {
			p.cancel(err)
			return
		}
		if !mine {
			p.cancel(errTakenOver)
			return
		}
	}
}

var errTakenOver = errors.New("it was emptied meanwhile, or another process heals it")

// restore reads and repairs every session that has the node among its homes. The error says why the
// node may still lack some.
func (p *pass) restore() error {
	found, err := p.c.keysToRestore(p.ctx, p.list, p.node)
	if cause := context.Cause(p.ctx); cause != nil { // not what became of the lists then
		return cause
	}
	if err != nil && !errors.Is(err, ErrKeysNotListed) && len(found) == 0 {
		return err
	}
	groups := group(found)
	p.progress.of.Store(int64(len(groups)))
	p.c.restoreEach(p.ctx, &p.pace, len(groups), func(i int) { p.restoreOne(groups[i]) })
	if p.c.isClosing() {
		return ErrClosed
	}
	if cause := context.Cause(p.ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	if n := p.failed.Load(); n > 0 {
		return fmt.Errorf("%d sessions could not be restored", n)
	}
	return nil
}

func (p *pass) restoreOne(one []heldKey) {
	var holders []*node
	for _, l := range one {
		if l.on != nil {
			holders = append(holders, l.on)
		}
	}
	op, v, err := p.c.restore(one[0].key, append(slices.Clone(holders), p.node), holders)
	switch {
	case errors.Is(err, ErrVersion), errors.Is(err, ErrSealed):
		op.copyUnreadable(v)
		p.unreadable.Add(1)
	case err != nil:
		p.failed.Add(1)
	}
	p.written.Add(int64(op.copiesWritten))
	p.progress.done.Add(1)
}

// enterWhole enters the result: the node is whole, and what the lost entries told of is done.
func (p *pass) enterWhole() error {
	mine := false
	_, err := p.c.changeMarker(p.node, func(m *marker.Marker) bool { mine = p.lease.EnterWhole(m); return mine })
	if err == nil && !mine {
		err = errTakenOver
	}
	if err == nil {
		err = p.c.endLost(p.lost)
	}
	return err
}

// giveBack leaves the node to the next healer. Unlisted tells everybody why it is not whole.
func (p *pass) giveBack(unlisted bool) {
	_, _ = p.c.changeMarker(p.node, func(m *marker.Marker) bool { return p.lease.GiveBack(m, unlisted) })
}

// HealReport says what one pass over the keys of all nodes has done for one of them.
type HealReport struct {
	Node     string        // its ID
	Sessions int           // that have the node among their homes
	Written  int           // copies written, to this node or others that lacked something
	Failed   int           // sessions that could not be restored now
	Took     time.Duration // by this process's clock
}
