// Package sticky runs package cluster with local copies over embedded memcached nodes in virtual
// time: load balancers that stick, flap, and do not stick; outages of all nodes, which return with
// their memory or empty; instances that die with changes that no node has; clocks that jump. It
// checks what each client is promised by the version that it carries (docs/protocol.md, rules 35 to
// 39).
//
//	go test ./sticky -seeds 1000
//
// # Reading order
//
// run.go says what a run is, and which faults it has. client.go is what a client does, and what it
// demands of each answer, idle.go what is demanded for those who do nothing.
package sticky
