package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a copy is worth that a node has answered with: a record, nothing that
// counts, or something that this process cannot read and must leave alone (rule 17).

// decode reads the record of an answer. A copy that cannot be used counts as a miss, but keeps
// its CAS token: a read repair replaces it.
func (op *operation) decode(v *view, a *answer) {
	if a.item == nil {
		return
	}
	for i := range v.answers {
		if o := &v.answers[i]; o.rec != nil && string(o.item.Value) == string(a.item.Value) {
			a.rec, a.unsealed = o.rec, o.unsealed // the usual case: both copies are the same bytes
			if !a.item.Shared {
				v.spare, v.spareOf = a.item.Value, a.rec
			}
			return
		}
	}
	var err error
	if a.rec, err = record.Decode(a.item.Value, op.hash, op.c.seal, v.readAtConfigNow); err == nil {
		if a.unsealed = op.c.seal.IsUnsealed(a.item.Value); a.unsealed {
			a.rec = a.rec.BoundUnsealed(v.readAtConfigNow, op.c.cfg.Lifetime)
		}
		return
	}
	a.rec = nil
	if errors.Is(err, record.ErrTampered) || errors.Is(err, record.ErrUnsealed) {
		v.tampered, a.tampered = fmt.Errorf("%s: %w", a.node, err), true
	} else if errors.Is(err, ErrVersion) || errors.Is(err, ErrSealed) {
		op.c.stats.unreadable.Add(1)
		v.unreadable = fmt.Errorf("%s: %w", a.node, err)
		a.unreadable = true
		if !op.isDeletion {
			op.passOver(a.node, fmt.Errorf("its copy cannot be read: %w", err))
		}
		return
	}
	op.noteDamaged(a, err)
}

// noteDamaged notes a copy that another may replace.
func (op *operation) noteDamaged(a *answer, why error) {
	op.c.stats.damaged.Add(1)
	op.c.log.warn(a.node, "cluster: copy is unusable and counts as missing", "reason", why)
}

// distrust drops what copies without a seal say where a sealed copy was found. They count as
// damaged: they are replaced, and a session is not destroyed by a tombstone among them.
func (op *operation) distrust(v *view) {
	if !slices.ContainsFunc(v.answers, func(a answer) bool { return a.rec != nil && !a.unsealed }) {
		return
	}
	for i := range v.answers {
		if a := &v.answers[i]; a.rec != nil && a.unsealed {
			a.tampered = true
			op.noteDamaged(a, errBesideSealed)
		}
	}
}

var errBesideSealed = fmt.Errorf("%w, and another copy is", record.ErrUnsealed)
