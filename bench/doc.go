// Command bench measures holdfast against what it is built on and against its
// peers: every contender in turn, several rounds, on real servers that it starts
// and stops itself.
//
//	go run .                    everything, about a quarter of an hour; writes RESULTS.md and results.json
//	go run . -quick             the cells that matter most, below a minute
//	go run . -compare           a quick run, no files: what has become slower than results.json says
//	go run . -only 'load/'      the cells whose name matches
//	go run . -profile DIR -only 'load/1024B/64'
//	                            CPU, allocation, block and mutex profiles of one cell
//	go run . -connections       what a fleet of app instances costs a node in connections
//	go run . -overload          requests that want more CPU than there is; writes OVERLOAD.md
//
// # Reading order
//
// main.go reads the flags, rig.go starts the servers, wire.go counts connections and adds a round
// trip. cells.go lists the cells, cell.go and measure.go measure one. core.go, scs.go, gorilla.go,
// sticky.go, http.go, codec.go, typical.go, seal.go, owned.go, extras.go, update.go and bare.go are
// its contenders. faults.go, fleet.go and overload.go (with overload_report.go) measure sick nodes,
// large fleets and a lack of CPU; profile.go writes profiles. results.go, goals.go, compare.go and
// report.go say what is recorded, aimed at, compared and printed. alarm_linux.go, alarm_other.go,
// child_linux.go and child_other.go are for one system each.
package main
