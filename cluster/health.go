package cluster

import (
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides whether a node is up: the state machine of one node, as seen
// by this process. Everything here is pure; node.go feeds it, prober.go acts on it.

// State is what this process thinks of a node.
type State int

const (
	// Up: requests use the node.
	Up State = iota
	// Suspect: one request timed out. Requests prefer other nodes until a probe,
	// which starts at once, has said whether the node answers.
	Suspect
	// Down: the connection was refused, two timeouts came in a row, or no command was
	// served. Requests do not count on it; a prober asks it until it has answered twice.
	Down
)

func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Suspect:
		return "suspect"
	}
	return "down"
}

// goodAnswers is how many answers in a row a down node has to give: one may be
// the last breath of a node that is going down for good.
const goodAnswers = 2

type health struct {
	state State
	good  int // answers in a row while down
	// prompt is true while the last word of a down node came without a wait: a refused
	// connection, one that broke, or an answer. Asking such a node costs next to nothing.
	prompt bool
}

// request returns the health after a request's exchange.
func (h health) request(v memcached.Verdict) health {
	if v != memcached.Answered && v != memcached.Refused && h.state == Up {
		return health{state: Suspect}
	}
	return h.probe(v)
}

// probe returns the health after a probe, which a suspect or down node gets.
func (h health) probe(v memcached.Verdict) health {
	switch {
	case v != memcached.Answered:
		return health{state: Down, prompt: v != memcached.TimedOut && v != memcached.Senseless}
	case h.state == Down && h.good+1 < goodAnswers:
		return health{state: Down, good: h.good + 1, prompt: true}
	}
	return health{state: Up}
}

// Waits between probes.
const (
	probeFirst = 100 * time.Millisecond
	probeMost  = time.Second
)

// probeWait is the wait before the next probe after so many bad ones in a row,
// jittered by a number from 0 to 1 so that a fleet does not probe in step.
func probeWait(bad int, jitter float64) time.Duration {
	d := min(probeFirst<<min(bad, 10), probeMost)
	return d/2 + time.Duration(jitter*float64(d)/2)
}
