package main

// This file lists the rules of the loop under Load, Save and Delete that are taken out: what may be
// written, what may be acknowledged, and which nodes are passed over on the way.

var converging = []rule{
	// What a snapshot says, as if it had been read.
	one("an unchanged save is not written", "(*view).lacking",
		"if v.assumed {", "if false {"),
	one("a save without changes needs no MinCopies", "(*save).fromSnapshot",
		"|| len(v.targets) < s.c.cfg.MinCopies {", "{"),
	one("a new session that meets another leaves what that held", "(*save).plan",
		"s.replace = s.replace && v.assumed", "s.replace = false"),
	one("a new session replaces what came after it had read", "(*save).plan",
		"s.replace = s.replace && v.assumed", ""),

	// What may be written.
	one("a new session needs a home that knows nothing of it", "(*operation).mayWrite",
		"case v.isBlind() && !op.mayBeNew:", "case v.isBlind():"),
	one("a deletion is refused where a save is", "(*operation).mayWrite",
		"case op.isDeletion:", "case false:"),
	one("a save is written beside a copy that nobody can read", "(*operation).mayWrite",
		"case v.unreadable != nil:", "case false:"),
	one("a save on fallbacks alone is written where this process alone passed the homes over", "(*operation).mayWrite",
		"case v.homeAnswers == 0 && op.passedOverLocally(), op.mayBeNew", "case op.mayBeNew"),
	one("a save is refused where one home of two is passed over", "(*operation).mayWrite",
		"case v.homeAnswers == 0 && op.passedOverLocally(),", "case op.passedOverLocally(),"),
	one("a save that cannot be acknowledged is written", "(*operation).mayWrite",
		"return op.mayAcknowledge(v)", "return nil"),
	one("a new session is refused on the first fallbacks after an outage", "(*operation).isFar",
		"range 2 * op.c.cfg.Replicas {", "range op.c.cfg.Replicas {"),

	// What may be acknowledged.
	one("a deletion needs no MinCopies", converge,
		"return v, op.mayAcknowledge(v)", "return v, nil"),
	one("a session is too large because one node of several says so", "(*operation).mayAcknowledge",
		"return !tooLarge(f)", "return false && !tooLarge(f)"),
	one("a session that a node has stored is too large", "(*operation).mayAcknowledge",
		"case !op.mayBeStored && len", "case len"),
	one("nodes that were not asked find a session too large", "(*operation).mayAcknowledge",
		"len(op.passedOver) > 0 && !slices", "!slices"),

	// Rounds.
	one("the last round leaves nothing to tell of", converge,
		"if !op.enterMissed(v) {", "if !op.enterMissed(v) { v = nil"),
	one("writers that keep meeting do not wait", converge,
		"if lostRounds > 1 {", "if false {"),
	one("whoever loses one round waits", converge,
		"if lostRounds > 1 {", "if lostRounds > 0 {"),
	one("a save that loses each round is unavailable", converge,
		"if lostRounds > 0 {", "if false {"),
	one("a node that fails is a conflict", converge,
		"if lostRounds++; op.conflictCount == before {", "if lostRounds++; op.conflictCount < before {"),

	one("a save beyond nodes that are full is acknowledged", "(*operation).mayAcknowledge",
		"len(op.fullNodes) > 0 && len(v.targets) > 0 && op.isFar(v.targets)", "false"),

	// Nodes that are passed over for their conflicts, and taken back.
	one("nodes are taken back while a home is left", converge,
		"if v.homeAnswers == 0 && op.takeBack() {", "if op.takeBack() {"),
	one("what was read before nodes are taken back is forgotten", converge,
		"mergedSoFar = record.Merge(mergedSoFar, v.merged); v, _ = op.read", "v, _ = op.read"),
	one("a node that has failed is taken back", "(*operation).takeBack",
		"return f.err == errConflicts", "return f.err != nil"),
	one("a node is passed over early where nobody takes its place", "nodeConflicts.tooMany",
		"isReplaceable && c.times >= most", "c.times >= most"),
	one("a node that loses one race alone is passed over", "mostConflictsAlone",
		"mostConflictsAlone = 6", "mostConflictsAlone = 1"),
	one("a late operation is patient with a node that refuses each write", "nodeConflicts.tooMany",
		"most/2, mostAlone/2", "most, mostAlone/2"),
	one("a late operation is patient with a node that alone refuses", "nodeConflicts.tooMany",
		"most/2, mostAlone/2", "most/2, mostAlone"),
	one("a node takes its own place", "(*operation).noteConflict",
		"o.node != n && !o.passedOver", "!o.passedOver"),
	one("a node that has failed takes another's place", "(*operation).noteConflict",
		"&& !o.passedOver && isUp(o)", "&& isUp(o)"),
	one("a node that is down takes another's place", "(*operation).noteConflict",
		"&& !o.passedOver && isUp(o)", "&& !o.passedOver"),
	one("a node that refuses with others refuses alone", "(*operation).writeLive",
		"notStored == 1", "notStored > 0"),
	{"a node is passed over before it is known which others have failed", []edit{
		{"(*operation).writeLive", "notStored++", "if notStored++; w.outcome == memcached.Conflict { op.noteConflict(w.node, notStored == 1) }"},
		{"(*operation).writeLive", "if writes[i].outcome == memcached.Conflict {", "if false {"},
	}},

	// Copies that full nodes could not replace.
	one("full nodes are read where the read is wide", "(*operation).nextStep",
		"len(ask) > 0 && !v.askedFullNodes {", "len(ask) > 0 && !v.askedFullNodes && v.wide {"),
	one("a full node that does not answer is asked for ever", "(*operation).nextStep",
		"len(ask) > 0 && !v.askedFullNodes {", "len(ask) > 0 {"),
	one("a full node that has failed since serves nothing", "(*operation).withdraw",
		"if a == nil && !isSeen {", "if false {"),
	one("an old copy beside a home that differs must be withdrawn", "(*operation).withdraw",
		"isSeen := slices.ContainsFunc(v.targets, op.isHome)", "isSeen := false"),

	// A session that had ended when a save put its changes in the place of a longer copy.
	one("the end that a snapshot knew ends its session", "(*turn).decideEnding",
		"(s.snap.base == nil || !others.DeadlineSetAfter(s.snap.base))", "s.snap.base == nil"),
	one("a session that is begun anew is ended", "(*turn).decideEnding",
		"(s.snap.base == nil || !others", "(s.snap.base != nil && !others"),
	one("a save that has failed keeps an ended session alive", "(*turn).decideEnding",
		"s.fault == nil && (s", "(s"),
	one("any later change of its end ends a session", "(*turn).decideEnding",
		"if others == nil || others.Live(t.c.cfg.Now()) {", "if others == nil {"),
	one("what a late save has written says that the session goes on", "(*turn).decideEnding",
		"&& !isOurs(a.rec) {", "&& (true || !isOurs(a.rec)) {"),
	one("only the first save of a turn knows what it has written", "(*turn).decideEnding",
		"slices.ContainsFunc(t.saves, func", "slices.ContainsFunc(t.saves[:1], func"),

	// Saves that go together.
	one("the second half of a turn is left out", "(*turn).carryOut",
		"t.c.newTurn(t.saves[half:]).carryOut(nil)", ""),
	one("one save that has failed fails all", "(*turn).decideSaves",
		"d.want, d.err = t.withPending(d.want), nil", "d.want = t.withPending(d.want)"),

	// Tombstones.
	one("a live copy that was found outlives its tombstone", "(*operation).writeTombstone",
		"a.rec != nil && !a.rec.IsTombstone() && !slices", "a.rec != nil && a.rec.IsTombstone() && !slices"),
	one("a target that lacks the tombstone counts", "(*operation).writeTombstone",
		"if err != nil && i < lacking {", "if false && i < lacking {"),
	one("a deletion goes to every node", "(*operation).behind",
		"if next == op.c.cfg.Replicas {", "if false {"),
	one("a deletion waits for nodes that are down", "(*operation).behind",
		"c.passedOver || !isUp(c) || slices", "c.passedOver || slices"),
	one("a deletion asks nodes again that have failed", "(*operation).behind",
		"c.passedOver || !isUp(c) || slices", "!isUp(c) || slices"),
	one("a deletion cannot replace what it cannot read", "(*operation).decode",
		"if !op.isDeletion {", "if true {"),

	// What a load has the copies brought up to date with.
	one("a session that has ended is repaired", "(*operation).decideRepair",
		"!s.IsTombstone() && !v.isLive() && !s.IsEvidence(v.readAtConfigNow):", "s == nil:"),
	one("orphans get what a repair could not write", "(*operation).readAndRepair",
		"op.c.stats.repairFailures.Add(1) } else {", "op.c.stats.repairFailures.Add(1) }; {"),
	one("a load forgets what it read when a repair finds no node", "(*operation).readAndRepair",
		"if latest.isBlind() {", "if false {"),
}

const converge = "(*operation).converge"
