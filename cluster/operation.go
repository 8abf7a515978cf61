package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what one Load, Save, Delete or Update knows of itself: what it intends, whom its key
// prefers, and which nodes it passes over.

// intent is what an operation is about to do, fixed when it begins.
type intent struct {
	// unverifiedID: nothing but the caller's word says that the session exists (a load).
	unverifiedID bool
	// mayBeMissing: the record may have been evicted, and that it is missing must be known.
	mayBeMissing bool
	// mayBeNew: no snapshot says that the session exists (a save), so no node has to have it.
	mayBeNew bool
	// isDeletion: the session is to end. Its tombstone replaces copies that cannot be read, too,
	// and lies behind the targets as well.
	isDeletion bool
	// restores: a session is brought to all its targets without a request, and holders are known to
	// have it.
	restores bool
	holders  []*node
	// decides: one home is to decide on a change (an update). All of them are asked, together with
	// their markers, whatever is thought of them.
	decides bool
}

// operation is one Load, Save, Delete or Update under way.
type operation struct {
	intent
	c     *Cluster
	lists *lists // in force
	hash  record.Key
	key   string // on the nodes
	order []int  // the preference list, as far as it was needed
	// passedOver are the nodes that this operation uses no more, and why: most have failed in it.
	passedOver []nodeError
	// fullNodes are the nodes that had no memory for a write, or whose items may not be that large.
	// They are no targets, but go on serving what they could not replace.
	fullNodes []*node
	// conflictsByNode are the CAS conflicts with each node, and conflictCount is their number.
	conflictsByNode []nodeConflicts
	conflictCount   int
	// heardHome is true once a home has answered.
	heardHome bool
	// mayBeStored is true once something of the caller's may be on a node: from then on its
	// timestamp must not change.
	mayBeStored   bool
	copiesWritten int
	missed        []*hint          // of the homes that this operation writes past
	copies        []memcached.Copy // that were found
	awakeAtStart  time.Duration    // the awake clock when the operation began
	trace         *tracing         // what the app is told of it; nil: nothing

	// Room for what most operations need.
	orderRoom [8]int
	copyRoom  [2]memcached.Copy
	viewRoom  view
}

// request is one request to one node.
type request struct {
	node  *node
	epoch uint64 // of the node when it was sent
	memcached.Request
}

type nodeError struct {
	node *node
	err  error
}

func (c *Cluster) newOperation(id string, in intent) *operation {
	return c.operationOn(c.handles.keyOf(id), in)
}

// operationOn is for a key whose id is not known.
func (c *Cluster) operationOn(key record.Key, in intent) *operation {
	op := &operation{intent: in, c: c, lists: c.lists.Load(), hash: key, awakeAtStart: c.clock.Now()}
	op.order, op.copies = op.orderRoom[:0], op.copyRoom[:0]
	op.key = op.hash.Name(c.cfg.KeyPrefix)
	return op
}

// preferred returns the i-th node of the key's preference list, or nil behind the last.
func (op *operation) preferred(i int) *node {
	l := op.lists.now
	if i >= len(l.nodes) {
		return nil
	}
	if i >= len(op.order) {
		most := max(2*op.c.cfg.Replicas+2, 2*i)
		op.order = l.Preference(op.hash, min(most, len(l.nodes)), op.order[:0])
	}
	return l.nodes[op.order[i]]
}

// candidates appends to room, which is empty, the first most nodes of the preference list, as they are
// now.
func (op *operation) candidates(most int, room []candidate) []candidate {
	list := room
	for i := range min(most, len(op.lists.now.nodes)) {
		op.preferred(i) // has the order reach so far
		list = append(list, op.candidate(op.lists.now, op.order[i]))
	}
	return list
}

// candidate is the i-th node of a list, as it is now.
func (op *operation) candidate(l *list, i int) candidate {
	n := l.nodes[i]
	return candidate{node: n, zone: l.entries[i].Zone, standing: n.standing(), passedOver: op.isPassedOver(n)}
}

// targets appends to ts, which is empty, the targets of the moment: those of all lists in force.
func (op *operation) targets(ts []*node) []*node {
	replicas := op.c.cfg.Replicas
	if ts = op.homesUp(ts); len(ts) == min(replicas, len(op.lists.now.nodes)) && len(op.lists.former) == 0 {
		return ts // as nearly always
	}
	ts = ts[:0]
	var room [8]candidate
	list := op.candidates(2*replicas, room[:0])
	up := 0
	for i := range list {
		if !list[i].passedOver && isUp(list[i]) {
			up++
		}
	}
	if up < replicas {
		list = op.candidates(len(op.lists.now.nodes), list[:0])
	}
	ts = targets(list, replicas, ts)
	for _, l := range op.lists.former {
		var all []candidate
		for _, i := range l.Preference(op.hash, len(l.nodes), nil) {
			all = append(all, op.candidate(l, i))
		}
		for _, n := range targets(all, replicas, nil) {
			if !slices.Contains(ts, n) && n.isUp() {
				ts = append(ts, n)
			}
		}
	}
	return ts
}

