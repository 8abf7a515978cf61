// Package record decides what a session is when several copies of it meet. It does no input or
// output: time and randomness are arguments, and what a function returns depends on nothing else.
//
// # Model
//
// A record is a last-writer-wins map (Shapiro et al., "A comprehensive study of Convergent and
// Commutative Replicated Data Types", 2011, section 3.2.3): attributes of bytes, each with the
// timestamp of the save that wrote it, and a deadline with the timestamp of the save that set it.
//
//   - Copies are merged, never chosen between. Of two versions of an attribute the one with the
//     newer timestamp wins. Merge is commutative, associative and idempotent, so it does not
//     matter which copies are met, in which order, or how often.
//   - A removed attribute leaves an attribute tombstone: a version without a value. Without it,
//     a copy that still has the value would bring it back.
//   - Attribute tombstones are collected once they are older than the GC grace. The record's GC
//     watermark stays: an attribute that the record does not list counts as removed at that
//     clock.
//   - A destroyed session leaves a tombstone: a record without attributes that wins every merge.
//   - A session that was given an earlier end keeps the latest end that it ever had, for as long as
//     a node may hold a copy with that end.
//   - A record that came without a seal has a deadline cap, which no save raises.
//
// Records are immutable. A function that makes a new record may share values with the old one.
//
// # Bytes
//
// Equal records have equal bytes, so two processes that merge the same copies write the same
// copy. Records of format 1 stay readable for ever: testdata/format1 holds records as programs
// of that time wrote them. With seal keys the body is encrypted and authenticated, with the key
// under which the record lies.
//
// # Reading order
//
// timestamp.go, reserved.go, record.go, latest.go and merge.go are the model; change.go is what a
// save does to a record, count.go what an Update does; collect.go and tombstone.go say how long
// removals and deletions are kept; pending.go and room.go serve a process that keeps copies of its
// own. key.go names records. format.go, seal.go, unsealed.go, marks.go, writers.go, encode.go and
// decode.go are the bytes. version.go is what a client carries of a record. A file uses only what
// stands in the files before it.
package record
