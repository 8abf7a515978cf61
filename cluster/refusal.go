package cluster

import (
	"errors"
	"slices"
)

// This file decides whether a node that refuses a write was outrun, or contradicts
// itself. Whoever was outrun finds, at the next look, what outran it. A node that then
// shows nothing new, and refuses once more, would refuse for ever: it counts as failed
// in the call, and its stand-in takes over. Once alone proves nothing, since what
// outran us may have been evicted before we looked. A node that keeps old copies could
// still show them one by one: where there are enough other nodes, it has so many
// chances and no more. That a call takes a node for failed is safe while a home node is
// left: so does a process that is cut off from it. Where none is left, the save fails
// (settle): nobody would look for it on stand-ins alone.

// Refusals of one node in one call before others take its place, and the same once the
// call has taken longer than a Timeout.
const (
	mostRefusals     = 4
	mostLateRefusals = 2
)

// mostRefusalsAlone is how often one node may refuse what all other targets have stored, before
// the call does without it, although there is nobody to take its place. Writers that meet are
// outrun on every node now and then; a node that alone shows something newer at each look, and
// refuses each time, would keep everybody from saving. The other home has what it refuses.
const mostRefusalsAlone = saveRounds - 2

// mostStale is how often the connection to a node may be a new one by the time of the write. A
// server that restarts breaks its connections once; one that breaks them under each write would
// be read and written for ever.
const mostStale = 3

// refusal is what one node has refused in one call, and what it has shown there.
type refusal struct {
	node  *node
	times int
	alone int     // of those, while all other targets stored the same
	stale int     // writes that came too late for the connection
	shown *stored // all of it, joined
	// retired is true once it has shown a copy that was about to expire.
	retired bool
	// none is true when it said last that it has no copy, not that it has another.
	none bool
	// open is true until it has been looked at again.
	open bool
	// unfit counts the looks that did not fit. One proves nothing: what outran us may have
	// been evicted, and an older copy repaired by a reader.
	unfit int
}

// refused notes that the node has refused a write, and gives it up when that is no
// longer to be believed. Alone is true where all other targets hold what it refuses.
func (k *call) refused(n *node, none, alone bool) {
	r := k.refusalBy(n)
	r.none, r.open = none, true
	if r.times++; alone {
		r.alone++
	}
	most := mostRefusals
	if k.late() {
		most = mostLateRefusals
	}
	if r.times >= most && k.spares(n) || r.alone >= mostRefusalsAlone && k.leavesHome(n) {
		k.giveUp(n, errContradicts)
	}
}

// staled notes that a write was not sent, since the connection is newer than what it replaces.
func (k *call) staled(n *node) {
	r := k.refusalBy(n)
	if r.stale++; r.stale >= mostStale {
		k.giveUp(n, errBreaks)
	}
}

// leavesHome reports whether another home node is up without that one.
func (k *call) leavesHome(n *node) bool {
	return slices.ContainsFunc(k.c.nodes, func(o *node) bool { return o != n && k.isHome(o) && o.isUp() && !k.hasFailed(o) })
}

// late reports whether the call has cost more than a healthy node may.
func (k *call) late() bool { return k.settling && k.c.clock.Now()-k.began > k.c.cfg.Timeout }

// spares reports whether the call can do without the node: Replicas others are up, and
// a home node among them, or nobody would look there.
func (k *call) spares(n *node) bool {
	others, home := 0, false
	for _, o := range k.c.nodes {
		if o != n && o.isUp() && !k.hasFailed(o) {
			others, home = others+1, home || k.isHome(o)
		}
	}
	return home && others >= k.c.cfg.Replicas
}

// refusalBy returns what is known of the node's refusals.
func (k *call) refusalBy(n *node) *refusal {
	for i := range k.refusals {
		if k.refusals[i].node == n {
			return &k.refusals[i]
		}
	}
	k.refusals = append(k.refusals, refusal{node: n})
	return &k.refusals[len(k.refusals)-1]
}

// shows adds to what the node has shown.
func (r *refusal) shows(rec *stored, retired bool) {
	r.shown, r.retired = join(r.shown, rec), r.retired || retired
}

// fits reports whether the answer explains the refusal before it: by something that
// the node had not shown yet, or by nothing where nothing was said to be.
func (r *refusal) fits(a *answer) bool {
	if a.item == nil {
		return r.none
	}
	return a.alien || a.rec != nil && (!r.shown.includes(a.rec) || a.item.Orphan && !r.retired)
}

// saw adds what nodes had shown when they refused.
func (k *call) saw(v *view) {
	for i := range k.refusals {
		if a := v.on(k.refusals[i].node); a != nil {
			k.refusals[i].shows(a.rec, a.item != nil && a.item.Orphan)
		}
	}
}

// contradicted compares the view with what its nodes have refused, and reports whether
// one of them was given up for it. That happens at once when the call has taken long, and can
// do without the node: one that answers just in time must not cost another Timeout for each
// lie. The last home gets a second look: others may have written what it shows.
func (k *call) contradicted(v *view) (gaveUp bool) {
	for i := range k.refusals {
		r := &k.refusals[i]
		a := v.on(r.node)
		if a == nil {
			continue
		}
		if r.open && !r.fits(a) {
			if r.unfit++; r.unfit > 1 || k.late() && k.spares(r.node) {
				k.giveUp(r.node, errContradicts)
				gaveUp = true
			}
		}
		r.open = false
	}
	k.saw(v)
	return gaveUp
}

// forgive takes the nodes back that were given up, once a call: where the other homes have failed
// since, one that others kept outrunning is better than none. It reports whether there are any.
func (k *call) forgive() bool {
	lied := func(f nodeError) bool { return f.err == errContradicts || f.err == errBreaks }
	if k.forgave || !slices.ContainsFunc(k.failed, lied) {
		return false
	}
	k.forgave, k.gaveUp = true, false
	k.failed = slices.DeleteFunc(k.failed, lied)
	k.refusals = nil
	return true
}

// Why a node counts as failed in a call.
var (
	errBreaks      = errors.New("it breaks the connection under each write")
	errContradicts = errors.New("it contradicts itself: it refuses what fits all that it shows")
)

// giveUp counts the node as failed in this call. Its health is another matter: it does
// answer, and may be at odds about this one key.
func (k *call) giveUp(n *node, reason error) {
	k.fail(n, reason)
	k.gaveUp = true
	n.gaveUp.Add(1)
	n.mu.Lock()
	n.lastErr = reason
	n.mu.Unlock()
	k.c.log.warn(n, "cluster: node is passed over for a session", "reason", reason)
}
