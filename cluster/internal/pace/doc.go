// Package pace decides how fast a process may do what nobody waits for, or what nothing but an invented id asks for:
// bring sessions back to nodes that lack them, and look for sessions that may not exist.
//
// # Reading order
//
// limiter.go bounds unverified ids. latency.go says whether users wait for longer than usual, healing.go spaces
// what is healed.
package pace
