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
// ones have a quarter of a Timeout.
func (op *operation) ask(ctx context.Context, v *view, step readStep) error {
	patience, cancel := ctx, context.CancelFunc(func() {})
	if len(step.brief) > 0 {
		patience, cancel = context.WithTimeout(ctx, op.c.cfg.Timeout/4)
	}
	defer cancel()
	also := ""
	if step.withMarker {
		also = op.c.markerKey
	}
	began := time.Now()
	brief := make([]request, len(step.brief))
	for i, n := range step.brief {
		op.send(&brief[i], n, also, memcached.NewLatch(1))
	}
	if len(step.ask) > 0 {
		all := op.c.newLatch(len(step.ask))
		requests := op.requests(len(step.ask))
		for i, n := range step.ask {
			op.send(&requests[i], n, also, all)
		}
		select {
		case <-all.Done():
			op.c.latches.Put(all)
			if !op.restores {
				op.c.latency.Note(time.Since(began), op.c.healing.Load() > 0)
			}
		case <-ctx.Done():
			for _, n := range step.ask {
				op.trace.abandons(n, began)
			}
			return fmt.Errorf("cluster: load: %w", ctx.Err())
		}
		for i := range requests {
			op.hear(v, &requests[i])
			op.trace.request(requests[i].node, "gets", began, requests[i].Took, requests[i].Err)
		}
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

// requests returns room for that many requests. They never move: they are on their way, by
// address, for longer than the caller may wait for them.
func (op *operation) requests(n int) []request {
	if op.requestRoom[0].node == nil && n <= len(op.requestRoom) {
		return op.requestRoom[:n]
	}
	return make([]request, n)
}

// newLatch waits for so many answers.
func (c *Cluster) newLatch(answers int) *memcached.Latch {
	l, ok := c.latches.Get().(*memcached.Latch)
	if !ok {
		return memcached.NewLatch(answers)
	}
	l.Reset(answers)
	return l
}

// hear adds what a node said to the view.
func (op *operation) hear(v *view, q *request) {
	if q.Err != nil {
		op.passOver(q.node, q.Err)
		return
	}
	a := answer{node: q.node, item: q.Copy, epoch: q.epoch}
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
