package cluster

import (
	"fmt"
	"slices"
	"time"
)

// This file decides what a copy without a seal is worth where there are seal keys. Whoever
// can write to a node can make one up.
//
//  1. Without AllowUnsealed: nothing, like one with a broken seal (errUnsealed).
//  2. With it, a copy is believed only while no sealed copy of the session is found: a sealed
//     one was written by an instance with the keys, which had read what was there before.
//  3. The first save seals what it has read, forged or not. So that a forged session does not
//     live on behind the seal for as long as somebody uses it, the record keeps until when it
//     may live: a mark that no later save moves (marks.go).

// mostUnsealed bounds the life that a copy without a seal can claim: the 30 days of a
// gorilla session, and a day for clocks that differ. Apps whose sessions live longer set
// Config.Lifetime.
const mostUnsealed = 31 * 24 * time.Hour

// errUnsealed is ErrSealed for a record without a seal. Nobody who has the keys has
// written it, so another copy may take its place.
var errUnsealed = fmt.Errorf("%w: it is not sealed", ErrSealed)

// boundUnsealed gives a record that came without a seal its last end: the deadline that it came
// with, or one lifetime after its newest change, whichever is later. Both are the same for
// every process, so that two which seal it arrive at the same record.
func (s *stored) boundUnsealed(now time.Time, lifetime time.Duration) {
	if s.destroyed {
		return
	}
	end := max(s.deadline, s.newest()/1000+lifetime.Milliseconds())
	most := now.Add(max(lifetime, mostUnsealed)).UnixMilli()
	s.endBy(min(end, most))
	s.livedUntil(min(s.latest, most)) // no copy that it tells of is believed for longer
}

// endBy lowers the record's last end.
func (s *stored) endBy(until int64) {
	s.until = earlierEnd(s.until, until)
	s.deadline = s.atMost(s.deadline)
}

// atMost is the deadline, or the record's last end where that is sooner.
func (s *stored) atMost(deadline int64) int64 {
	if s == nil || s.until == 0 {
		return deadline
	}
	return min(deadline, s.until)
}

// earlierEnd is the earlier of two last ends; 0 stands for none.
func earlierEnd(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// isUnsealed reports whether bytes that were decoded lack a seal that they should have.
func (s *sealer) isUnsealed(b []byte) bool { return s != nil && b[2]&flagSealed == 0 }

// distrust drops what copies without a seal say where a sealed copy was found. They count as
// damaged: they are replaced, and a session is not destroyed by a tombstone among them.
func (k *call) distrust(v *view) {
	if !slices.ContainsFunc(v.answers, func(a answer) bool { return a.rec != nil && !a.unsealed }) {
		return
	}
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && a.unsealed {
			a.forged = true
			k.damaged(a, errBesideSealed)
		}
	}
}

var errBesideSealed = fmt.Errorf("%w, and another copy is", errUnsealed)
