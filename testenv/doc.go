// Package testenv gives a test memcached nodes of its own, and the faults that
// happen to such nodes.
//
//	func TestLoginSurvivesANode(t *testing.T) {
//		env := testenv.Start(t, 3)
//		t.Setenv("MEMCACHED_NODES", env.Nodes())
//		app := newApp(t)
//		app.logIn("ann")
//		env.Node(0).Kill()
//		app.mustBeLoggedInAs("ann")
//	}
//
// # Kinds of nodes
//
// [Start] uses memcached processes when the memcached binary is on the PATH,
// and otherwise a server of its own inside the test process, [Server], which
// answers the text protocol as memcached does. [Real], [Embedded] and
// [InMemory] ask for one kind. Nodes in memory have no sockets: they are
// reached through [Env.DialContext] only, and live in the virtual time of a
// testing/synctest bubble.
//
// The environment variable HOLDFAST_TEST_NODES, in the form of MEMCACHED_NODES
// ("n1:host:11211,n2:host:11212"), points Start at nodes that run elsewhere. Other programs may use
// these nodes too, so they are never flushed, killed or paused: a test that asks for that is
// skipped. Tests on shared nodes keep apart by the prefix of their keys.
//
// # Faults
//
// A [Node] can be killed, restarted empty, paused and resumed. A paused node accepts connections
// and answers nothing; it applies the requests that were sent meanwhile when it is resumed.
//
// A [Wire] makes the faults between one client and its nodes. The client dials through the Wire's
// DialContext. The faults are: delay, loss in either direction, a lost reply, a request that
// arrives after the client gave up, refused and reset connections, and replies that arrive byte by
// byte.
//
// # Ends
//
// Nodes end with the test, also when the test panics. On Linux the memcached processes end
// with the process that started them, in whichever way that ends; on other systems a test process
// that is killed may leave them behind.
//
// A program that is no test passes a [Program] in place of the testing.T.
//
// # Reading order
//
// env.go and options.go say what a test gets, node.go what it can do to a node, inspect.go how it
// looks into one. begin.go starts a node: process.go as a memcached process, with process_linux.go,
// process_unix.go and process_other.go, and embedded.go as a [Server]. The Server: server.go serves
// connections, conversation.go reads commands and words answers, commands.go applies them to
// store.go, with meta.go for the meta commands, stats.go tells about itself, crawler.go lists the
// keys, pipe.go is a connection without a socket. The Wire:
// wire.go has its faults, wireconn.go one connection, wirehold.go the requests on it. program.go is
// for programs that are no tests.
package testenv
