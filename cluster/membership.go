package cluster

import (
	"fmt"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides what this process thinks of a node: whether it is up, and whether it serves.
// Everything here is pure; node.go feeds it, prober.go acts on it.

// State is what this process thinks of a node.
type State int

const (
	// StateUp: requests use the node.
	StateUp State = iota
	// StateSuspect: one request timed out. Requests prefer other nodes until a probe,
	// which starts at once, has said whether the node answers.
	StateSuspect
	// StateDown: the connection was refused, two timeouts came in a row, or no command was
	// served. Requests do not count on it; a prober asks it until it has answered twice.
	StateDown
)

func (s State) String() string {
	switch s {
	case StateUp:
		return "up"
	case StateSuspect:
		return "suspect"
	}
	return "down"
}

// MarshalText returns the word that String returns.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word that MarshalText returns.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range []State{StateUp, StateSuspect, StateDown} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("cluster: %q is no state of a node: want up, suspect or down", text)
}

// goodAnswers is how many answers in a row a down node has to give: one may be
// the last breath of a node that is going down for good.
const goodAnswers = 2

type health struct {
	state State
	good  int // answers in a row while down
	// failsFast is true while the last word of a down node came without a wait: a refused
	// connection, one that broke, or an answer. Asking such a node costs next to nothing.
	failsFast bool
}

// afterRequest returns the health after a request's exchange.
func (h health) afterRequest(v memcached.Verdict) health {
	if v != memcached.Answered && v != memcached.NoConnection && h.state == StateUp {
		return health{state: StateSuspect}
	}
	return h.afterProbe(v)
}

// afterProbe returns the health after a probe, which a suspect or down node gets.
func (h health) afterProbe(v memcached.Verdict) health {
	switch {
	case v != memcached.Answered:
		return health{state: StateDown, failsFast: v != memcached.TimedOut && v != memcached.Senseless}
	case h.state == StateDown && h.good+1 < goodAnswers:
		return health{state: StateDown, good: h.good + 1, failsFast: true}
	}
	return health{state: StateUp}
}

// service is what requests have found of a node. To serve is more than to answer: a node may say
// its version and decline or delay all else, and would be up and suspect by turns for ever.
type service struct {
	declined int // requests in a row
	// unproven is true from when a probe found the node up until it has served a request.
	unproven bool
	// mustServe makes probes ask for data, and not only for a sign of life.
	mustServe bool
}

// mostDeclined is how many requests in a row a node may decline before it is asked whether
// it serves any. One that declines some, for want of a backend or by the kind of command, is
// passed over by each request that it declines.
const mostDeclined = 4

// afterRequest returns the service after a request's exchange, and what that says about the
// node's health: a node that declines is taken for well until it has declined all of late.
func (s service) afterRequest(v memcached.Verdict) (service, memcached.Verdict) {
	switch v {
	case memcached.Answered:
		return service{}, memcached.Answered
	case memcached.Declined:
		if s.declined+1 < mostDeclined && !s.mustServe {
			s.declined++
			return s, memcached.Answered
		}
		return service{mustServe: true}, memcached.Declined
	}
	return service{mustServe: s.mustServe || s.unproven}, v
}

// afterUp returns the service when the node is up again.
func (s service) afterUp() service { return service{unproven: !s.mustServe} }

// standing is what a decision needs to know of a node at one moment.
type standing struct {
	state     State
	failsFast bool // a node that is down says so without a wait
	mayLack   bool // it is known not to be whole
}
