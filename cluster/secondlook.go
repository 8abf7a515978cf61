package cluster

import (
	"context"
	"fmt"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides when and where else a session is looked for, when its targets do not
// all have it, or do not say the same, or were away: the second look of a gather.

// lookAgain is the second look. Nodes thought down that answer it are in use at once.
func (k *call) lookAgain(ctx context.Context, v *view) error {
	further, silent := k.further(v)
	if len(further)+len(silent) == 0 {
		return nil
	}
	if k.stranger && !v.anything() && !k.c.unknown.wait(ctx) {
		v.crowded = true
		return nil
	}
	k.c.stats.secondLooks.Add(1)
	began := k.c.cfg.Now()
	defer func() {
		if v.anything() {
			k.c.looked.note(k.hash, began)
		}
	}()
	down, _ := k.c.down()
	if err := k.askFurther(ctx, v, further, silent); err != nil || down == 0 {
		return err
	}
	// What has answered is up, and may be a target: what is written now must lie where
	// those look who know that it is up.
	for i := range v.answers {
		for range goodAnswers {
			if !v.answers[i].node.isUp() {
				v.answers[i].node.note(health.probe, memcached.Answered, nil)
			}
		}
	}
	return k.askTargets(ctx, v)
}

// returned reports whether one of the nodes was away, and this process has not looked for the
// session twice since. Another node may have stood in for it, although the targets say the
// same now; what that holds lives no longer than any session.
func (k *call) returned(ns []*node) bool {
	for _, n := range ns {
		at := n.returnedAt()
		if !at.IsZero() && k.c.cfg.Now().Sub(at).Milliseconds() < k.c.longest.Load() && !k.c.looked.at(k.hash).After(at) {
			return true
		}
	}
	return false
}

// further are the nodes of the second look: those next in the rank, and those thought
// down. Another instance may have found such a node to be back before this one did, and
// have used it: then it may hold what the others have lost. A node whose last word was
// silence is asked only where a copy is missing that would be there if none but such nodes
// were away, and it is not waited for like the others. A node that has come back lately is
// asked, but does not count: while it was away, sessions went to those behind it.
func (k *call) further(v *view) (ns, silent []*node) {
	for i, next := 0, 0; next < k.c.cfg.Replicas; i++ {
		n := k.ranked(i)
		if n == nil {
			break
		}
		if v.on(n) != nil || k.hasFailed(n) {
			continue
		}
		if state, _ := n.state(); state != Down {
			ns = append(ns, n)
			if !n.backLately() {
				next++
			}
		}
	}
	_, mute := k.c.down()
	missing := v.copies() < max(1, min(k.c.cfg.Replicas, len(k.c.nodes)-mute)) || v.differ()
	for i := range 2 * k.c.cfg.Replicas {
		n := k.ranked(i)
		if n == nil || k.hasFailed(n) || v.on(n) != nil {
			continue
		}
		switch state, prompt := n.state(); {
		case state != Down:
		case prompt:
			ns = append(ns, n)
		case missing:
			silent = append(silent, n)
		}
	}
	return ns, silent
}

// askFurther asks the nodes of the second look. The silent ones have a quarter of a
// Timeout to break their silence.
func (k *call) askFurther(ctx context.Context, v *view, further, silent []*node) error {
	if len(silent) == 0 {
		_, err := k.ask(ctx, v, further)
		return err
	}
	patience, cancel := context.WithTimeout(ctx, k.c.cfg.Timeout/4)
	defer cancel()
	asks := make([]request, len(silent))
	for i, n := range silent {
		asks[i] = request{n, memcached.Request{Key: k.key, Latch: k.c.newLatch(1)}}
		n.server.Get(&asks[i].Request)
	}
	if _, err := k.ask(ctx, v, further); err != nil {
		return err
	}
	for i := range asks {
		q := &asks[i]
		select {
		case <-q.Latch.Done():
			k.hear(v, q)
		case <-patience.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cluster: load: %w", err)
	}
	return nil
}
