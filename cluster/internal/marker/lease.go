package marker

// This file decides which process heals a node (rule 22): the one that is named as its healer, in the node's
// present incarnation, as long as its beat goes up. It enters in the end that the node is whole.

// Lease is what a healer is to find in the marker.
type Lease struct {
	List        string // by which it makes its pass
	Healer      string // its name
	Incarnation string // of the node, when it took the lease
}

// held returns the list's part of the marker if the healer still has the lease, or nil: the node was emptied
// meanwhile, or another process has taken over.
func (l Lease) held(m *Marker) *List {
	if own := m.List(l.List); own != nil && own.Healer == l.Healer && m.Incarnation == l.Incarnation {
		return own
	}
	return nil
}

// Take gives the lease to the healer, and reports whether it has it: nobody has taken it, and nobody has raised the
// beat, since the marker was seen.
func (l Lease) Take(m *Marker, seen List) bool {
	own := m.List(l.List)
	if own == nil || own.Healer != seen.Healer || own.Beat != seen.Beat {
		return false
	}
	own.Healer, own.Beat, own.Done, own.Of = l.Healer, own.Beat+1, 0, 0
	return true
}

// Keep raises the beat, and reports whether the healer still has the lease.
func (l Lease) Keep(m *Marker, done, of int64) bool {
	own := l.held(m)
	if own == nil {
		return false
	}
	own.Beat++
	own.Done, own.Of = done, of
	return true
}

// EnterWhole enters that the node is whole, which ends the lease, and reports whether the healer still had it.
func (l Lease) EnterWhole(m *Marker) bool {
	own := l.held(m)
	if own == nil {
		return false
	}
	*own = List{List: own.List, Whole: true, Beat: own.Beat}
	return true
}

// GiveBack leaves the node to the next healer, and reports whether there is something to write. Unlisted tells
// everybody why the node is not whole.
func (l Lease) GiveBack(m *Marker, unlisted bool) bool {
	own := m.List(l.List)
	if own == nil || own.Healer != l.Healer {
		return false
	}
	own.Healer, own.Done, own.Of, own.Unlisted = "", 0, 0, unlisted
	return true
}
