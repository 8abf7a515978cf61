package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what is known of a session: the one way to read.
//
//  1. The key is read from all targets at once. A target that fails is replaced by its fallback
//     until every node that is a target now has answered.
//  2. Where the targets do not settle it, the read is wide (policy.go).
//  3. The copies are merged.

// read asks for the key, round after round, until the policy has no more to ask, and merges what
// came. The error is ctx's; that no node could be reached is not an error here, but a view without
// answers.
func (op *operation) read(ctx context.Context) (*view, error) {
	v := &op.viewRoom
	if v.targets != nil {
		v = &view{} // an earlier one is still in use
	}
	v.began, v.now, v.answers = time.Now(), op.c.cfg.Now(), v.answerRoom[:0]
	for {
		v.targets = op.targets(v.targetRoom[:0])
		r := op.next(v)
		if len(r.ask)+len(r.brief) == 0 {
			break
		}
		if r.wide {
			if op.unverified && !v.holdsAny() && !op.c.unknown.wait(ctx) {
				v.throttled = true
				break
			}
			op.c.stats.wideReads.Add(1)
		}
		if err := op.ask(ctx, v, r); err != nil {
			return nil, err
		}
		if r.wide {
			op.learn(v, r)
		}
	}
	op.merge(v)
	return v, nil
}

// next is the read policy, step by step.
func (op *operation) next(v *view) round {
	if ask := v.unasked(v.targets, v.askRoom[:0]); len(ask) > 0 {
		return round{ask: ask}
	}
	if ask := v.unasked(op.full, nil); len(ask) > 0 && !v.askedFull {
		v.askedFull = true
		return round{ask: ask}
	}
	if v.wide || !v.isIncomplete(op.c.cfg.Replicas) && !v.differ() && !op.hasMoved(v.targets) && !op.missedWrites(v.targets) {
		return round{}
	}
	v.wide = true
	return v.beyond(op.candidates(len(op.c.nodes)), op.c.cfg.Replicas)
}

// hasMoved reports whether the snapshot's session lies on a node that is no target any more.
func (op *operation) hasMoved(targets []*node) bool {
	return slices.ContainsFunc(op.wasOn, func(n *node) bool { return !slices.Contains(targets, n) })
}

// learn marks the nodes that have answered the round of a wide read as up. Other processes may use
// them already, so what this one writes now must reach them too.
func (op *operation) learn(v *view, r round) {
	for _, n := range slices.Concat(r.ask, r.brief) {
		for range goodAnswers {
			if v.on(n) != nil && !n.isUp() {
				n.note(health.probe, memcached.Answered, nil)
			}
		}
	}
}

// noteWide remembers that the session was read wide, once every target has what was found: until
// then the targets may agree on less.
func (op *operation) noteWide(v *view) {
	if v.wide && v.holdsAny() {
		op.c.readWide.note(op.hash, v.now)
	}
}

// merge merges the copies and counts the homes.
func (op *operation) merge(v *view) {
	op.distrust(v)
	for i := range v.answers {
		a := &v.answers[i]
		if !a.tampered {
			v.merged = record.Merge(v.merged, a.rec)
		}
		if !a.tampered && !a.unreadable && op.isHome(a.node) {
			v.homes++
			op.heardHome = true
		}
	}
	switch {
	case v.homes > 0:
		v.unreadable = nil // a home that can be read has the word
	case v.unreadable == nil && v.merged == nil:
		v.unreadable = v.tampered
	}
}
