// Command chaos runs instances of a web app and memcached nodes as processes, breaks these in every
// way it knows while users are at it, and counts what the users lose. The same happens at the same
// moments to two stores without this library's protocol.
//
//	go run ./chaos [-for 3m] [-short] [-seed n] [-users n] [-faults kill,hang] [-write] [-out file]
//
// A round of all faults takes about 55 seconds the first time, with a hang of 30
// seconds in it, and about 30 each time after that; more on a machine that is busy. Rounds begin
// until the time given by -for has passed, and the last one is finished: a run takes up to half a
// minute longer than that. Each fault is printed as it begins, with what is still to come.
//
// Its status is 1 when the harness failed, and when
//
//   - under a fault that is promised to do no harm, a promise was broken, an error page or a
//     request without an answer came that is no part of the fault, or a driver had no save
//     acknowledged
//   - the HTTP server of an instance logged an error, such as a panic
//   - of all faults, one of the two other stores lost no session: they were too gentle
//   - of all faults, without -short, "app" left no session half written: it did not hit
//
// With -faults only the first two are asked, of the faults that were chosen.
//
// # Reading order
//
// main.go runs the rounds. arena.go has the nodes and the systems under test, fault.go the faults,
// filler.go and stall.go what else may happen to nodes. system.go is one system: instance.go starts
// its processes, server.go is such a process, app.go and driver.go are the web app; package
// test/baseline is the store to compare with. gate.go, user.go, session.go, request.go and kept.go
// are the users.
// tally.go, lines.go and results.go count, verdict.go judges, promises.go and guarantees.go write the
// page of guarantees.
package main
