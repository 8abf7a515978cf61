package cluster

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
)

// This file decides what this process has made of a node's marker as it was last read: whether the node is whole,
// drains, or how far it is filled.

// wholeness is what this process knows of how complete a node is.
type wholeness struct {
	marker *marker.Marker // as it was last read, also while the node is out of reach; nil: never
	unread error          // why the last poll has not read it
	epoch  uint64         // of the node, when that poll began
	// emptied is when this process has last noticed that the node lost its memory.
	emptied time.Time
	verdict marker.Verdict
}

// epochNow goes up whenever the node may have been emptied: its state has changed, a connection to
// it broke, or it has another incarnation.
func (n *node) epochNow() uint64 { return n.changes.Load() + n.server.Reconnects() }

// isWhole reports whether the node is whole, as far as this process knows. It is not before its
// marker was read.
func (n *node) isWhole() bool { return n.wholeIn.Load() == n.epochNow()+1 }

// noteMarker notes what was read of the node's marker in that epoch.
func (n *node) noteMarker(m *marker.Marker, epoch uint64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := &n.whole
	w.epoch, w.unread = epoch, err
	if err != nil {
		return
	}
	if w.marker != nil && (m == nil || w.marker.Incarnation != m.Incarnation) {
		n.changes.Add(1) // it was emptied; perhaps no connection broke
		w.epoch++
		w.emptied = time.Now()
	}
	w.marker = m
}

// lastMarker is the node's marker as it was last read, and why it could not be read since.
func (n *node) lastMarker() (*marker.Marker, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.whole.marker, n.whole.unread
}

// notWholeSince returns since when the node is not whole.
func (n *node) notWholeSince() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.whole.verdict.Since
}

// isDraining reports whether the node's marker says that it drains, as it was last read.
func (n *node) isDraining(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	serial := uint64(0)
	if m := n.whole.marker; m != nil && m.Node == n.ID {
		serial = m.Draining
	}
	n.draining.Note(serial, now)
	return n.draining.IsOn(now)
}

// progress is how far a pass is.
type progress struct {
	done, of atomic.Int64
}

// restored is how many sessions the pass under way for the node has restored, and of how many: of
// zero where none is known. A pass of another process is known by its marker.
func (n *node) restored(l *marker.List) (done, of int64) {
	if p := n.pass.Load(); p != nil {
		return p.done.Load(), p.of.Load()
	}
	if l != nil && l.Healer != "" {
		return l.Done, l.Of
	}
	return 0, 0
}
