// Package cluster keeps web sessions on memcached nodes so that they outlive the
// death of any one of them. It moves attributes of bytes; what they mean is the
// business of the drivers (packages scsstore and gorillastore).
//
// # Model
//
// A node is one memcached server with an ID that stays when its address changes.
// Every key has a rank: all nodes in the order of rendezvous hashing. The first
// Replicas nodes of the rank are the session's home, primary and backup. The
// targets are the first Replicas nodes that are not down; a target that is no home
// node is a stand-in. Standby nodes rank behind all others.
//
// A session is a record: a map of attributes, each with the stamp of the save that
// wrote it, and a deadline. Copies of a record are joined, never chosen between: of
// each attribute the newer stamp wins, a removal is remembered, and destroyed
// absorbs everything. So it does not matter which copies are met, in which order,
// or how often. A record that was given an earlier end keeps the latest one it ever had: nodes
// hold it until then, as evidence against a node that was away and holds the longer copy. Live
// records are written only by add or cas: a set that a hung node applies seconds later would
// bury a newer value.
//
// # Load
//
//  1. The record is read from all targets at once. A target that fails is replaced
//     by its stand-in.
//  2. Where fewer copies than Replicas came, or they differ, or a target has been away since
//     the last time, the next nodes of the rank are asked too, which may have stood
//     in, and nodes thought down, which another process may know to be up.
//  3. What came is joined. Nothing: [ErrNotFound] if a home node answered, else
//     [ErrUnavailable]. A session that has ended: [ErrNotFound].
//  4. Targets that lack part of the join get it, by cas or add: the repair, which is
//     how sessions migrate. Copies that others hold are given a minute to live. So it is with a
//     session that has ended sooner than a copy of it may still say.
//  5. The session is returned with its snapshot: the join and the CAS token of
//     each target's copy.
//
// # Save
//
//  1. A save goes at once where no other one of its session is under way in this process.
//     Those that come meanwhile wait, and then go together: by step 4, with one write that
//     has the changes of all of them.
//  2. What differs from the snapshot gets one new stamp, above everything read.
//  3. If the snapshot has a token for each target, or the session is new, the record
//     is written to all of them at once, by cas or add. All stored: done.
//  4. Otherwise, and where the session is to end sooner than it would have, the copies
//     are gathered and joined with ours, and the join is written where it is missing,
//     until one round finds or puts it on every target. A node that refuses a
//     write although it fits what the node itself shows counts as failed for this call.
//  5. It succeeds on at least MinCopies nodes, and on Replicas nodes whenever that
//     many are up. In the first seconds after an outage a new session must lie on one of the
//     first 2 × Replicas nodes of its rank: nobody would look for it behind them.
//
// # What is promised
//
//   - One node at a time is killed, hung, cut off or restarted empty, and the session
//     gets a request before the next one: no session and no acknowledged change is lost.
//   - A node that returns with its old memory never makes an old session win, and never
//     brings a deleted one back, nor one that was given an earlier end.
//   - Parallel requests that change different attributes keep each other's changes; of
//     the same attribute the later save wins.
//   - An outage is an error, never "no session".
//
// Clocks of app instances may differ by up to half an hour. A session ends at its
// deadline by the clock of the instance that looks.
//
// # Reading order
//
// record.go and its join carry everything, forget.go bounds what they remember, latest.go says
// what they keep of a later end; ring.go ranks nodes, health.go and service.go judge them; these,
// codec.go, marks.go and seal.go are pure; unsealed.go says what a copy without a seal is worth.
// cluster.go has the public names; load.go, save.go
// and delete.go are the walks, through gather.go, secondlook.go and settle.go; lanes.go and
// turn.go say which saves wait, and what they do together. node.go is what a
// node is to this process; internal/memcached speaks to its server. refusal.go judges servers that
// contradict themselves; prober.go waits for one to come back; recent.go, limiter.go,
// journal.go, stats.go and where.go are what is left, beside config.go, secret.go, writers.go,
// check.go, servers.go, doors.go, address.go, nodelist.go, env.go, envsecrets.go and misspelt.go,
// which say what a Cluster may be.
package cluster
