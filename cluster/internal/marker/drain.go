package marker

import "time"

// This file decides whether a node drains: as its marker says, for a bounded time.

// DrainFor is how long a node drains at most, by the clock of whoever has read that it does. A drain
// that was forgotten must not last for ever.
const DrainFor = time.Hour

// Drain is what a process has read of a node that drains.
type Drain struct {
	serial uint64    // of the drain; zero: there is none
	since  time.Time // when that was first read
}

// Note takes in what a marker says.
func (d *Drain) Note(serial uint64, now time.Time) {
	if d.serial != serial {
		*d = Drain{serial, now}
	}
}

// IsOn reports whether the node is draining.
func (d *Drain) IsOn(now time.Time) bool { return d.serial != 0 && now.Sub(d.since) < DrainFor }

// IsOver reports whether the drain has lasted too long, and returns its serial.
func (d *Drain) IsOver(now time.Time) (serial uint64, over bool) {
	return d.serial, d.serial != 0 && now.Sub(d.since) >= DrainFor
}

// EndDrain has the node fill, and reports whether it was draining.
func (m *Marker) EndDrain() (any bool) {
	if m.Draining == 0 {
		return false
	}
	m.Draining = 0
	for i := range m.Lists {
		m.Lists[i].Whole = false // it may have missed writes
	}
	return true
}
