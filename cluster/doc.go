// Package cluster keeps web sessions on memcached nodes so that they outlive the
// death of any one of them. It moves attributes of bytes; what they mean is the
// business of the drivers (packages scsstore and gorillastore).
//
// # Model
//
// A node is one memcached server with an ID that stays when its address changes. Every
// key has a preference list: all nodes in the order of rendezvous hashing, standby nodes
// last. Its first Replicas nodes are the session's home: primary and backup. The targets
// are the first Replicas nodes that are usable now; a target that is no home node is a
// fallback.
//
// A session is a record: a map of attributes, each with the timestamp of the save that
// wrote it, and a deadline. Copies of a record are merged, never chosen between: of
// each attribute the newer timestamp wins, a removed attribute leaves an attribute
// tombstone, and the tombstone of a destroyed session wins every merge. So it does not
// matter which copies are met, in which order, or how often. A record that was given an
// earlier end keeps the latest one that it ever had: nodes hold it until then, as evidence
// against a node that was away and holds the longer copy. Live records are written only by
// add or cas: a set that a hung node applies seconds later would replace a newer record.
//
// # Load
//
//  1. Read all targets at once. A target that fails is replaced by its fallback.
//  2. Read wide where the targets do not settle it: a copy is missing, copies differ, or a
//     target may have missed writes.
//  3. Merge the copies. None: [ErrNotFound] if a home node answered, else [ErrUnavailable].
//  4. Bring every target up to date, by cas or add: the read repair, which is how sessions
//     migrate. Expire the orphans.
//  5. Return the session with its snapshot: the merged record and the CAS token of each
//     target's copy.
//
// # Save
//
//  1. Wait where another save of the session is under way in this process. Those that wait
//     go together, with one write that has the changes of all of them.
//  2. Give what differs from the snapshot one new timestamp, above everything read.
//  3. Write to all targets at once, if the snapshot has a token for each of them or the
//     session is new. All stored: done.
//  4. Else read, merge, and write where it is missing, until one round finds or puts the
//     record on every target, and on at least MinCopies nodes.
//
// # Delete
//
// Read how long the session could have lived, and put a tombstone that lasts as long on the
// targets, over each live copy found, and on the next nodes of the preference list.
//
// # What is promised
//
//   - One node at a time is killed, hung, cut off or restarted empty, and the session
//     gets a request before the next one: no session and no acknowledged change is lost.
//   - A node that returns with its old memory never makes an old session win, and
//     never brings a deleted one back.
//   - Parallel requests that change different attributes keep each other's changes; of
//     the same attribute the later save wins.
//   - An outage is an error, never "no session".
//
// Clocks of app instances may differ by up to half an hour. A session ends at its
// deadline by the clock of the instance that looks.
//
// Why each step is as it is, and what breaks without it, is told in docs/protocol.md. Its rules
// have numbers, and comments cite them.
//
// # Reading order
//
// The verbs: load.go, turn.go and lanes.go, save.go, delete.go. Saves of one session take turns,
// and those that wait go together. where.go shows what nodes hold.
//
// The loop below them: converge.go reads, decides, and writes, again and again. read.go is
// one read, ask.go has a round of it, policy.go says whom it asks next, copy.go what an
// answer is worth. write.go is one round of writes, conflict.go says when a node that refuses
// them is passed over. away.go says which nodes may have missed writes.
//
// What they stand on: servers.go and doors.go say whether two nodes are one server, prober.go
// asks whether a node is back. operation.go is what one operation knows of itself, view.go what
// its read has found. cluster.go makes a Cluster; session.go is what the app holds of a session,
// recent.go what a process remembers of keys, limiter.go bounds unverified ids, stats.go counts,
// placement.go says which nodes a key belongs to, node.go what a node is to this process,
// membership.go whether it is up, journal.go logs.
//
// What a Cluster may be: env.go, misspelt.go, envsecrets.go, nodelist.go, config.go, check.go,
// address.go.
//
// internal/record says what a session is when several copies of it meet, internal/memcached
// speaks to one server.
package cluster
