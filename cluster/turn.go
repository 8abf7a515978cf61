package cluster

import (
	"context"
	"errors"
	"slices"
)

// This file decides what saves of one session do together: they read once, each makes its
// changes on those of the ones before it, and one write stores them all. What is wrong with
// one of them is its own error, and leaves the others alone.

// turn is one read, merge and write for one or more saves.
type turn struct {
	*call
	saves  []*save // in the order of arrival
	sooner bool    // what stood would have lived on
	ending *stored // what ends the session again, where it had ended (endAgain)
}

// goTogether carries out the saves, tells each its outcome, and wakes all but the first.
func (c *Cluster) goTogether(saves []*save) {
	defer func() {
		for _, s := range saves[1:] {
			s.turn <- nil
		}
	}()
	c.carryOut(saves)
}

// carryOut tells each save its outcome. Where nodes refuse the size of what all of them
// together make, though it is within MaxRecordBytes, it is not known whose fault that is: each
// half is tried by itself.
func (c *Cluster) carryOut(saves []*save) {
	k := c.newCall(saves[0].rec.key)
	k.fresh = saves[0].fresh
	t := &turn{call: k, saves: saves}
	for _, s := range saves {
		s.call = k
		s.begin()
	}
	err := t.run()
	if errors.Is(err, ErrTooLarge) && len(saves) > 1 && !k.tried {
		c.carryOut(saves[:len(saves)/2])
		c.carryOut(saves[len(saves)/2:])
		return
	}
	for _, s := range saves {
		if s.result = s.fault; s.fault == nil {
			s.result = err
		}
	}
}

// run gathers and joins, and writes until the targets hold it all. The error is that of all
// saves that have no fault of their own.
func (t *turn) run() error {
	targets := t.targets(nil)
	for _, s := range t.saves {
		for _, n := range s.snap.targets {
			t.wide = t.wide || !slices.Contains(targets, n)
		}
	}
	t.c.stats.merges.Add(uint64(len(t.saves)))
	for range saveRounds {
		v, err := t.settle(nil, saveRounds, t.plan, nil)
		if err != nil {
			return err
		}
		if t.ending != nil {
			return ErrDestroyed
		}
		replaced, err := t.withdraw(v)
		if err != nil {
			return err
		}
		if !replaced {
			for _, s := range t.saves {
				s.placed = v.targets
			}
			if t.sooner && !t.wide { // a stray may outlive ours
				t.wide = true
				v, _ = t.gather(context.Background())
				if v.joined == nil || len(v.lacking(v.joined)) > 0 {
					return nil // what the targets do not hold must not be given a short life elsewhere
				}
			}
			t.retire(v, v.joined)
			return nil
		}
	}
	return ErrConflict
}

// plan says which record the targets should hold, given what was gathered: that with the
// changes of all saves. One that cannot be made on what the ones before it leave is left out.
// The error is that of the last one where none is left.
func (t *turn) plan(v *view) (want *stored, err error) {
	if v.joined != nil && v.joined.destroyed {
		return v.joined, ErrDestroyed
	}
	if t.endAgain(v); t.ending != nil {
		return join(v.joined, t.ending), nil
	}
	want, left := v.joined, false
	for _, s := range t.saves {
		if s.fault != nil {
			err = s.fault
			continue
		}
		next, fault := s.plan(v.joined, want)
		if fault == nil && len(t.saves) > 1 { // alone it hears so from the write
			fault = t.refuses(next)
		}
		if s.fault = fault; fault != nil {
			err = fault
			continue
		}
		want, left = next, true
	}
	if !left {
		return nil, err
	}
	t.sooner = t.sooner || v.joined != nil && v.joined.deadline > want.deadline
	return want, nil
}

// endAgain is for saves that have put their changes in the place of a longer copy, on a node that
// had hung while the session was given an earlier end, which has passed. Their snapshots did not
// know of it either. Their changes say that the session lives: what ends it has to be newer.
func (t *turn) endAgain(v *view) {
	if t.ending != nil || !t.tried {
		return
	}
	isOurs := func(rec *stored) bool {
		return slices.ContainsFunc(t.saves, func(s *save) bool { return s.at == rec.dstamp })
	}
	var others *stored
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && !a.forged && !isOurs(a.rec) {
			others = join(others, a.rec)
		}
	}
	if others == nil || others.live(t.c.cfg.Now()) {
		return
	}
	for _, s := range t.saves {
		if s.fault == nil && (s.snap.base == nil || others.dstamp.compare(s.snap.base.dstamp) <= 0) {
			return // it may begin the session anew, or knew of that end
		}
	}
	t.ending = change(v.joined, v.joined.values(), others.deadline, t.stampAfter(v.joined))
}

// refuses says why put would not write the record, whichever node takes it.
func (k *call) refuses(want *stored) error {
	if err := want.notAhead(k.c.cfg.Now()); err != nil {
		return err
	}
	var table writerTable
	_, err := want.sizeUpTo(k.c.cfg.MaxRecordBytes, want.marked(), k.c.seal, &table)
	return err
}

// withdraw removes the older copies of nodes that had no memory for the new one. Others
// have stood in for them, but nobody would look there while these say the same. Replaced
// is true when somebody has put another in the place of one: that may lack ours.
func (t *turn) withdraw(v *view) (replaced bool, err error) {
	// A home that has ours differs from an old copy, and whoever sees both looks further.
	isSeen := slices.ContainsFunc(v.targets, t.isHome)
	for _, n := range t.full {
		a := v.on(n)
		if a == nil && !isSeen { // it has failed since; who knows what it will go on serving
			return false, t.unavailable()
		}
		if a == nil || a.rec == nil || t.isIn(a.rec) {
			continue
		}
		gone, err := n.server.Withdraw(t.key, a.item)
		if err != nil && !isSeen {
			return false, t.unavailable()
		}
		replaced = replaced || err == nil && !gone
	}
	return replaced, nil
}

// isIn reports whether the record includes the changes of all saves that were not left out.
func (t *turn) isIn(rec *stored) bool {
	return !slices.ContainsFunc(t.saves, func(s *save) bool { return s.fault == nil && !rec.includes(s.ours) })
}
