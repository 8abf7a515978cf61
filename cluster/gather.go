package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides what is known of a session: Gather, the one way to read.
//
//  1. The key is read from all targets at once. A target that fails is replaced by
//     its stand-in until every present target has answered.
//  2. Where fewer than Replicas copies came, or they differ, or a target was away since the
//     last such look, or a save has to know of every copy, it is looked for once more, at the
//     next Replicas nodes of the rank and at those among the first 2 × Replicas that are
//     thought down. This keeps a node that returns with old memory from winning when its
//     partner has just lost its own, and finds what another instance has saved on a node that
//     this one has given up.
//  3. What came is joined.

// view is what a gather found.
type view struct {
	began   time.Time // the reading
	targets []*node
	answers []answer // of every node that answered, targets or not
	joined  *stored  // nil: no copy anywhere
	homes   int      // home nodes that answered with a miss, or with a copy that can be read
	crowded bool     // the second look was left out: too many unknown ids at once
	alien   error    // an ErrVersion or ErrSealed: a copy that cannot be read, and no home that can
	forged  error    // an ErrSealed of a copy that any other copy may replace

	// Room for what most views need.
	targetRoom [2]*node
	answerRoom [2]answer
}

// answer is what one node said.
type answer struct {
	node *node
	item *memcached.Copy // nil: a miss
	rec  *stored         // nil: a miss, or a copy that cannot be used
	// alien is true for a copy that this process cannot read and must not replace. Its node
	// counts as failed in this call: what it says keeps nobody from what others hold.
	alien bool
	// forged is true for a copy whose seal is broken, or missing where it matters. It says
	// nothing, and may be replaced.
	forged bool
	// unsealed is true for a copy that came without the seal that it should have.
	unsealed bool
}

// on returns what the node answered, or nil if it did not.
func (v *view) on(n *node) *answer {
	for i := range v.answers {
		if v.answers[i].node == n {
			return &v.answers[i]
		}
	}
	return nil
}

// item returns the copy that the node answered with, or nil.
func (v *view) item(n *node) *memcached.Copy {
	if a := v.on(n); a != nil {
		return a.item
	}
	return nil
}

// copies counts the targets that hold the session.
func (v *view) copies() int {
	n := 0
	for _, t := range v.targets {
		if a := v.on(t); a != nil && a.rec != nil && !a.item.Orphan {
			n++
		}
	}
	return n
}

// differ reports whether two copies say different things. Then a target was away, and
// another node may have stood in for it.
func (v *view) differ() bool {
	var first *stored
	for i := range v.answers {
		rec := v.answers[i].rec
		if first == nil {
			first = rec
		}
		if rec != nil && !rec.equal(first) {
			return true
		}
	}
	return false
}

// anything reports whether some node holds something under the key that counts.
func (v *view) anything() bool {
	for i := range v.answers {
		if it := v.answers[i].item; it != nil && !it.Orphan {
			return true
		}
	}
	return false
}

// lacking returns the targets whose copy does not say the same as want, or will not
// for long.
func (v *view) lacking(want *stored) []*node {
	var ns []*node
	for _, t := range v.targets {
		if a := v.on(t); a == nil || !a.rec.equal(want) || a.item.Orphan || a.forged {
			ns = append(ns, t)
		}
	}
	return ns
}

// gather reads all copies. The error is ctx's; that nothing could be reached is not
// an error here, but a view without answers.
func (k *call) gather(ctx context.Context) (*view, error) {
	v := &k.viewRoom
	if v.targets != nil {
		v = &view{} // an earlier one is still in use
	}
	v.began, v.answers = time.Now(), v.answerRoom[:0]
	if err := k.askTargets(ctx, v); err != nil {
		return nil, err
	}
	if len(k.full) > 0 {
		if _, err := k.ask(ctx, v, k.full); err != nil {
			return nil, err
		}
	}
	if v.copies() < k.c.cfg.Replicas || v.differ() || k.wide || k.returned(v.targets) {
		if err := k.lookAgain(ctx, v); err != nil {
			return nil, err
		}
	}
	k.distrust(v)
	for i := range v.answers {
		a := &v.answers[i]
		if !a.forged {
			v.joined = join(v.joined, a.rec)
		}
	}
	v.homes = k.homesIn(v)
	switch {
	case v.homes > 0:
		v.alien = nil // a home that can be read has the word
	case v.alien == nil && v.joined == nil:
		v.alien = v.forged
	}
	return v, nil
}

