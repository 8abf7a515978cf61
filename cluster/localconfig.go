package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which copies a process may keep of its own, and refuses what cannot be kept.

// Local says which sessions a process keeps a copy of, in its own memory, for users whom a load
// balancer sends to the same instance again and again. A copy is shown only to a client that brings
// a version of the session (LoadVersion, and the drivers), and only where it includes all that this
// client has seen. With Sessions and Bytes both zero there are no copies.
type Local struct {
	// Sessions bounds the number of copies. If zero, Bytes alone is the bound.
	Sessions int

	// Bytes bounds the memory that all copies take, as far as it can be counted. If zero, Sessions
	// alone is the bound.
	Bytes int64

	// Fresh is for how long after the nodes have confirmed it a copy is shown without asking them.
	// What another instance has done to the session, a logout too, is noticed here that late. If
	// zero, 5 s are used.
	Fresh time.Duration

	// Outage is for how long after the nodes have last confirmed it a session is shown, saved and
	// deleted on its local copy while none of its homes can be reached. What was done is written when
	// a node is back, also by Close. Where all nodes come back empty, sessions that were confirmed no longer
	// ago are written too if nobody has used them. A logout through another instance is noticed that late,
	// and lost where the nodes lose it within that time. At most 30 minutes. If zero, an outage is an error.
	Outage time.Duration

	// WriteBehind makes Save return once the local copy has the changes; they go to the nodes at once,
	// in the background. An instance that dies before that takes them with it, and the next one tells
	// (Record.Behind). Saves of sessions that have no fresh copy here wait for the nodes, as do those
	// for which there is no room.
	WriteBehind bool
}

// DefaultFresh is what a zero Local.Fresh stands for.
const DefaultFresh = 5 * time.Second

// mostOutage: a change may meet a record which has collected what was removed a GC grace ago, and
// clocks differ by up to half of that.
const mostOutage = record.GCGrace / 2

// isOn reports whether there are local copies.
func (l Local) isOn() bool { return l.Sessions > 0 || l.Bytes > 0 }

// withDefaults returns the settings with every field filled in, or an error that says what is wrong.
func (l Local) withDefaults() (Local, error) {
	switch {
	case l.Sessions < 0:
		return l, fmt.Errorf("cluster: Local.Sessions is %d: use a positive number, or 0 for no bound on the number", l.Sessions)
	case l.Bytes < 0:
		return l, fmt.Errorf("cluster: Local.Bytes is %d: use a positive number, or 0 for no bound on the bytes", l.Bytes)
	case l.Fresh < 0:
		return l, fmt.Errorf("cluster: Local.Fresh is %v: use a positive duration, or 0 for %v", l.Fresh, DefaultFresh)
	case l.Outage < 0:
		return l, fmt.Errorf("cluster: Local.Outage is %v: use a positive duration, or 0 for none", l.Outage)
	case l.Outage > mostOutage:
		return l, fmt.Errorf("cluster: Local.Outage is %v: use at most %v: what was removed from a session is remembered for %v, and clocks may differ by half of that", l.Outage, mostOutage, record.GCGrace)
	case !l.isOn() && l != (Local{}):
		return l, errors.New("cluster: Local has no bound: set Local.Sessions or Local.Bytes, which say how many local copies there may be")
	}
	if l.isOn() && l.Fresh == 0 {
		l.Fresh = DefaultFresh
	}
	return l, nil
}
