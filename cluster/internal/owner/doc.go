// Package owner decides what a session says of its owner, what the owner's record says of his sessions, and which
// sessions have ended by both together. It does no input or output: time is an argument.
//
// An epoch ends the sessions of before: each DestroyAll begins one. A session remembers which epochs
// it has seen begin; one that it does not know has ended it, unless the epoch spares it. Epochs have
// random names and no order. So no clock counts, a record that was lost and begins anew names no
// epoch twice, and of two epochs that begin at once each ends what the other one spares.
//
// # Reading order
//
// owned.go is what a session says, record.go what the owner's record says, change.go how that is changed.
package owner