// homesUp appends to ns the homes that are up and not passed over, by the list of now.
func (op *operation) homesUp(ns []*node) []*node {
	for i := range op.c.cfg.Replicas {
		if n := op.preferred(i); n != nil && n.isUp() && !op.isPassedOver(n) {
			ns = append(ns, n)
		}
	}
	return ns
}

// useLists has the operation go by the lists that are in force now.
func (op *operation) useLists() {
	if now := op.c.lists.Load(); now != op.lists {
		op.lists, op.order = now, op.order[:0]
	}
}

// listsStand reports whether the lists are still in force by which the operation has gone, as far as
// the markers say that this process has read of late.
func (op *operation) listsStand() bool {
	op.c.freshen()
	return op.c.lists.Load() == op.lists
}

// homes are the first Replicas nodes of the key's preference list, by that list of nodes.
func (op *operation) homes(l *list) []*node {
	var homes []*node
	if l == op.lists.now {
		for i := range min(op.c.cfg.Replicas, len(l.nodes)) {
			homes = append(homes, op.preferred(i))
		}
		return homes
	}
	for _, i := range l.Preference(op.hash, op.c.cfg.Replicas, nil) {
		homes = append(homes, l.nodes[i])
	}
	return homes
}

// allHomes calls f with the homes of the key by each list in force, until it returns false.
func (op *operation) allHomes(f func(*node) bool) bool {
	for _, l := range append([]*list{op.lists.now}, op.lists.former...) {
		if slices.ContainsFunc(op.homes(l), func(n *node) bool { return !f(n) }) {
			return false
		}
	}
	return true
}

// missingHomes are the homes by any list in force that are not among the targets.
func (op *operation) missingHomes(targets []*node) (missing []*node) {
	replicas := op.c.cfg.Replicas
	note := func(n *node) {
		if !slices.Contains(targets, n) && !slices.Contains(missing, n) {
			missing = append(missing, n)
		}
	}
	for i := range replicas {
		note(op.preferred(i))
	}
	for _, l := range op.lists.former {
		for _, i := range l.Preference(op.hash, replicas, nil) {
			note(l.nodes[i])
		}
	}
	return missing
}

// isHome reports whether the node is among the first Replicas of the preference list, by any list in
// force.
func (op *operation) isHome(n *node) bool {
	for i := range op.c.cfg.Replicas {
		if op.preferred(i) == n {
			return true
		}
	}
	return slices.ContainsFunc(op.lists.former, func(l *list) bool { return l.isHome(n, op.hash) })
}

// isPassedOver reports whether this operation uses the node no more.
func (op *operation) isPassedOver(n *node) bool {
	return slices.ContainsFunc(op.passedOver, func(f nodeError) bool { return f.node == n })
}

// passOver passes the node over for the rest of the operation.
func (op *operation) passOver(n *node, err error) {
	if !op.isPassedOver(n) {
		op.passedOver = append(op.passedOver, nodeError{n, err})
	}
}

// passedOverLocally reports whether a node was passed over for a local reason, so that other
// processes may still use it: this process had no room for a question to it, or the node answered
// each write of this one key with a CAS conflict.
func (op *operation) passedOverLocally() bool {
	return slices.ContainsFunc(op.passedOver, func(f nodeError) bool {
		return memcached.IsBusy(f.err) || errors.Is(f.err, errConflicts)
	})
}

// hadNoRoomToAsk reports whether this process had no room for a question to some node.
func (op *operation) hadNoRoomToAsk() bool {
	return slices.ContainsFunc(op.passedOver, func(f nodeError) bool { return memcached.IsBusy(f.err) })
}

// isOld (rule 9) reports whether what was read, or begun, at that time is too long ago to be the
// last word. A process that stood still finds when it wakes that nodes have failed and come back
// meanwhile, and what it had read or written there is gone: it reads again.
func (op *operation) isOld(t time.Time) bool { return time.Since(t) > 2*op.c.cfg.Timeout }

// isLate reports whether the operation has taken longer than a healthy node may.
func (op *operation) isLate() bool { return op.c.clock.Now()-op.awakeAtStart > op.c.cfg.Timeout }

// unavailable is ErrUnavailable with each node's reason.
func (op *operation) unavailable() error {
	var why []string
	for _, n := range op.c.nodes() {
		reason := ""
		for _, f := range op.passedOver {
			if f.node == n {
				reason = f.err.Error()
			}
		}
		if reason == "" {
			if s := n.status(); s.State != StateUp && s.LastError != "" {
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
