package main

// This file lists the rules of whom a read asks next, and of what its answers are worth, that are
// taken out.

var asking = []rule{
	one("a copy that is missing is not looked for", "(*operation).nextStep",
		"!v.isIncomplete(max(op.c.cfg.Replicas, len(v.targets))) &&", ""),
	one("a read goes wide again and again", "(*operation).nextStep",
		"v.wide = true", ""),
	one("nodes behind the first candidates are no targets", "(*operation).targets",
		"if up < replicas {", "if false {"),

	// Beyond the targets.
	one("a wide read asks nodes again that have failed", "(*view).wideStep",
		"return !c.passedOver && v.on(c.node) == nil", "return v.on(c.node) == nil"),
	one("a wide read asks nodes again that have answered", "(*view).wideStep",
		"return !c.passedOver && v.on(c.node) == nil", "return !c.passedOver"),
	one("a wide read waits for nodes that are down", "(*view).wideStep",
		"open(c) && (c.state == StateUp || c.state == StateSuspect && missing)", "open(c)"),
	one("a wide read asks every node", "(*view).wideStep",
		"i < len(list) && next < replicas", "i < len(list)"),
	one("a wide read asks nodes thought down again that have failed", "(*view).wideStep",
		"c.state != StateDown || !open(c) ||", "c.state != StateDown ||"),
	one("a node that fails fast is asked for a missing copy only", "(*view).wideStep",
		"case c.failsFast: step.ask", "case c.failsFast && missing: step.ask"),
	one("an unresponsive node has a whole timeout", "(*operation).ask",
		"op.c.cfg.Timeout/4", "op.c.cfg.Timeout"),
	one("a node that answers a wide read stays down", "(*operation).markUp",
		"if v.on(n) != nil && !n.isUp() {", "if false {"),
	one("a node that answered before the wide read and hangs now is up", "(*operation).markUp",
		"range slices.Concat(step.ask, step.brief) {", "range op.c.nodes() {"),
	one("an ended copy on a fallback is proof", "(*operation).mayBelieve",
		"!v.isLive()", "v.merged == nil"),
	one("a wide read is remembered before every target has what it found", "(*operation).readAndRepair",
		"if op.decideRepair(v).want == nil {", "if op.noteWide(v); op.decideRepair(v).want == nil {"),
	one("a wide read is remembered by another clock", "(*operation).noteWide",
		"op.c.readWide.note(op.hash, v.readAtConfigNow)", "op.c.readWide.note(op.hash, v.readAt)"),
	one("an answer that is there is dropped by a coin toss", "(*operation).ask",
		"op.hear(v, &brief[i]); op.trace.request(brief[i].node, \"gets\", began, brief[i].Took, brief[i].Err); continue", ""),
	one("sessions that were found wait with the unknown ids", "(*operation).read",
		"op.unverifiedID && !v.foundNonOrphan() &&", "op.unverifiedID &&"),
	one("saves wait with the unknown ids", "(*operation).read",
		"if op.unverifiedID && !v.foundNonOrphan() &&", "if !v.foundNonOrphan() &&"),

	// What the answers are worth.
	one("a home whose copy cannot be read has said that there is no session", "(*operation).merge",
		"&& !a.unreadable && op.isHome", "&& op.isHome"),
	one("a home whose copy was tampered with has said that there is no session", "(*operation).merge",
		"if !a.tampered && !a.unreadable", "if !a.unreadable"),
	one("a session of which a tampered copy is left is no session", "(*operation).merge",
		"v.unreadable = v.tampered", ""),
	one("a session that cannot be read is no session", "(*operation).mayBelieve",
		"case v.unreadable != nil:", "case false:"),
	one("what a fallback does not know is no session", "(*operation).mayBelieve",
		"!v.merged.IsTombstone() && !v.isLive()", "false"),
}
