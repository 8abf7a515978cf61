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
// ("n1:host:11211,n2:host:11212"), points Start at nodes which run elsewhere.
// Such nodes are shared with others: they are never flushed, killed or paused. A
// test that asks for it is skipped, and tests keep apart by the prefix of their keys.
//
// # Faults
//
// A [Node] can be killed, restarted empty, paused (it accepts connections and
// says nothing; what was sent to it meanwhile is applied when it is resumed)
// and resumed. What happens between a client and a node is the business of a
// [Wire], one per client, put between by its DialContext: delay, loss in either
// direction, a reply that never arrives, a request that arrives after the
// client gave up, refused and reset connections, bytes that drip.
//
// # Ends
//
// Everything ends with the test, also when the test panics. On Linux the
// memcached processes end with the process that started them, however that
// ends; on other systems a test process that is killed outright may leave them behind.
//
// A program that is no test passes a [Program] in place of the testing.T.
package testenv
