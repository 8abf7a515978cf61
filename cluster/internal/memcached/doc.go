// Package memcached speaks to one memcached server: it finds the way to it, encrypts, logs in,
// sends commands, bounds what they may cost, and says what the answers mean. It knows nothing of
// sessions, of other servers, nor of what is done about a server that fails: it reports what each
// exchange says of the server (Verdict), and its user decides.
//
// It is the only package that imports gomemcache.
//
// # A get
//
//  1. It joins the gets that wait for the server. The one that finds the server idle goes at once;
//     those that arrive meanwhile go together next.
//  2. The batch takes a place among the commands on their way, goes over the connection of reads,
//     and is repeated once if that breaks at once, as those to a restarted server do.
//  3. Each caller is woken once, when the last of its gets, which may go to several servers, has its
//     answer.
//
// # A write
//
//  1. A small one joins the writes that wait for the shared connection, a large one gets a
//     connection of its own.
//  2. A cas is not sent over a connection that is newer than its token.
//  3. What came of it is Stored, Conflict or Failed. After a failure the value may be on the server
//     or not, or it is known not to be.
//
// # Reading order
//
// server.go says what a Server is made of, exchange.go how one command is had, copy.go what it
// brings, expiry.go how long a value is kept. batch.go has gets travel together, pipeline.go small
// writes, link.go says over which connection a command goes and where a CAS token is good, room.go
// how many may be on their way. ping.go asks whether the server is well, direct.go speaks to one
// address of its name. verdict.go and greeting.go say what an answer, or its absence, means. conn.go
// is a connection, handshake.go, tlsfiles.go and secret.go its encryption and its login; route.go and
// dial.go find the way. awake.go and patience.go say how long anything is waited for, by a clock
// that leaves out the time in which this process did not run.
package memcached
