package main

// This file lists the rules of saves that wait and go together that are taken out.

var turns = []rule{
	one("saves of one session do not take turns", "(*save).takeTurn",
		"if c.lanes.enter(s) { defer c.lanes.leave(key)", "if true {"),
	one("saves that wait go one after the other", "(*lanes).leave",
		"if n < 0 { n = len(waiting) }", "n = 1"),
	one("what is known of a session is enough for a new one", "(*lanes).leave",
		"return s.fresh != waiting[0].fresh })", "return false })"),
	one("a save waits for its turn when its context has ended", "(*lanes).wait",
		"case <-ctx.Done():", "case <-(chan struct{})(nil):"),
	one("a save waits for its turn while the Cluster is closed", "(*lanes).wait",
		"case <-closing:", "case <-(chan struct{})(nil):"),
	one("a save whose wait has ended stands in line", "(*lanes).giveUp",
		"l.busy[key] = slices.Delete(waiting, i, i+1)", ""),
	one("a save that was taken along ends with its context", "(*lanes).wait",
		"if l.giveUp(key, s) {", "if l.giveUp(key, s) || true {"),
	one("a save that asks for nothing waits for its turn", "(*save).takeTurn",
		"if s.idle && s.knows(s.targets(room[:0])) {", "if room[0] != nil {"),
	one("the fault of one save is that of all", "(*turn).plan", `
			if s.fault = fault; fault != nil {
				err = fault
				continue`, `
			if s.fault = fault; fault != nil {
				return nil, fault`),
	one("a save with a fault is acknowledged with the others", "(*Cluster).carryOut",
		"s.fault == nil {", "true {"),
	one("that one save is too large shows in the write of all", "(*turn).plan",
		"fault = t.refuses(next)", ""),
	one("what a node does not take of all it is not offered of each", "(*Cluster).carryOut",
		"len(saves) > 1 &&", "len(saves) < 0 &&"),
	one("saves that go together know nothing of each other", "(*turn).plan",
		"s.plan(v.joined, want)", "s.plan(v.joined, v.joined)"),
	one("a copy with the changes of one save has those of all", "(*turn).isIn",
		"slices.ContainsFunc(t.saves, func", "slices.ContainsFunc(t.saves[:1], func"),
	one("a clock that nobody believes shows in the write of all", "(*call).refuses",
		"want.notAhead(k.c.cfg.Now())", "error(nil)"),
	one("an end that has passed is one for the first save only", "(*save).plan",
		"case read == nil && s.hasEnded():", "case before == nil && s.hasEnded():"),
	one("scs: a save that waits ends with its client", "scsstore.(*Store).CommitCtx",
		"s.cluster.Save(context.Background(), &now.rec)", "s.cluster.Save(ctx, &now.rec)"),
}
