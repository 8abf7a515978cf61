package cluster

import "github.com/holdfast-go/holdfast/cluster/internal/memcached"

// This file decides whether a node serves requests, which is more than that it answers: a
// node may say its version and decline or delay all else. health.go judges a node by its
// answers; a node that answers probes and not requests would be up and suspect by turns for
// ever. Everything here is pure.

// mostDeclined is how many requests in a row a node may decline before it is asked whether
// it serves any. One that declines some, for want of a backend or by the kind of command, is
// passed over by each request that it declines.
const mostDeclined = 4

// service is what requests have found of a node.
type service struct {
	declined int // requests in a row
	// unproven is true from when a probe found the node up until it has served a request.
	unproven bool
	// mustServe makes probes ask for data, and not only for a sign of life.
	mustServe bool
}

// request returns the service after a request's exchange, and what that says about the
// node's health: a node that declines is taken for well until it has declined all of late.
func (s service) request(v memcached.Verdict) (service, memcached.Verdict) {
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

// up returns the service when the node is up again.
func (s service) up() service { return service{unproven: !s.mustServe} }
