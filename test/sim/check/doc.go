// Package check decides whether what the users of a session store saw can be
// forgiven. It knows nothing of the store: a harness fills a [History] with what was
// asked and answered, and [History.Verify] returns every answer that breaks a promise.
//
// The value of an attribute is written once in a history: no two writes of one key
// carry the same value. So each read tells which write it saw.
//
// # Reading order
//
// history.go says what a history is, verify.go which answers break a promise, judge.go decides about
// one answer, ends.go when a session may have ended, linear.go in which order operations can have
// happened.
package check
