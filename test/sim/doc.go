// Package sim runs package cluster, unchanged, over embedded memcached nodes in
// virtual time, through hours of faults that follow from a seed, and asks package
// check whether what the users saw keeps the promises.
//
//	go test . -run Simulation -seeds 1000        # seeds 1 to 1000 of each class
//	go test . -run Simulation -seed 17 -class promised -v
//
// # Reading order
//
// sim.go says what one run is. director.go says when faults happen; faults.go, storms.go and
// standstill.go say which faults there are. instance.go is one process of the app, user.go what users
// do, visit.go one request of theirs, chain.go those that use Update and Lock, tally.go what is counted. Package world has the nodes, package
// check judges what the users saw.
package sim
