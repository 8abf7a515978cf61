// Package explore runs package cluster, unchanged, through every order in which the
// nodes may receive the commands of a few parallel requests on one session, and
// through every way in which some of these commands may be lost or arrive late.
//
// One run is one schedule. It lives in a bubble of testing/synctest: whenever all
// goroutines wait, every command under way is held at the door of its node, and the
// schedule says which goes next. A schedule is a list of choices; the next one is
// found by depth-first search, repeated from the start, and given up where it reaches
// a state that was seen before, or where it would only do in another order what does
// not depend on the order.
//
// # Reading order
//
// explore.go says which schedules are run, setting.go what each begins with. run.go is one schedule from
// beginning to end: instances.go says who speaks to which nodes, actor.go what each actor does and is told,
// raise.go what an update and a holder of the lock are, browser.go what a client of local copies is, finish.go what must hold at the end. schedule.go decides which command comes
// next, search.go which orders need not be run, conn.go what a client notices.
package explore
