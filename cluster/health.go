package cluster

import "time"

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
	// Down: the connection was refused, or two timeouts came in a row. Requests
	// do not wait for it; a prober asks it until it answers twice.
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

// verdict is what one exchange with a node says about its health.
type verdict int

const (
	answered verdict = iota // any answer of a memcached, also a miss or "out of memory"
	timedOut                // no answer in time, a broken answer, or none after a reconnect
	refused                 // no connection to be had: refused, unknown host, TLS or login failed
)

// goodProbes is how many probes in a row a down node has to answer: one may be
// the last breath of a node that is going down for good.
const goodProbes = 2

type health struct {
	state State
	good  int // good probes in a row while down
}

// request returns the health after a request's exchange. A node that is down is
// brought back by probes only: they measure it without a user waiting.
func (h health) request(v verdict) health {
	switch {
	case h.state == Down:
		return h
	case v == answered:
		return health{state: Up}
	case v == refused, h.state == Suspect:
		return health{state: Down}
	}
	return health{state: Suspect}
}

// probe returns the health after a probe.
func (h health) probe(v verdict) health {
	switch {
	case v != answered:
		return health{state: Down}
	case h.state == Down && h.good+1 < goodProbes:
		return health{state: Down, good: h.good + 1}
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
