package marker

import (
	"strings"
	"time"
)

// This file decides when a process takes a node for whole: when it has found it whole in two polls, with nothing
// between them that could have emptied the node (rule 23).

// SeenOnce is why a node is not whole that one poll alone has found whole.
const SeenOnce = "it has been seen whole for a moment only"

// Row is an unbroken row of looks that have found everything whole. The zero value is none.
type Row[E comparable] struct {
	began time.Time // zero: there is none
	in    E         // the epoch of the row: in another one a node may have been emptied since
}

// Add takes in a look, and reports whether the row has lasted long enough.
func (r *Row[E]) Add(good bool, in E, began time.Time, settle time.Duration) bool {
	switch {
	case !good:
		r.began = time.Time{}
	case r.began.IsZero() || r.in != in:
		r.began, r.in = began, in
	default:
		return began.Sub(r.began) >= settle
	}
	return false
}

// Verdict is what a process makes of its polls of one node.
type Verdict struct {
	Reason string    // why the node is not whole; empty: it is
	Since  time.Time // of not being whole
	row    Row[uint64]
	said   string // in the log last: the kind of reason; empty: it is whole
}

// Judge takes in a poll: why the node is not whole, as far as the markers say, and the node's epoch when the poll
// began.
func (v *Verdict) Judge(reason string, epoch uint64, began, now time.Time, settle time.Duration) {
	if !v.row.Add(reason == "", epoch, began, settle) && reason == "" {
		reason = SeenOnce
	}
	if reason != "" && (v.Reason == "" || v.Since.IsZero()) {
		v.Since = now
	}
	v.Reason = reason
}

// IsNews reports whether the log does not say so yet. How far a pass is makes no news.
func (v *Verdict) IsNews() bool {
	kind, _, _ := strings.Cut(v.Reason, ":")
	if v.Reason == SeenOnce || kind == v.said {
		return false
	}
	v.said = kind
	return true
}
