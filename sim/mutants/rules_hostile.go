package main

// This file lists the rules about nodes in hostile hands that are taken out.

var hostile = []rule{
	one("a node that breaks its connection under each write is written for ever", "cluster/refusal.go",
		"r.stale >= mostStale", "r.stale < 0"),
	one("a node that refuses what all others store is asked for ever", "cluster/refusal.go",
		"r.alone >= mostRefusalsAlone", "r.alone < 0"),
	one("what a node announces is paid for before it comes", "cluster/conn.go",
		"isValue && size > mostAnnounced &&", "isValue && size < 0 &&"),
}
