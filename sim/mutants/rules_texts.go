package main

// This file holds the mutants of what an operator is told.

var told = []rule{
	one("log lines have no bound", "cluster/journal.go",
		"	if j.isDue(s, l) {", "	if j.isDue(s, l) || true {"),
	one("log lines that were left out are not counted", "cluster/journal.go",
		"		p.omitted++\n", ""),
	one("the last log line of a flood is lost", "cluster/journal.go",
		"	p.held = l\n	return linesEvery - since, false", "	return 0, false"),
	one("a misspelt variable is nobody's business", "cluster/env.go",
		"	errs = append(errs, misspelt(getenv)...)\n", ""),
	one("a list of seal keys may hold none", "cluster/envsecrets.go",
		"		if len(texts) == 0 {", "		if false {"),
	one("a list of no seal keys means plain records", "cluster/seal.go",
		"	if keys != nil && len(keys) == 0 {", "	if false {"),
	one("a weight is taken for a port", "cluster/nodelist.go",
		"	case isWeighted(fields):\n		return Node{}, errWeight\n", ""),
	one("a number is a host name", "cluster/address.go",
		"		if _, err := netip.ParseAddr(host); err != nil {", "		if _, err := netip.ParseAddr(host); false && err != nil {"),
	one("a gap in a list is passed over", "cluster/nodelist.go",
		"		if strings.TrimSpace(part) == \"\" {", "		if false && part == \"\" {"),
	one("a key in the place of its path is shown", "cluster/envsecrets.go",
		"	return name + \" (not shown, since it may be a key)\"", "	return name + \"=\" + value"),
	one("an error about a file shows the file's name", "cluster/envsecrets.go",
		"		return p.Err\n", "		return p\n"),
	one("a password in a node list is shown", "cluster/nodelist.go",
		"			if mayHoldSecret(entry) {", "			if false {"),
}
