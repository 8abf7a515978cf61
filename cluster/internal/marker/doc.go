// Package marker decides what a node's marker says, one small item by which every process can tell whether the
// node was emptied, whether it is whole, who heals it, and which other nodes miss writes that lie there. It also
// decides what a process may conclude from reading markers again and again: that another process is dead, that a
// node is whole.
//
// A marker is changed by add and cas only, so each change is made on the one before it. It has no times: a
// process that wants to know whether another one is still at work watches whether the other's beat goes up. The
// package does no input or output, and time is an argument.
//
// # Reading order
//
// marker.go is the item. behind.go says which nodes miss writes, lease.go who heals the node, beats.go whether
// that process is still at work, verdict.go when a node counts as whole, drain.go whether it drains.
package marker
