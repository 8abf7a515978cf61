package main

import "slices"

// This file lists the rules that are taken out, one at a time. Each names the text of
// the code that holds the rule, exactly as it stands there, and what to put in its
// place. When the code changes so that the text no longer stands there once, the
// command says so and fails: then the entry has to follow.

type rule struct {
	name  string // of the mutant
	edits []edit
}

type edit struct{ file, old, new string }

func one(name, file, old, new string) rule { return rule{name, []edit{{file, old, new}}} }

// rules are all of them, in the order of a session's way.
var rules = slices.Concat(writing, reading, joining, codec, deleting, nodes, hostile, names, told, sealing, drivers, scs, gorilla, values)
