package main

// This file holds the mutants of what records are, in numbers: their clocks, their size, the
// work that they make, and how long their deletion is remembered.

var codec = []rule{
	one("codec: a clock may be any number", "decodeBody",
		"if newest > latest {", "if false {"),
	one("codec: a clock that is a day ahead is damage already", "decodeBody",
		"if newest > latest {", "if newest >= latest {"),
	one("codec: what no reader would take is written", "notAhead",
		"if s.IsAhead(now) {", "if false {"),
	one("codec: each writer is searched for from the start", "(*writerTable).place",
		"if i, known := t.at[w]; known {", `
			if i := slices.Index(t.rest, w); i >= 0 {
				return i + fewWriters
			}
			if i, known := t.at[w]; known {`),
	one("codec: the few writers and the rest lie in each other's places", "(*writerTable).writer",
		"return t.rest[i-fewWriters]", "return t.rest[len(t.rest)-1-(i-fewWriters)]"),
	one("codec: a record may be a byte too large", "(*Record).sizeUpTo",
		"if size > most {", "if size > most+1 {"),
	one("codec: the seal takes no room", "(*Record).sizeUpTo",
		"size += sealOverhead", "size += 0"),
	one("a save under way adds nothing to a session's end", "tombstoneUntil",
		"max(ms+found.LatestEnd()-found.deadlineSet.Clock/1000, found.LatestEnd(), ms)", "max(found.LatestEnd(), ms)"),
	one("a deletion is remembered as long as the longest session", "tombstoneUntil",
		"max(ms+found.LatestEnd()-found.deadlineSet.Clock/1000, found.LatestEnd(), ms)", "max(ms+longest, found.LatestEnd(), ms)"),
	one("a deletion is remembered by one clock", "tombstoneUntil",
		"min(ms+(clockSkew+outage).Milliseconds(), MaxDeadline)", "min(ms, MaxDeadline)"),
	one("a deletion of what nobody knows is remembered for a moment", "tombstoneUntil",
		"case found == nil: ms += longest", "case found == nil:"),
	one("each deletion of a session is remembered for longer", "tombstoneUntil",
		"case found.tombstone && found.deadline >= ms:", "case false:"),
	one("one session without end is remembered as the longest", "(*Cluster).noteLifetime",
		"min(deadline-now.UnixMilli(), mostLifetime.Milliseconds())", "deadline - now.UnixMilli()"),
}
