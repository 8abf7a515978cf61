package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides how the nodes of one step of a read are asked, and for how long each is waited
// for.

// ask reads the key from the nodes of a step at once and adds what they say to the view. The brief
// ones have a quarter of a Timeout. Began is when the step began: what an answer takes is counted from
// there.
func (op *operation) ask(ctx context.Context, v *view, step readStep, began time.Time) error {
	patience, cancel := ctx, context.CancelFunc(func() {})
	if len(step.brief) > 0 {
		patience, cancel = context.WithTimeout(ctx, op.c.cfg.Timeout/4)
	}
	defer cancel()
	also := ""
	if step.withMarker {
		also = op.c.markerKey
	}
	brief := make([]request, len(step.brief))
	for i, n := range step.brief {
		op.send(&brief[i], n, also, memcached.NewLatch(1))
	}
	if len(step.ask) > 0 {
		all := op.c.newAsking(len(step.ask))
		for i, n := range step.ask {
			op.send(&all.requests[i], n, also, all.latch)
		}
		select {
		case <-all.latch.Done():
			if !op.restores {
				now := time.Now()
				op.c.latency.Note(now, now.Sub(began), op.c.healing.Load() > 0)
			}
		case <-ctx.Done():
			for _, n := range step.ask {
				op.trace.abandons(n, began)
			}
			return fmt.Errorf("cluster: load: %w", ctx.Err())
		}
		for i := range all.requests {
			q := &all.requests[i]
			op.hear(v, q)
			op.trace.request(q.node, "gets", began, q.Took, q.Err)
		}
		clear(all.requests) // the pool keeps no answers
		op.c.askings.Put(all)
	}
	for i := range brief {
		select {
		case <-brief[i].Latch.Done(): // an answer that is there counts, however late it is looked at
			op.hear(v, &brief[i])
			op.trace.request(brief[i].node, "gets", began, brief[i].Took, brief[i].Err)
			continue
		default:
		}
		select {
		case <-brief[i].Latch.Done():
			op.hear(v, &brief[i])
			op.trace.request(brief[i].node, "gets", began, brief[i].Took, brief[i].Err)
		case <-patience.Done():
			op.trace.abandons(brief[i].node, began)
		}
	}
	if err := ctx.Err(); err != nil && len(brief) > 0 {
		return fmt.Errorf("cluster: load: %w", err)
	}
	return nil
}

// send has the request on its way.
func (op *operation) send(q *request, n *node, also string, latch *memcached.Latch) {
	*q = request{node: n, epoch: n.epochNow(), Request: memcached.Request{Key: op.key, Also: also, Latch: latch}}
	n.server.Get(&q.Request)
}

// asking is one question to several nodes. Its requests are on their way, by address, for longer than the
// caller may wait for them: only one whose answers have all been heard is used again.
type asking struct {
	requests []request
	latch    *memcached.Latch
}

// newAsking returns room for a question to so many nodes.
func (c *Cluster) newAsking(nodes int) *asking {
	a, ok := c.askings.Get().(*asking)
	if !ok || cap(a.requests) < nodes {
		return &asking{make([]request, nodes), memcached.NewLatch(nodes)}
	}
	a.requests = a.requests[:nodes]
	a.latch.Reset(nodes)
	return a
}

// hear adds what a node said to the view.
func (op *operation) hear(v *view, q *request) {
	if q.Err != nil {
		op.passOver(q.node, q.Err)
		return
	}
	a := answer{node: q.node, epoch: q.epoch}
	if q.Copy != nil {
		op.copies = append(op.copies, *q.Copy)
		a.item = &op.copies[len(op.copies)-1]
	}
	op.decode(v, &a)
	if a.unsealed {
		op.c.stats.unsealed.Add(1)
	}
	if q.Also != "" {
		a.marker, _ = op.c.markerIn(q.AlsoCopy)
	}
	if known := v.on(q.node); known != nil {
		*known = a
		return
	}
	v.answers = append(v.answers, a)
}
