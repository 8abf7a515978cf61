// Command mutants asks whether the tests can fail. It takes the rules of the code out,
// one at a time, in a copy of the tree, and runs the tests until one fails: those of
// the packages, the simulation's stories, local copies in virtual time, all interleavings of small
// scopes, and a few seeds of the simulation. A failure counts when the same tests fail again and pass
// without the mutant. A mutant that all of them let pass has survived, and the
// command fails: that rule needs a test, or nobody needs the rule. So it does for a
// mutant that does not compile.
//
//	go run ./mutants [-only text] [-part 1/3] [-stages packages,stories] [-seeds n] [-j n] [-list]
//
// What caught a mutant is noted in mutants/caught.txt, and goes first the next time: a
// sweep over all then takes about ten minutes on two cores, and one without notes an hour.
//
// # Reading order
//
// main.go says which mutants are tried. rules.go lists the rules that are taken out, with the files
// rules_*.go. code.go finds the declaration of a rule, place.go changes its text, tree.go copies the
// code. try.go decides what became of a mutant, stages.go which tests it meets, record.go which tests
// caught it before.
package main
