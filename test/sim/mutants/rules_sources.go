package main

// This file lists the rules of sources of a list of nodes, and of the prudence with which their answers are
// followed, that are taken out.

var sources = []rule{
	one("a list counts when it came once", "timesTold",
		"timesTold = 2", "timesTold = 1"),
	one("a node that was absent once is dropped", "timesAbsent",
		"timesAbsent = 3", "timesAbsent = 1"),
	one("an empty answer is a list", "(*Prudent).Answer",
		"len(answer) == 0 || hasTwice(answer)", "hasTwice(answer)"),
	one("a failed answer begins the row anew", "(*Prudent).Answer",
		"if len(answer) == 0 || hasTwice(answer) {", "if len(answer) == 0 || hasTwice(answer) { p.absent = map[string]int{};"),
	one("a server that was renamed is two nodes for a while", "(*Prudent).Answer",
		"|| hasTwice(list) ||", "||"),
	one("a proposal that could not be used is forgotten", "(*Cluster).follow",
		`"cluster: the list of nodes that was found is not used", "reason", err)`,
		`"cluster: the list of nodes that was found is not used", "reason", err); prudent.Use(list)`),
	one("the version of a list may go back", "(*versions).isOld",
		"if version < v.highest {", "if false {"),
	one("a list may end anywhere", "readReply",
		`if line != want {`, `if line != want && false {`),
	one("one server may have two names", "parseReply",
		"known && other != n.Addr", "false && known && other != n.Addr"),
	one("half a file is a list", "wholeText",
		`s != "" && !strings.HasSuffix(s, "\n")`, `false`),
	one("a file that changes while it is read is a list", "readWhole",
		"if !os.SameFile(before, after) ||", "if false && !os.SameFile(before, after) ||"),
	one("a question has no end", "ending",
		"context.AfterFunc(ctx, func() { _ = conn.Close() })", "_ = ctx"),
}

// following are the rules of what is told of a change of the list.
var following = []rule{
	one("a node of the former list is no joining one", "(*lists).isJoining",
		"!l.has(n)", "l.has(n)"),
	one("nobody sees for how long a former list may be in use", "(*lists).unsettled",
		"ls.now.settled.Sub(now)", "0"),
	one("a change is told once only", "(*Cluster).tellChange",
		"now.Sub(c.toldChange) < tellEvery", "true"),
	one("a list that is found takes standby nodes without a word", "FromEnv",
		`if getenv(name) != "" { errs`, `if false { errs`),
}
