package cluster

import (
	"errors"
	"iter"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what is healed where a server does not list its keys: the sessions that this
// process has used of late. The others are found when they are used, for which reads stay wide until
// the longest session has ended.

// mostKnown is how many sessions are remembered: some 60 bytes each.
const mostKnown = 1 << 17

// known are the sessions that this process has used, while there is a server that does not list its
// keys.
type known struct {
	on   atomic.Bool
	mu   sync.Mutex // guards below
	keys recent[struct{}]
}

func (k *known) note(key record.Key) {
	if !k.on.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys.put(key, struct{}{}, mostKnown)
}

// all are the keys, those that were used last among them.
func (k *known) all() iter.Seq[record.Key] {
	return func(yield func(record.Key) bool) {
		k.mu.Lock()
		young, old := maps.Clone(k.keys.young), maps.Clone(k.keys.old)
		k.mu.Unlock()
		for key := range young {
			if !yield(key) {
				return
			}
		}
		for key := range old {
			if _, twice := young[key]; !twice && !yield(key) {
				return
			}
		}
	}
}

// learnListing finds out, once, whether there is a server that does not list its keys: the sessions
// that are used from now on have to be remembered then.
func (c *Cluster) learnListing() {
	for _, n := range c.nodes() {
		if !n.isUp() {
			continue
		}
		_, err := n.server.Keys(c.ending, c.cfg.KeyPrefix, memcached.KeyBounds{Entries: 1, Within: time.Second})
		if errors.Is(err, memcached.ErrKeysRefused) {
			c.known.on.Store(true)
			c.log.warn(n, "cluster: node lists no keys: after a restart, only sessions that this process knows get their second copy without a request", "reason", err)
			return
		}
	}
}

// longestLife is the longest time that a session is known to live.
func (c *Cluster) longestLife() time.Duration {
	return time.Duration(c.longest.Load()) * time.Millisecond
}
