package main

// This file lists the rules of nodes and of the drivers that are taken out.

var nodes = []rule{
	one("no fallback", "targets",
		"for i := 0; i < len(list) && len(ts) < replicas; i++ {", "for i := 0; i < min(replicas, len(list)); i++ {"),
	one("requests ask nodes that are down", "targets",
		"{isUp, isSuspect,", "{func(c candidate) bool { return isUp(c) || c.state == StateDown }, isSuspect,"),
	one("pool not dropped on EOF", "(*Server).exchange",
		"s.Drop(); s.reconnects.Add(1)", "s.reconnects.Add(1)"),
	one("no second try on a broken connection", "(*Server).exchange",
		"if isBroken(err) && s.clock", "if false && s.clock"),
	one("a break that is noticed late is no restart", "(*Server).exchange",
		"s.clock.Now()-began < s.timeout", "s.clock.lost.Load().sum+s.clock.Now()-began < s.timeout"),
	one("a node that hung costs every waiting request a timeout", "(*Server).enter", `
			if !s.usable() {
				r.leave()
				return errNotUsable
			}`, ""),
	one("a deadline is believed before the buffer is looked into", "lookAgain", `
			case left > 0:
				return left, true, true
			case !looked, late > lastLook:`, "case false:"),
	one("a write whose deadline has passed is not begun again", "(*patientConn).Write",
		"due, ok := c.out.again(); if !ok {", "due, ok := c.out.again(); if ok || !ok {"),
	one("a stall of the process is held against the node", "lostTime.late",
		"if due = min(due, l.due); now-due > punctual { l.sum", "if false { l.sum"),
	one("a wait that ends in a stall hides what the beat would have shown", "lostTime.late",
		"due = min(due, l.due)", "due = due"),
	one("a wait looks again and again while the clock stands still", "(*patience).again",
		"wait = max(wait, p.clock.beat)", ""),
	one("an overdue beat says nothing until it comes", "lostTime.at",
		"if now-punctual <= l.due {", "if l.due >= 0 {"),
	one("a node that hangs has time without end", "(*patience).again",
		"!ok || p.renewed > mostRenewals {", "!ok {"),
	one("time in which the process did not run counts in the queue of reads", "(*batcher).turnAwayLate",
		"now-waiting[n].at > b.patience", "wall-waiting[n].since > b.patience"),
	one("whoever fits into the next command is turned away", "(*batcher).send",
		"b.going = b.queue.take(b.going[:0], b.fit); b.turnAwayLate()", "b.turnAwayLate(); b.going = b.queue.take(b.going[:0], b.fit)"),
	one("nobody is told of requests that are turned away", "(*Server).turnAway",
		"s.busy.Add(1)", ""),
	{"a call is late for a stall", []edit{
		{"(*operation).isLate", "op.c.clock.Now()-op.awakeAtStart > op.c.cfg.Timeout", "op.c.cfg.Now().UnixNano()-int64(op.awakeAtStart) > int64(op.c.cfg.Timeout)"},
		{"(*Cluster).operationOn", "awakeAtStart: c.clock.Now()", "awakeAtStart: time.Duration(c.cfg.Now().UnixNano())"},
	}},
	one("a packet may be of any size", "packet",
		"n > 0 && size > maxPacket", "false"),
	one("requests behind a failed get wait again", "(*batcher).send",
		"b.going = b.queue.take(b.going, everyone)", ""),
	one("answers to another question are believed", "(*reader).fetchOne",
		"case it.Key != q.Key: return errOutOfStep", ""),
	one("a broken conversation goes on", "(*Server).exchange",
		"if errors.Is(err, errOutOfStep) { s.Drop()", "if errors.Is(err, errOutOfStep) {"),
	one("an answer too many over the shared connection is dropped", "(*pipeline).send",
		"if err == nil && p.conn.spoiled() {", "if false {"),
	one("requests behind a failed write wait again", "(*pipeline).handOn",
		"if err != nil && !isBroken(err) {", "if false {"),
	one("requests behind a broken connection fail with it", "(*pipeline).handOn",
		"if err != nil && !isBroken(err) {", "if err != nil {"),
	one("a shared connection that failed is used again", "(*pipeline).send", `
			if err != nil {
				p.closeConn()
			}`, ""),
	one("a connection of its own that failed is used again", "(*largeWrites).have", `
	if err := c.send(w, limit); err != nil {
		c.Close()`, `
	if err := c.send(w, limit); err != nil {
		l.give(c)`),
	one("an answer too many over a connection of its own is dropped", "(*lineConn).send",
		"if err == nil && c.spoiled() {", "if false {"),
	one("large writes hold up the small ones", "(*Server).write",
		"case len(w.value) > MaxShared:", "case false:"),
	one("a node that contradicts itself is asked for ever", "nodeConflicts.tooMany",
		"return isHomeLeft && (", "return false && ("),
	one("one refusal is a contradiction", "mostConflicts",
		"mostConflicts = 4", "mostConflicts = 1"),
	one("a node is given up where no home would be left", "nodeConflicts.tooMany",
		"return isHomeLeft && (", "return ("),
	one("an answer may announce any size", "(*guardedConn).inspect",
		"isValue && (size > c.maxValue || c.values == 0) {", "isValue && c.values == 0 {"),
	one("an answer may bring more than was asked for", "(*guardedConn).inspect",
		"isValue && (size > c.maxValue || c.values == 0) {", "isValue && size > c.maxValue {"),
	one("each value renews the deadline", "(*guardedConn).SetDeadline",
		"return nil", "return c.until(c.dialer.limit())"),
	one("a line of an answer may be endless", "(*guardedConn).inspect",
		"if len(c.line)+len(line) > maxAnswerLine {", "if false {"),
	one("each byte renews the deadline", "(*guardedConn).Read",
		"n, err := c.next(b)", "_ = c.until(c.dialer.limit()); n, err := c.next(b)"),
	one("a password is kept by a node that wants none", "login",
		`"set auth 0 -1 %d\r\n%s %s\r\n"`, `"set auth 0 0 %d\r\n%s %s\r\n"`),
	one("a suspect node is asked like any other", "targets",
		"{isUp, isSuspect,", "{func(c candidate) bool { return isUp(c) || isSuspect(c) }, isSuspect,"),
	one("suspect nodes are no fallbacks", "targets",
		"{isUp, isSuspect,", "{isUp,"),
	one("one timeout takes a node out", "health.afterRequest",
		"return health{state: StateSuspect}", "return health{state: StateDown}"),
	one("records end a second early", "TTL",
		"secs := (left+999)/1000 + 1", "secs := (left + 999) / 1000"),
	one("long lifetimes sent as relative", "TTL",
		"if secs <= maxRelativeTTL {", "if true {"),
	one("from 2038 on a long lifetime ends at once", "TTL",
		"latest < maxRelativeTTL", "latest < 0"),
	one("a node that failed is asked by no prober", "(*Cluster).nodeChanged", `
			if s.State != StateUp {
				c.startProber(n)
			}`, ""),
	one("nodes are taken back one by one", "(*Cluster).probe",
		"others = c.backWith(n)", "_ = c.backWith"),
	one("one answer brings a node back", "goodAnswers",
		"const goodAnswers = 2", "const goodAnswers = 1"),
	one("nodes that refuse are never tried", "targets",
		"isSuspect, isDownButFast}", "isSuspect}"),
	one("preference lists follow the order of the node list", "(*List).best",
		"s := mix(seed ^ key)", "s := mix(uint64(i) ^ key); _ = seed"),
}

var drivers = []rule{
	one("scs: an outage is not found", "(*Store).FindCtx", `
			if errors.Is(err, cluster.ErrNotFound) {
				return nil, false, nil
			}`, `
			if err != nil {
				return nil, false, nil
			}`),
	one("scs: a session without its expiry in the future is saved", "(*Store).CommitCtx", `
			if !expiry.After(time.Now()) {
				return s.DeleteCtx(ctx, token)
			}`, ""),
	one("scs: any token goes to the nodes", "scsstore.usable",
		`return token != "" && len(token) <= MaxTokenBytes`, "return true"),
}
