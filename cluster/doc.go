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
// A node that is up is not yet whole: it may have been emptied, or have missed writes. Each
// node has a marker, one small item, which says for which list of nodes it is whole, and which
// other nodes have missed writes that it took. A write past a home is entered there before it is
// made. Until a node is whole its sessions are read wide, and its healer, one of the processes,
// restores them without a request: what it has missed where that is known, else by a pass over the
// keys of all nodes. Every process polls the markers.
//
// # Load
//
//  1. Read all targets at once. A target that fails is replaced by its fallback.
//  2. Read wide where the targets do not settle it: a copy is missing, copies differ, a home is
//     not among the targets, or a target is not whole.
//  3. Merge the copies. None: [ErrNotFound] if every home says so, or one that is whole, else
//     [ErrUnavailable].
//  4. Bring every target up to date, by cas or add: the read repair, which is how sessions
//     migrate. Expire the orphans.
//  5. If the session has an owner, read his record, unless that was done of late: DestroyAll may have
//     ended the session.
//  6. Return the session with its snapshot: the merged record and the CAS token of each
//     target's copy.
//
// # Save
//
//  1. Who has the session's lock saves by an update (see Locks).
//  2. Enter the session in its owner's record, if the app has told an owner.
//  3. Do without a write where nothing has changed but the deadline, by less than RefreshSlack.
//  4. Wait where another save of the session is under way in this process. Those that wait
//     go together, with one write that has the changes of all of them.
//  5. Give what differs from the snapshot one new timestamp, above everything read.
//  6. Write to all targets at once, if the snapshot has a token for each of them or the
//     session is new. All stored: done.
//  7. Else read, merge, and write where it is missing, until one round finds or puts the
//     record on every target, and on at least MinCopies nodes.
//
// # Delete
//
// Read how long the session could have lived, and put a tombstone that lasts as long on the
// targets, over each live copy found, and on the next nodes of the preference list.
//
// # Update
//
//  1. Wait while another update of the session is under way in this process.
//  2. Read the session from all homes, with their markers.
//  3. Call the app's function.
//  4. Write to one home by cas, the primary as a rule. After a CAS conflict begin again with 2.
//  5. Write to the other targets. All stored: done.
//  6. Else read again, until the change is known to be stored and lies on all targets.
//
// # Locks
//
// The lock on a session is an attribute of the session, which the app does not see. Update takes it and
// gives it back, so that two never have it. It has a lease, so that the lock of a process that has died
// becomes free. The context that Lock returns carries the lock: a save or an update with that context
// is refused once somebody else has the lock.
//
// # Owners
//
// A session may have an owner, the user who is logged in ([Record.SetOwner]). Each owner has a record
// of his own on the nodes, which lists his sessions and is kept like a session. DestroyAll begins an
// epoch there, which ends all sessions that have not seen it begin. A session says in its own record
// which epochs it has seen begin.
//
// # Local copies
//
// With Config.Local a process keeps copies of sessions for clients that are sent to the same instance again
// and again. They are a layer around the verbs above, which know nothing of them:
//
//   - A load shows the local copy where that is fresh and includes what the client has seen: the client brings
//     the version of that ([Record.Version], [Cluster.LoadVersion]). Else it writes what is pending of the session,
//     loads from the nodes, and keeps a copy of what it shows.
//   - A save does without a write where the copy still stands on the nodes. With WriteBehind it changes the
//     copy, and leaves the nodes to the background.
//   - With Local.Outage the copy is shown, changed, and replaced by a tombstone where no home can be
//     reached and the nodes have confirmed it of late. What was changed is pending, and is merged with what the nodes
//     have when they are back. Each write of the session takes along what is pending of it.
//   - An update needs a home: it is never made on a local copy. It writes what is pending first.
//
// # Traces
//
// Config.Trace is told of each of these four calls when it begins and ends, of each request that a call makes to
// one node, and of each exchange: one packet, with the requests of several calls. A load that shows a local
// copy is a call without requests.
//
// # What is promised
//
//   - One node at a time is killed, hung, cut off or restarted empty, and before the next one
//     the session gets a request, or that node is whole: no session and no acknowledged change is
//     lost, idle sessions included.
//   - A node that returns with its old memory never makes an old session win, and
//     never brings a deleted one back.
//   - Parallel requests that change different attributes keep each other's changes; of
//     the same attribute the later save wins.
//   - Of updates of one attribute none is lost: each that was acknowledged is counted, once.
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
// The verbs: load.go, turn.go, save.go, delete.go, update.go and within.go. Saves of one
// session take turns, and those that wait go together. decide.go says which home decides on an update,
// updateoutcome.go what is known of it after a failure, lock.go who has the lock on a session.
// where.go shows what nodes hold of a session, iterate.go shows all sessions, under handles (handles.go);
// memory.go how full a node is. trace.go is what an app is told of all that, and tracing.go tells it.
//
// Whose sessions they are: ownerwrite.go reads and changes an owner's record, ownerreadings.go remembers what was
// read, owners.go is what a save and a load have to do with it, destroyall.go what an owner can do.
//
// The loop below them: converge.go reads, decides, and writes, again and again; wait.go says how long it waits
// where others write as well. read.go is one read, ask.go one step of it, policy.go says whom it asks next, copy.go
// what an answer is worth. write.go is one round of writes, conflict.go says when a node that keeps answering with
// CAS conflicts is passed over, away.go which nodes lie so far down that others may not look there.
//
// Whether a node is whole: markers.go reads and changes its marker. poll.go reads all of them again and
// again, pollwait.go says at once when somebody waits for that. nodemarker.go is what has been read of one node,
// whole.go draws the verdict, waitwhole.go is for those who wait for it.
//
// Healing: hints.go says what a home misses, entries.go enters that in markers, and replay.go brings the
// home up to date when it is back. lost.go says which entries belong to processes that are gone. heal.go decides
// which node needs a pass over all keys, and who makes it, plan.go when; pass.go makes it, passkeys.go lists the
// keys. restore.go brings one session to all its targets, known.go says which sessions are healed where keys are not
// listed.
//
// Local copies: version.go is what a client carries, local.go what each verb does with local copies, localcopies.go
// who is shown one and what it learns from the nodes. outage.go says what is done with it while no home can
// be reached, writebehind.go when the nodes get what only this process has, localreturn.go brings copies back whose
// homes have come back empty, though nobody has used them. writequeue.go says of which session something is written
// next, localmark.go marks the copies to be brought back, localroom.go says which sessions have a copy here, and
// localcopy.go what one copy proves to a client.
//
// Lists of nodes: lists.go is one of them, transition.go says which are in force, drain.go empties a
// node of its duties, discover.go follows a list that comes from elsewhere, change.go tells how far a
// change is.
//
// What they stand on: servers.go says whether two nodes are one server, prober.go
// asks whether a node is back. operation.go is what one operation knows of itself, view.go what
// its read has found. cluster.go makes a Cluster; session.go is what the app holds of a session,
// recent.go what a process remembers of keys, stats.go counts,
// targets.go says which nodes are to hold a session now, node.go what a node is to this process,
// membership.go whether it is up.
//
// What a Cluster may be: env.go, defaults.go, config.go, localconfig.go.
//
// The packages below know nothing of a Cluster:
//
//   - internal/record says what a session is when several copies of it meet,
//   - internal/owner what a session and its owner's record say of each other,
//   - internal/marker what a node's marker says,
//   - internal/turns in which order those go that work on one key in this process,
//   - internal/placement in which order a key prefers the nodes of a list,
//   - internal/doors which addresses lead to one server,
//   - internal/pace how fast sessions are healed, and unverified ids looked for,
//   - internal/journal which log lines are written,
//   - internal/setup reads lists of nodes and configurations that are written as text, and refuses those that
//     cannot be used,
//   - internal/memcached speaks to one server,
//   - internal/lateconn is a connection for tests.
package cluster
