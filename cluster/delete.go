package cluster

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how a session is destroyed, and for how long that is
// remembered: Delete.

// Delete destroys the session: no copy of it will be served again, also none that
// turns up later on a node that is out of reach now. Deleting what does not exist
// is nil, as is an empty key. It waits for no save, and goes on when ctx ends. In an outage a session
// with a local copy is destroyed here at once, and on the nodes when they are back (Local.Outage). The error is
// ErrUnavailable or ErrClosed; the session may then be destroyed or not. With a context of
// [Cluster.Lock] it is also ErrLockLost: somebody else has the lock, and the session is as it was.
func (c *Cluster) Delete(ctx context.Context, key string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	t := c.beginTrace(ctx, OperationDelete)
	err := c.delete(ctx, key, t)
	t.end(err)
	return err
}

func (c *Cluster) delete(ctx context.Context, key string, t *tracing) error {
	c.stats.deletes.Add(1)
	if key == "" {
		return nil
	}
	if err := c.holdOn(ctx, key); err != nil {
		return err
	}
	op := c.newOperation(key, intent{isDeletion: true})
	op.trace = t
	v, err := op.converge(nil, saveRounds, op.decideDestroy)
	if c.local != nil {
		err = c.local.deleted(op, v, err)
	}
	if err != nil {
		c.stats.unavailable.Add(1)
	}
	return err
}

// decideDestroy is the decision of a deletion, which the loop carries out (converge.go): every
// target is to hold the tombstone.
func (op *operation) decideDestroy(v *view) decision {
	return decision{want: op.tombstoneFor(op.withPending(v.merged))}
}

// tombstoneFor is the tombstone of a session of which that was found.
func (op *operation) tombstoneFor(found *record.Record) *record.Record {
	return record.TombstoneFor(found, op.c.cfg.Now(), op.c.longest.Load(), op.c.cfg.Local.Outage)
}

// mostLifetime caps what one session's deadline can add to Cluster.longest, unless
// Config.Lifetime is longer. No browser keeps a cookie for longer than 400 days (RFC 6265bis,
// section 5.5), and the memory of deletions must not grow because one record is without end.
const mostLifetime = 400 * 24 * time.Hour

// noteLifetime remembers the longest time that a session was seen to have left, up to
// mostLifetime.
func (c *Cluster) noteLifetime(deadline int64, now time.Time) {
	left := min(deadline-now.UnixMilli(), mostLifetime.Milliseconds())
	for {
		longest := c.longest.Load()
		if left <= longest || c.longest.CompareAndSwap(longest, left) {
			return
		}
	}
}
