package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides which nodes one operation turns to: the key's rank, and the
// targets in it.

// call is one operation on one key: its rank, and the nodes that failed in it.
type call struct {
	c      *Cluster
	hash   keyHash
	key    string // on the nodes
	order  []int  // the rank, as far as it was needed
	failed []nodeError
	// refusals are what nodes have refused to write.
	refusals []refusal
	settling bool          // began is set
	began    time.Duration // when it began to settle, by the awake clock
	// gaveUp is true once a node was passed over that others will ask.
	gaveUp bool
	// forgave is true once such nodes were taken back.
	forgave bool
	// unasked is true once this process had no room for a request to a node.
	unasked bool
	// stranger is true while nothing but the caller's word says that the session exists.
	stranger bool
	// wide makes every gather look twice: a node behind the targets may hold a copy.
	wide bool
	// full are the nodes that refused a write for want of memory, or because it is larger than
	// their items may be. They are no targets any
	// more, but they answer, and go on serving what they could not replace.
	full []*node
	// fresh is true while the session may be a new one, which no node has to have.
	fresh bool
	// final is true for a deletion: its tombstones are set over what cannot be read, too.
	final bool
	// tried is true once something of the caller's may be stored on a node: from
	// then on its stamp must not change.
	tried bool

	// Room for what most calls need.
	orderRoom [8]int
	askedRoom [2]request
	viewRoom  view
}

type nodeError struct {
	node *node
	err  error
}

func (c *Cluster) newCall(id string) *call {
	k := &call{c: c, hash: hashKey(id)}
	k.order = k.orderRoom[:0]
	k.key = k.hash.memcacheKey(c.cfg.KeyPrefix)
	return k
}

// ranked returns the i-th node of the key's rank, or nil behind the last.
func (k *call) ranked(i int) *node {
	if i >= len(k.c.nodes) {
		return nil
	}
	if i >= len(k.order) {
		most := max(2*k.c.cfg.Replicas+2, 2*i)
		k.order = k.c.ring.rank(k.hash, min(most, len(k.c.nodes)), k.order[:0])
	}
	return k.c.nodes[k.order[i]]
}

// isOld reports whether what was seen, or begun, at that time is too long ago to be the last
// word. A process that stood still finds when it wakes that nodes have failed and come back
// meanwhile, and what it had read or written there is gone: it looks again.
func (k *call) isOld(t time.Time) bool { return time.Since(t) > 2*k.c.cfg.Timeout }

// hasFailed reports whether the node failed in this call.
func (k *call) hasFailed(n *node) bool {
	for _, f := range k.failed {
		if f.node == n {
			return true
		}
	}
	return false
}

func (k *call) fail(n *node, err error) {
	k.unasked = k.unasked || memcached.IsBusy(err)
	if !k.hasFailed(n) {
		k.failed = append(k.failed, nodeError{n, err})
	}
}

// targets appends to ts, which is empty, the first Replicas nodes of the rank that are not down and have not
// failed in this call. Where too few are up, suspect nodes fill in, and then nodes
// that said so without a wait: such a node may have been restarted since
// the last probe, and finding out costs no wait. Without that, nodes that are
// restarted one after the other could each be empty before the next is in use.
func (k *call) targets(ts []*node) []*node {
	want := k.c.cfg.Replicas
	var suspects, prompt []*node
	for i := 0; len(ts) < want; i++ {
		n := k.ranked(i)
		if n == nil {
			break
		}
		if k.hasFailed(n) {
			continue
		}
		switch state, isPrompt := n.state(); {
		case state == Up:
			ts = append(ts, n)
		case state == Suspect:
			suspects = append(suspects, n)
		case isPrompt:
			prompt = append(prompt, n)
		}
	}
	ts = append(ts, suspects[:min(len(suspects), want-len(ts))]...)
	return append(ts, prompt[:min(len(prompt), want-len(ts))]...)
}

// down counts the nodes that are down, and those of them whose last word was silence.
func (c *Cluster) down() (all, silent int) {
	for _, n := range c.nodes {
		if state, prompt := n.state(); state == Down {
			if all++; !prompt {
				silent++
			}
		}
	}
	return all, silent
}

// isHome reports whether the node is among the first Replicas of the rank.
func (k *call) isHome(n *node) bool {
	for i := range k.c.cfg.Replicas {
		if k.ranked(i) == n {
			return true
		}
	}
	return false
}

// settling is how long it takes at most, after an outage, until every process has found
// every node to be up again.
const settling = 10 * time.Second

// remote reports whether these nodes are all behind those that a second look asks whatever
// it thinks of them, and have come back lately: the others may be back as well, and then
// nobody would look here.
func (k *call) remote(ns []*node) bool {
	for i := range 2 * k.c.cfg.Replicas {
		if slices.Contains(ns, k.ranked(i)) {
			return false
		}
	}
	return slices.ContainsFunc(ns, func(n *node) bool {
		at := n.returnedAt()
		return !at.IsZero() && k.c.cfg.Now().Sub(at) < settling
	})
}

// unavailable is ErrUnavailable with each node's reason.
func (k *call) unavailable() error {
	var why []string
	for _, n := range k.c.nodes {
		reason := ""
		for _, f := range k.failed {
			if f.node == n {
				reason = f.err.Error()
			}
		}
		if reason == "" {
			if s := n.status(); s.State != Up && s.LastError != "" {
				reason = s.State.String() + ": " + s.LastError
			}
		}
		if reason != "" {
			why = append(why, n.String()+": "+reason)
		}
	}
	if len(why) == 0 {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, strings.Join(why, "; "))
}
