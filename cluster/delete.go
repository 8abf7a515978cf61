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
// is nil, as is an empty key. It waits for no save, and goes on when ctx ends. The error is
// ErrUnavailable or ErrClosed; the session may then be destroyed or not.
func (c *Cluster) Delete(_ context.Context, key string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	c.stats.deletes.Add(1)
	if key == "" {
		return nil
	}
	op := c.newOperation(key, intent{final: true})
	_, err := op.converge(nil, saveRounds, op.destroy)
	if err != nil {
		c.stats.unavailable.Add(1)
	}
	return err
}

// destroy is the decision of a deletion: every target is to hold the tombstone.
func (op *operation) destroy(v *view) decision {
	return decision{want: record.TombstoneFor(v.merged, op.c.cfg.Now(), op.c.longest.Load())}
}

// mostLifetime caps what one session's deadline can add to Cluster.longest, unless
// Config.Lifetime is longer. No browser keeps a cookie for longer than 400 days (RFC 6265bis,
// section 5.5), and the memory of deletions must not grow because one record is without end.
const mostLifetime = 400 * 24 * time.Hour

// noteLifetime remembers the longest time that a session was seen to have left, up to
// mostLifetime.
func (c *Cluster) noteLifetime(deadline int64) {
	left := min(deadline-c.cfg.Now().UnixMilli(), mostLifetime.Milliseconds())
	for {
		longest := c.longest.Load()
		if left <= longest || c.longest.CompareAndSwap(longest, left) {
			return
		}
	}
}