// askTargets asks until every target has answered.
func (k *call) askTargets(ctx context.Context, v *view) error {
	for {
		v.targets = k.targets(v.targetRoom[:0])
		asked, err := k.ask(ctx, v, v.targets)
		if err != nil || !asked {
			return err
		}
	}
}

// homesIn counts the home nodes that gave an answer which can be read.
func (k *call) homesIn(v *view) (homes int) {
	for i := range v.answers {
		if a := &v.answers[i]; k.isHome(a.node) && !a.alien && !a.forged {
			homes++
		}
	}
	return homes
}

// blind reports whether a view proves nothing about a session that may exist: no home
// node answered, and no other node has ever stood in for one. What is written then, on
// nodes that nobody looks at when the homes are back, would be lost.
func (v *view) blind() bool { return v.homes == 0 && !v.anything() }

// ask reads the key from the nodes at once, except those that have answered already,
// and adds what they say to the view. Asked is false when there was nobody to ask.
func (k *call) ask(ctx context.Context, v *view, nodes []*node) (asked bool, err error) {
	var asks []request
	for _, n := range nodes {
		if v.on(n) != nil {
			continue
		}
		if asks == nil {
			asks = k.requests(len(nodes))
		}
		asks = append(asks, request{node: n, Request: memcached.Request{Key: k.key}})
	}
	if len(asks) == 0 {
		return false, nil
	}
	all := k.c.newLatch(len(asks))
	for i := range asks {
		asks[i].Latch = all
		asks[i].node.server.Get(&asks[i].Request)
	}
	select {
	case <-all.Done():
		k.c.latches.Put(all)
	case <-ctx.Done():
		return true, fmt.Errorf("cluster: load: %w", ctx.Err())
	}
	for i := range asks {
		k.hear(v, &asks[i])
	}
	return true, nil
}

// request is one request to one node.
type request struct {
	node *node
	memcached.Request
}

// hear adds what a node said to the view.
func (k *call) hear(v *view, q *request) {
	if q.Err != nil {
		k.fail(q.node, q.Err)
		return
	}
	a := answer{node: q.node, item: q.Copy}
	k.read(v, &a)
	if a.unsealed {
		k.c.stats.unsealed.Add(1)
	}
	v.answers = append(v.answers, a)
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

// requests returns room for most requests that never moves: they are on their way, by
// address, for longer than the caller may wait for them.
func (k *call) requests(most int) []request {
	if k.askedRoom[0].node == nil && most <= len(k.askedRoom) {
		return k.askedRoom[:0]
	}
	return make([]request, 0, most)
}

// read decodes an answer. What cannot be used counts as a miss, but keeps its token:
// a repair replaces it.
func (k *call) read(v *view, a *answer) {
	if a.item == nil {
		return
	}
	for i := range v.answers {
		if o := &v.answers[i]; o.rec != nil && string(o.item.Value) == string(a.item.Value) {
			a.rec, a.unsealed = o.rec, o.unsealed // the usual case: both copies are the same bytes
			return
		}
	}
	var err error
	if a.rec, err = decode(a.item.Value, k.hash, k.c.seal, k.c.cfg.Now()); err == nil {
		if a.unsealed = k.c.seal.isUnsealed(a.item.Value); a.unsealed {
			a.rec.boundUnsealed(k.c.cfg.Now(), k.c.cfg.Lifetime)
		}
		return
	}
	a.rec = nil
	if errors.Is(err, errForged) || errors.Is(err, errUnsealed) {
		v.forged, a.forged = fmt.Errorf("%s: %w", a.node, err), true
	} else if errors.Is(err, ErrVersion) || errors.Is(err, ErrSealed) {
		k.c.stats.unreadable.Add(1)
		v.alien = fmt.Errorf("%s: %w", a.node, err)
		a.alien = true
		if !k.final {
			k.fail(a.node, fmt.Errorf("its copy cannot be read: %w", err))
		}
		return
	}
	k.damaged(a, err)
}

// damaged notes a copy that another may replace.
func (k *call) damaged(a *answer, why error) {
	k.c.stats.damaged.Add(1)
	k.c.log.warn(a.node, "cluster: copy is unusable and counts as missing", "reason", why)
}
