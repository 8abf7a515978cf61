package main

// This file holds the mutants of what an operator is told.

var told = []rule{
	one("log lines have no bound", "cluster/journal.go",
		"	if j.isDue(s, l) {", "	if j.isDue(s, l) || true {"),
	one("log lines that were left out are not counted", "cluster/journal.go",
		"		p.omitted++\n", ""),
	one("the last log line of a flood is lost", "cluster/journal.go",
		"	p.held = l\n	return linesEvery - since, false", "	return 0, false"),
}
