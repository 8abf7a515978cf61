// Command demo shows what holdfast does. It starts three memcached nodes and two
// instances each of two web apps, and serves a page on which one breaks them and
// looks at what becomes of the sessions.
//
//	go run ./demo           the page, at the address it prints
//	go run ./demo -text     the same as a story in the terminal
//
// docker-compose.yml runs it with nodes and app instances in containers of their own.
//
// # Reading order
//
// main.go starts the page or, with -text, the story of story.go, which
// asks by storycheck.go. demo.go says what the demo consists
// of: nodes.go has the memcached nodes, instance.go the app instances of app.go, remote.go instances
// that run elsewhere, proxy.go the way of a request to an instance.
//
// The page: page.go, cards.go and chart.go render it, api.go says who may press its buttons,
// actions.go what a button does, everynode.go what is done to all nodes at once, rolling.go how they are
// restarted in turn, sticky.go what sticky mode is, journal.go what is written down, faults.go which faults
// come by themselves.
//
// The users in the background: crowd.go, user.go, idle.go and tally.go. They also use the store of package
// test/baseline, which keeps one copy of a session. watch.go, whole.go, census.go, doubt.go and evidence.go say
// what is known of the cluster, and why a session was lost.
package main
