package cluster

import (
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file says what a read has found: which nodes answered, and with what.

// view is what a read found.
type view struct {
	readAt          time.Time // when the read began
	readAtConfigNow time.Time // the same by Config.Now
	assumed         bool      // nothing was asked: it is what a snapshot says
	targets         []*node
	answers         []answer       // of every node that answered, targets or not
	wide            bool           // the read has gone beyond the targets
	unrepaired      bool           // not all targets have what was found
	merged          *record.Record // nil: no copy anywhere
	homeAnswers     int            // of home nodes: a miss, or a copy that can be read
	askedFullNodes  bool           // the full nodes were asked
	askedDeciders   bool           // the homes that may decide were asked
	// throttled: the read was to be wide, and was not: too many unverified ids at once.
	throttled bool
	// unreadable is the ErrVersion or ErrSealed of a copy, where no home node could be read.
	unreadable error
	tampered   error // the ErrSealed of a copy that any other copy may replace
	// spare are the bytes of a copy that was equal to another, from which spareOf was decoded: nobody else
	// refers to them.
	spare   []byte
	spareOf *record.Record

	// Room for what most views need.
	targetRoom, askRoom [2]*node
	answerRoom          [2]answer
}

// answer is what one node said.
type answer struct {
	node *node
	item *memcached.Copy // nil: a miss
	rec  *record.Record  // nil: a miss, or a copy that cannot be used
	// unreadable: this process cannot read the copy and must not replace it. Its node is passed
	// over: what it says keeps nobody from what others hold.
	unreadable bool
	// tampered: the seal is broken, or missing where it matters. The copy is no evidence, and
	// may be replaced.
	tampered bool
	// unsealed: the copy came without the seal that it should have.
	unsealed bool
	marker   *marker.Marker // that came with it; nil: it was not asked for, or there is none
	epoch    uint64         // of the node when it was asked
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

// isLive reports whether what was found was a session when the read began.
func (v *view) isLive() bool { return v.merged.Live(v.readAtConfigNow) }

// foundNonOrphan reports whether some node holds something under the key that is no orphan. A copy
// that cannot be read counts.
func (v *view) foundNonOrphan() bool {
	return slices.ContainsFunc(v.answers, func(a answer) bool { return a.item != nil && !a.item.Orphan })
}

// isBlind reports whether the view proves nothing about a session that may exist: no home node
// answered, and no other node has ever been its fallback. What is written then, on nodes that
// nobody asks when the homes are back, would be lost.
func (v *view) isBlind() bool { return v.homeAnswers == 0 && !v.foundNonOrphan() }

// lacking returns the targets whose copy does not equal want, or is about to expire: all of them
// where nothing was asked.
func (v *view) lacking(want *record.Record) []*node {
	if v.assumed {
		return v.targets
	}
	var ns []*node
	for _, t := range v.targets {
		if a := v.on(t); a == nil || !a.rec.Equal(want) || a.item.Orphan || a.tampered {
			ns = append(ns, t)
		}
	}
	return ns
}
