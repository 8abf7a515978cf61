package cluster

import (
	"context"
	"fmt"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides how the nodes of a round are asked, and for how long each is waited for.

// ask reads the key from the nodes of a round at once and adds what they say to the view. The
// brief ones have a quarter of a Timeout.
func (op *operation) ask(ctx context.Context, v *view, r round) error {
	patience, cancel := ctx, context.CancelFunc(func() {})
	if len(r.brief) > 0 {
		patience, cancel = context.WithTimeout(ctx, op.c.cfg.Timeout/4)
	}
	defer cancel()
	brief := make([]request, len(r.brief))
	for i, n := range r.brief {
		op.send(&brief[i], n, memcached.NewLatch(1))
	}
	if len(r.ask) > 0 {
		all := op.c.newLatch(len(r.ask))
		requests := op.requests(len(r.ask))
		for i, n := range r.ask {
			op.send(&requests[i], n, all)
		}
		select {
		case <-all.Done():
			op.c.latches.Put(all)
		case <-ctx.Done():
			return fmt.Errorf("cluster: load: %w", ctx.Err())
		}
		for i := range requests {
			op.hear(v, &requests[i])
		}
	}
	for i := range brief {
		select {
		case <-brief[i].Latch.Done(): // an answer that is there counts, however late it is looked at
			op.hear(v, &brief[i])
			continue
		default:
		}
		select {
		case <-brief[i].Latch.Done():
			op.hear(v, &brief[i])
		case <-patience.Done():
		}
	}
	if err := ctx.Err(); err != nil && len(brief) > 0 {
		return fmt.Errorf("cluster: load: %w", err)
	}
	return nil
}

// send has the request on its way.
func (op *operation) send(q *request, n *node, latch *memcached.Latch) {
	*q = request{node: n, Request: memcached.Request{Key: op.key, Latch: latch}}
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
		op.fail(q.node, q.Err)
		return
	}
	a := answer{node: q.node, item: q.Copy}
	op.decode(v, &a)
	if a.unsealed {
		op.c.stats.unsealed.Add(1)
	}
	v.answers = append(v.answers, a)
}
