package main

// This file lists the rules about nodes in hostile hands that are taken out.

var hostile = []rule{
	one("a node that breaks its connection under each write is written for ever", "(*operation).writeLive",
		"if writes[i].outcome == memcached.Conflict {", "if writes[i].outcome == memcached.Conflict && !memcached.IsStale(writes[i].err) {"),
	one("a node that refuses what all others store is asked for ever", "nodeConflicts.tooMany",
		"c.alone >= mostAlone", "c.alone < 0"),
	one("what a node announces is paid for before it comes", "(*guardedConn).inspect",
		"isValue && size > max(mostAnnounced, 2*c.reader.sent) &&", "isValue && size < 0 &&"),
}
