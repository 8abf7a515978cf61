package main

// This file holds the mutants of what copies without a seal are worth.

var sealing = []rule{
	one("a copy without a seal is one of tomorrow", "(*call).read",
		"errors.Is(err, errForged) || errors.Is(err, errUnsealed)", "errors.Is(err, errForged)"),
	one("records without a seal are believed unasked", "decode",
		"case seal != nil && !seal.allowUnsealed: return nil, errUnsealed", ""),
	one("a copy without a seal is joined with a sealed one", "(*call).gather",
		"k.distrust(v)", ""),
	one("a copy without a seal that says the same is left beside a sealed one", "(*view).lacking",
		"|| a.item.Orphan || a.forged {", "|| a.item.Orphan {"),
	one("a session without a seal has no last end", "(*call).read",
		"a.rec.boundUnsealed(k.c.cfg.Now(), k.c.cfg.Lifetime)", ""),
	one("a session without a seal lives as long as it claims", "(*stored).boundUnsealed",
		"s.endBy(min(end, now.Add(max(lifetime, mostUnsealed)).UnixMilli()))", "s.endBy(end)"),
	one("a session without a seal ends with its present deadline", "(*stored).boundUnsealed",
		"end := max(s.deadline, s.newest()/1000+lifetime.Milliseconds())", "end := s.deadline"),
	one("the last end is that of the reader", "(*stored).boundUnsealed",
		"s.newest()/1000+lifetime.Milliseconds()", "now.UnixMilli()+lifetime.Milliseconds()"),
	one("the last end is not stored", "(*stored).marked", `
			if s.until == 0 {
				return s.attrs
			}`, `
			if s.until >= 0 {
				return s.attrs
			}`),
	one("the last end is not read", "decode",
		"s.takeMarks()", ""),
	one("the last end is lost in a join", "cluster.join",
		"out.endBy(earlierEnd(a.until, b.until))", ""),
	one("the last end is lost in a change", "change",
		", until: base.until,", ","),
	one("of two last ends the later one holds", "earlierEnd",
		"return min(a, b)", "return max(a, b)"),
	one("a save moves the last end", "change",
		"deadline = base.atMost(deadline)", ""),
	one("the mark looks like a removal that is forgotten", "markWriter",
		"markWriter = 1", "markWriter = 0"),
	one("an open window is not told", "(*Cluster).logStart",
		"if c.cfg.AllowUnsealed {", "if false {"),
	one("copies without a seal are not counted", "(*call).hear",
		"k.c.stats.unsealed.Add(1)", ""),
}
