package main

// This file lists the rules about nodes in hostile hands that are taken out.

var hostile = []rule{
	one("a node that breaks its connection under each write is written for ever", "(*call).staled",
		"r.stale >= mostStale", "r.stale < 0"),
	one("a node that refuses what all others store is asked for ever", "(*call).refused",
		"r.alone >= mostRefusalsAlone", "r.alone < 0"),
	one("what a node announces is paid for before it comes", "(*guardedConn).inspect",
		"isValue && size > mostAnnounced &&", "isValue && size < 0 &&"),
}
