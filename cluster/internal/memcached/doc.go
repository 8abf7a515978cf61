// Package memcached speaks to one memcached server: it finds the way to it, encrypts, logs in,
// sends commands, bounds what they may cost, and says what the answers mean. It knows nothing of
// sessions, of other servers, nor of what is done about a server that fails: it tells what each
// exchange says of the server (Verdict), and its user decides.
//
// It is the only package that imports gomemcache, which parses the answers to gets. All other
// answers are one line, but for the list of keys.
//
// # A get
//
//  1. It waits for the gets under way. Those that have arrived meanwhile go together next, as one
//     command; one that finds the server idle goes at once (coalesce.go, batch.go).
//  2. The command takes a place among those on their way (room.go) and goes over the connection of
//     gets. It is sent once more if the connection breaks at once, as all do when a server has
//     restarted (exchange.go).
//  3. The caller is woken when the last of its gets, which may go to several servers, has its
//     answer (request.go).
//
// # A write
//
//  1. A small one shares a connection with others in the same manner (pipeline.go), a large one has
//     a connection of its own (large.go). Both have places as gets have.
//  2. A cas is sent only on a connection that was open when its token was read (request.go, Copy).
//  3. The outcome is Stored, Conflict or Failed. After a failure the value may be on the server or
//     not, or it is known not to be (write.go).
//
// # Reading order
//
// server.go, request.go and write.go have the exported names. exchange.go has one exchange with the
// server, in the place that room.go gives. coalesce.go, batch.go, pipeline.go and large.go say
// which commands go together, over which connection; ping.go and direct.go ask what no user asks,
// stats.go asks the server about itself, tell.go tells of exchanges. keys.go asks for its keys, with keyclasses.go where the
// server is older; keyread.go reads what comes, keyparse.go says what its lines mean, and
// keylist.go keeps the keys. line.go and guard.go read answers, errors.go, verdict.go and
// greeting.go say what they mean, and expiry.go how long a value is kept. conn.go is what a
// connection is: route.go and dial.go find the way, handshake.go, tlsfiles.go and secret.go encrypt
// it and log in. awake.go and patience.go say how long anything is waited for, by a clock that
// leaves out the time in which this process did not run.
package memcached
