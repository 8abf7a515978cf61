// Command chaos runs instances of a web app and memcached nodes as processes, breaks these in every
// way it knows while users are at it, and counts what the users lose. The same happens at the same
// moments to two stores without this library's protocol.
//
//	go run ./chaos [-for 3m] [-short] [-seed n] [-users n] [-faults kill,hang]
//	           [-updates] [-sticky] [-transition 10s] [-changes n] [-saves n] [-write] [-out file]
//
// A round of all faults takes about four minutes the first time, with a hang of 30 seconds and a
// healer that dies in it, and about a minute and a half each time after that; more on a machine that
// is busy. After each fault the run waits until every node is whole. Rounds begin until the time
// given by -for has passed, and the last one is finished. Each fault is printed as it begins, with what is still to come.
//
// With -updates eight goroutines more of each system, on both instances, raise the same numbers in
// three sessions: most by Update, some by a load and a save with the lock. A number must be what was
// acknowledged, and at most what is of unknown outcome besides; no two requests may be told the same
// number, and no two may have the lock at once while neither's lease is over. An Update that failed is an
// error as is promised, and no error page of the users. The baselines raise the numbers by plain saves.
//
// With -sticky it is a run of its own: both drivers with local copies, no baseline, and users whose
// balancer sticks, flaps one request of ten, or does not stick. Every round is made three times: with
// Config.Local.Outage, with WriteBehind besides, and without Outage. The faults are some of the others, and total
// outages that last for longer than Fresh, after which nodes come back with their memory or empty, an
// instance that reaches no node, and instances that die with what they have not written. No user may be shown less than
// the version in its cookies says that it has seen, unless the process has counted that (Stats.Behind);
// nothing acknowledged may be gone, on any instance, when all is written. What is not promised is printed as
// the price, on a line of its own.
//
// Its status is 1 when the harness failed, and when
//
//   - under a fault that is promised to do no harm, a promise was broken, an error page or a
//     request without an answer came that is no part of the fault, or a driver had no save
//     acknowledged
//   - an idle session was lost, came back after its logout, lacked an acknowledged change, or could
//     not be read in the end, though the faults since it was saved do not excuse that (see idle.go)
//   - the nodes were not all whole again within a minute after a fault, or one could not be drained
//   - the HTTP server of an instance logged an error, such as a panic
//   - of all faults, one of the two other stores lost no session, or no idle one: they were too gentle
//   - with -updates, a number was not what it must be, two had the lock at once, fewer than 1,000 Updates
//     were acknowledged, or the plain saves of the baseline lost none
//   - with -sticky, a user was shown less than it had seen and nobody counted it, an acknowledged change was
//     gone, a logout did not hold beyond the price, a user who stayed got an error page in an outage that
//     is served, no session was shown without a node, or, of all faults, nothing was ever told to be behind
//   - of all faults, without -short, "app" left no session half written: it did not hit
//
// With -faults only the first four are asked, of the faults that were chosen, and what -updates and
// -sticky ask. A run with -sticky has no idle sessions and no baseline to ask.
//
// # Reading order
//
// main.go runs the rounds. arena.go has the nodes and the systems under test, fault.go the faults, of
// what harm.go does, filler.go and stall.go what else may happen to nodes. whole.go waits until they are whole again,
// lists.go has the faults that change the list of nodes under running instances,
// idle.go has the sessions that nobody requests meanwhile. system.go is one system: instance.go starts
// its processes, server.go is such a process, app.go and driver.go are the web app; package
// test/baseline is the store to compare with. gate.go, user.go, session.go, request.go and kept.go
// are the users, raiser.go those who raise numbers,
// copies.go what local copies change, client.go their users, and browser.go what each keeps.
// tally.go, price.go, lines.go and results.go count, history.go and verdict.go judge, promises.go, guarantees.go
// and compared.go write the page of guarantees.
package main
