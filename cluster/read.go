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

// read asks for the key, step by step, until the policy has no more to ask, and merges what
// came. The error is ctx's; that no node could be reached is not an error here, but a view without
// answers.
func (op *operation) read(ctx context.Context) (*view, error) {
	v := &op.viewRoom
	if v.targets != nil {
		v = &view{} // an earlier one is still in use
	}
	op.useLists()
	v.readAt, v.readAtConfigNow = op.c.moment()
	v.answers = v.answerRoom[:0]
	for began := v.readAt; ; began = time.Now() {
		v.targets = op.targets(v.targetRoom[:0])
		step := op.nextStep(v)
		if len(step.ask)+len(step.brief) == 0 {
			break
		}
		step.withMarker = op.decides
		if step.wide {
			if op.unverifiedID && !v.foundNonOrphan() && !op.c.unknown.Wait(ctx) {
				v.throttled = true
				break
			}
			began = time.Now() // no node makes anybody wait at that door
			op.c.stats.wideReads.Add(1)
			op.trace.isWide()
		}
		if err := op.ask(ctx, v, step, began); err != nil {
			return nil, err
		}
		if step.wide || op.decides {
			op.markUp(v, step)
		}
	}
	op.merge(v)
	return v, op.proveMiss(ctx, v)
}

// moment is the present time, and the same by Config.Now.
func (c *Cluster) moment() (now, byConfig time.Time) {
	now = time.Now()
	if c.cfg.isOneClock {
		return now, now
	}
	return now, c.cfg.Now()
}

// nextStep says whom the read asks next; an empty step ends it.
func (op *operation) nextStep(v *view) readStep {
	if op.decides && !v.askedDeciders {
		v.askedDeciders = true
		return op.decidersStep(v)
	}
	if ask := v.unasked(v.targets, v.askRoom[:0]); len(ask) > 0 {
		return readStep{ask: ask}
	}
	if ask := v.unasked(op.fullNodes, nil); len(ask) > 0 && !v.askedFullNodes {
		v.askedFullNodes = true
		return readStep{ask: ask}
	}
	if v.wide || !op.restores && !v.isIncomplete(max(op.c.cfg.Replicas, len(v.targets))) && !v.differ() && !op.mayLack(v.targets) {
		return readStep{}
	}
	v.wide = true
	step := v.wideStep(op.candidates(len(op.lists.now.nodes), nil), op.c.cfg.Replicas)
	for _, n := range v.unasked(op.holders, nil) {
		if !op.isPassedOver(n) && !slices.Contains(step.ask, n) {
			step.ask = append(step.ask, n)
		}
	}
	return step
}

// mayLack reports whether the targets may agree on less than there is: a home is not among them, or
// one of them is not whole. Where keys cannot be listed a node stays so for long, and a session that
// this process has read wide meanwhile is not read wide again.
func (op *operation) mayLack(targets []*node) bool {
	for i := range op.c.cfg.Replicas {
		if !slices.Contains(targets, op.preferred(i)) {
			return true
		}
	}
	for _, n := range targets {
		if !n.isWhole() && !(op.c.healer.knownOnly(n) && op.c.readWide.at(op.hash).After(n.notWholeSince())) {
			return true
		}
	}
	return false
}

// proveMiss asks the homes that have answered once more, together with their markers, where no live
// session was found and a home has not answered: only one that is whole can say that there is none
// (rule 6).
func (op *operation) proveMiss(ctx context.Context, v *view) error {
	if !op.unverifiedID && !op.mayBeMissing || v.throttled || v.homeAnswers == 0 || v.merged.IsTombstone() ||
		v.isLive() && v.foundNonOrphan() || op.isMiss(v) {
		return nil
	}
	step := readStep{withMarker: true}
	for _, l := range slices.Concat(op.lists.former, []*list{op.lists.now}) {
		for _, n := range op.homes(l) {
			if v.on(n) != nil && !op.isPassedOver(n) && !slices.Contains(step.ask, n) {
				step.ask = append(step.ask, n)
			}
		}
	}
	if err := op.ask(ctx, v, step, time.Now()); err != nil {
		return err
	}
	op.merge(v)
	return nil
}

// markUp marks the nodes that have answered the step of a wide read as up. Other processes may use
// them already, so what this one writes now must reach them too.
func (op *operation) markUp(v *view, step readStep) {
	for _, n := range slices.Concat(step.ask, step.brief) {
		for range goodAnswers {
			if v.on(n) != nil && !n.isUp() {
				n.note(health.afterProbe, memcached.Answered, nil)
			}
		}
	}
}

// noteWide remembers that the session was read wide, once every target has what was found: until
// then the targets may agree on less.
func (op *operation) noteWide(v *view) {
	if v.wide && v.foundNonOrphan() {
		op.c.readWide.note(op.hash, v.readAtConfigNow)
	}
}

// merge merges the copies and counts the homes that have answered.
func (op *operation) merge(v *view) {
	op.distrust(v)
	op.trace.hasRead(v)
	v.homeAnswers = 0
	for i := range v.answers {
		a := &v.answers[i]
		if !a.tampered {
			v.merged = record.Merge(v.merged, a.rec)
		}
		if !a.tampered && !a.unreadable && op.isHome(a.node) {
			v.homeAnswers++
			op.heardHome = true
		}
	}
	switch {
	case v.homeAnswers > 0:
		v.unreadable = nil // a home that can be read has the word
	case v.unreadable == nil && v.merged == nil:
		v.unreadable = v.tampered
	}
}
