package cluster

import "slices"

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

// refusal is what one node has refused in one call, and what it has shown there.
type refusal struct {
	node  *node
	times int
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
// longer to be believed.
func (k *call) refused(n *node, none bool) {
	r := k.refusalBy(n)
	if r == nil {
		k.refusals = append(k.refusals, refusal{node: n})
		r = &k.refusals[len(k.refusals)-1]
	}
	r.none, r.open = none, true
	r.times++
	most := mostRefusals
	if k.late() {
		most = mostLateRefusals
	}
	if r.times >= most && k.spares(n) {
		k.giveUp(n)
	}
}

// late reports whether the call has cost more than a healthy node may.
func (k *call) late() bool { return k.settling && k.c.clock.now()-k.began > k.c.cfg.Timeout }

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

func (k *call) refusalBy(n *node) *refusal {
	for i := range k.refusals {
		if k.refusals[i].node == n {
			return &k.refusals[i]
		}
	}
	return nil
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
	return a.alien || a.rec != nil && (!r.shown.includes(a.rec) || a.item.retired && !r.retired)
}

// saw adds what nodes had shown when they refused.
func (k *call) saw(v *view) {
	for i := range k.refusals {
		if a := v.on(k.refusals[i].node); a != nil {
			k.refusals[i].shows(a.rec, a.item != nil && a.item.retired)
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
				k.giveUp(r.node)
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
	lied := func(f nodeError) bool { return f.err == errContradicts }
	if k.forgave || !slices.ContainsFunc(k.failed, lied) {
		return false
	}
	k.forgave, k.gaveUp = true, false
	k.failed = slices.DeleteFunc(k.failed, lied)
	k.refusals = nil
	return true
}

// giveUp counts the node as failed in this call. Its health is another matter: it does
// answer, and may be at odds about this one key.
func (k *call) giveUp(n *node) {
	k.fail(n, errContradicts)
	k.gaveUp = true
	n.errors.Add(1)
	n.mu.Lock()
	n.lastErr = errContradicts
	n.mu.Unlock()
	k.c.log.warn(n, "cluster: node is passed over for a session", "reason", errContradicts)
}
