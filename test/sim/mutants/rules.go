package main

import "slices"

// This file lists the rules that are taken out, one at a time. Each names the declaration
// that holds the rule, the text in it that is the rule, and what to put in its place.
//
// A declaration is named as a stack trace names it, without its package: join,
// (*operation).read, health.after; so are types, constants and variables. It may stand in any
// file of any package, so that a rule survives a move. Where two packages have the name,
// the package goes before it: scsstore.(*Store).find. The text is a row of whole tokens of
// Go and has to stand there exactly once; white space, semicolons and comments do not
// count. When it does not, the command and a test say so and fail: then the entry has to
// follow the code.

type rule struct {
	name  string // of the mutant
	edits []edit
}

type edit struct{ anchor, old, new string }

func one(name, anchor, old, new string) rule { return rule{name, []edit{{anchor, old, new}}} }

// rules are all of them, in the order of a session's way.
var rules = slices.Concat(writing, converging, turns, reading, asking, merging, codec, latest, deleting,
	nodes, sources, following, healing, updating, owned, hostile, names, told, sealing, local, drivers, scs, gorilla, values)
