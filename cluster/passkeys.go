package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which sessions a pass restores: those whose keys any node lists, and that have the pass's
// node among their homes.

// keysToRestore lists the sessions that have the node among their homes by the list, with all nodes that hold
// them, sorted by key. The error says which nodes are not in the list.
func (c *Cluster) keysToRestore(ctx context.Context, l *list, home *node) ([]heldKey, error) {
	type answer struct {
		keys []record.Key
		err  error
	}
	nodes, base := c.nodes(), c.lists.Load().base
	answers := make([]answer, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		if !n.isUp() {
			answers[i].err = errNotUp
			continue
		}
		wg.Go(func() { answers[i].keys, answers[i].err = c.listOne(ctx, l, home, n) })
	}
	wg.Wait()
	count := 0
	for _, a := range answers {
		count += len(a.keys)
	}
	found := make([]heldKey, 0, count)
	var missing []string
	refused, leaving := 0, 0
	for i, a := range answers {
		for _, key := range a.keys {
			found = append(found, heldKey{key, nodes[i]})
		}
		answers[i].keys = nil // there may be millions
		switch {
		case a.err == nil:
		case !base.has(nodes[i]) && leaving == 0 && c.cfg.Replicas > 1:
			leaving++ // one that leaves may be gone: what it holds lies elsewhere as well
		default:
			missing = append(missing, nodes[i].String()+": "+a.err.Error())
		}
		if errors.Is(a.err, memcached.ErrKeysRefused) {
			refused++
		}
	}
	if refused > 0 {
		c.known.on.Store(true)
		for key := range c.known.all() {
			if l.isHome(home, key) {
				found = append(found, heldKey{key, nil})
			}
		}
	}
	slices.SortFunc(found, func(a, b heldKey) int { return cmp.Or(a.key.Compare(b.key), cmp.Compare(indexOf(a.on), indexOf(b.on))) })
	switch {
	case refused > 0 && refused == len(missing):
		return found, fmt.Errorf("%w: known sessions only: %s", ErrKeysNotListed, strings.Join(missing, "; "))
	case len(missing) > 0:
		return found, fmt.Errorf("keys are missing of %s", strings.Join(missing, "; "))
	}
	return found, nil
}

// listOne lists the keys on one node that have the other one among their homes.
func (c *Cluster) listOne(ctx context.Context, l *list, home, n *node) (keys []record.Key, err error) {
	prefix, bounds := c.cfg.KeyPrefix, passBounds
	bounds.Keep = func(rest string) bool {
		key, ok := record.KeyNamed(rest)
		return ok && l.isHome(home, key)
	}
	list, err := n.server.Keys(ctx, prefix, bounds)
	if err != nil {
		return nil, err
	}
	keys = make([]record.Key, 0, list.Len())
	for name := range list.All() {
		if key, ok := record.KeyNamed(name[len(prefix):]); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// passBounds are what the list of one node may cost: some 16 million sessions on it. Of these only those
// are kept that have the pass's node among their homes.
var passBounds = memcached.KeyBounds{Entries: 16 << 20, Bytes: 4 << 30, Within: 5 * time.Minute}

// heldKey is one key that a node holds.
type heldKey struct {
	key record.Key
	on  *node
}

// group has all nodes that hold one key together.
func group(found []heldKey) (groups [][]heldKey) {
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].key == found[0].key {
			n++
		}
		groups = append(groups, found[:n:n])
		found = found[n:]
	}
	return groups
}

func indexOf(n *node) int {
	if n == nil {
		return -1
	}
	return n.index
}

var errNotUp = errors.New("it is not up")

// ErrKeysNotListed: a server does not list its keys (it runs with -X, or is a managed service), so
// that only the sessions that this process has used of late can be healed.
var ErrKeysNotListed = errors.New("cluster: keys cannot be listed")
