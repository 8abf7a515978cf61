package main

// This file lists the rules of loads and merges that are taken out.

var reading = []rule{
	one("an abandoned question is used again", "(*operation).ask",
		"case <-ctx.Done():", "case <-ctx.Done(): op.c.askings.Put(all)"),
	one("what a node has said goes with the question", "(*operation).hear", `
			op.copies = append(op.copies, *q.Copy)
			a.item = &op.copies[len(op.copies)-1]`, "a.item = q.Copy"),
	one("the app gets the snapshot's own bytes", "(*operation).decode",
		"v.spare, v.spareOf = a.item.Value, a.rec", "v.spare, v.spareOf = o.item.Value, a.rec"),
	one("two records of one read share their values", "(*view).record",
		"spare, v.spare = v.spare, nil", "spare = v.spare"),
	one("parallel loads of a session share their values", "(*operation).decode",
		"if !a.item.Shared {", "{"),
	one("values are cut from a copy of another record", "(*view).record",
		"if v.merged == v.spareOf {", "{"),
	one("a session that ends while it is read is shown", "(*operation).mustLive",
		"!v.merged.Live(op.c.cfg.Now())", "!v.isLive()"),
	one("the wait for unknown ids is a node's time", "(*operation).read",
		"began = time.Now(); op.c.stats.wideReads.Add(1)", "op.c.stats.wideReads.Add(1)"),
	one("values are cut from other bytes", "(*Record).isCutFrom",
		"|| !bytes.Equal(b[a.at:end], a.value)", ""),
	one("the first answer wins", "(*operation).merge",
		"v.merged = record.Merge(v.merged, a.rec)", `
			if v.merged == nil {
				v.merged = record.Merge(nil, a.rec)
			}`),
	one("only the primary is read", "(*operation).read",
		"v.targets = op.targets(v.targetRoom[:0])",
		"v.targets = op.targets(v.targetRoom[:0]); v.targets = v.targets[:min(1, len(v.targets))]"),
	one("a node that answers is not used at once", "(*operation).read",
		"op.markUp(v, step)", "op.markUp(v, step); break"),
	one("no wide read", "(*operation).nextStep",
		"if v.wide || !op.restores", "if true || v.wide || !op.restores"),
	one("copies that differ cause no wide read", "(*operation).nextStep",
		"&& !v.differ()", ""),
	one("a target that is not whole counts like another", "(*operation).nextStep",
		"&& !op.mayLack(v.targets)", ""),
	one("a node that was but suspect stays whole", "(*node).note",
		"n.changes.Add(1)", "if from == StateDown || to == StateDown { n.changes.Add(1) }"),
	one("a save leaves the fallback's copy of its load", "(*turn).carryOut",
		"t.expireOrphans(v, v.merged)", ""),
	one("copies on home nodes are expired", "(*operation).orphans",
		"case op.isHome(a.node) || slices", "case slices"),
	one("nodes thought down are not asked", "(*view).wideStep",
		"range list[:min(2*replicas, len(list))] {", "range list[:0] {"),
	one("an unresponsive node is not asked for a copy that is missing", "(*view).wideStep",
		"case missing:", "case missing && false:"),
	one("an unresponsive node is asked although no copy is missing", "(*view).wideStep",
		"case missing:", "case missing || true:"),
	one("a fallback's copy is enough where a home node was unresponsive", "(*view).wideStep",
		"v.countCopies() < max(1, min(replicas, len(list)-unresponsive))", "v.countCopies() < max(1, len(v.targets)+0*unresponsive)"),
	one("no unresponsive node is asked where all are unresponsive", "(*view).wideStep",
		"max(1, min(replicas, len(list)-unresponsive))", "min(replicas, len(list)-unresponsive)"),
	one("no unresponsive node is asked where copies differ", "(*view).wideStep",
		"len(list)-unresponsive)) || v.differ()", "len(list)-unresponsive))"),
	one("every node that is down counts as unresponsive", "(*view).wideStep",
		"if c.state == StateDown && !c.failsFast {", "if c.state == StateDown {"),
	one("a wide read that found nothing is remembered", "(*operation).noteWide",
		"v.wide && v.foundNonOrphan()", "v.wide"),
	one("a copy under a new tombstone is expired as well", "(*operation).expireOrphans",
		"|| want.IsTombstone()", ""),
	one("memories of keys grow without bound", "(*recent).put",
		"len(r.young) >= most/2", "false"),
	one("only home nodes thought down are asked", "(*view).wideStep",
		"range list[:min(2*replicas, len(list))] {", "range list[:min(replicas, len(list))] {"),
	one("a node whose connection broke counts as unresponsive", "health.afterProbe",
		"failsFast: v != memcached.TimedOut && v != memcached.Senseless}", "failsFast: v == memcached.NoConnection}"),
	one("a node that answered a probe counts as unresponsive", "health.afterProbe",
		"good: h.good + 1, failsFast: true}", "good: h.good + 1}"),
	one("a node that is not whole counts in the wide read", "(*view).wideStep",
		"if !c.mayLack { next++ }", "next++"),
	one("no read repair", "(*operation).readAndRepair",
		"if op.decideRepair(v).want == nil {", "if v != nil {"),
	one("orphans are left where no target needs a repair", "(*operation).decideRepair",
		"len(v.lacking(s)) == 0 && len(op.orphans(v, s)) == 0:", "len(v.lacking(s)) == 0:"),
	one("an expired orphan keeps its old record", "(*operation).expireOrphans",
		"op.key, a.item, value, min", "op.key, a.item, append(value[:0:0], a.item.Value...), min"),
	one("an expired orphan outlives its session", "(*operation).orphans",
		"a.rec.Deadline() > want.Deadline() || !a.item.Orphan && memcached.TTL", "!a.item.Orphan && memcached.TTL"),
	one("a deadline that was loaded gets the slack again", "(*Cluster).newSave",
		"base == nil || s.deadline != base.Deadline() {", "base == nil || base != nil {"),
	one("a new session is acknowledged where no other process reads", "(*operation).mayWrite",
		", op.mayBeNew && !v.foundNonOrphan() && op.isFarAfterOutage(v.targets):", ":"),
	one("a new session is saved at once where no other process reads", "(*save).fromSnapshot",
		"|| s.mayBeNew && s.isFarAfterOutage(v.targets) ||", "||"),
	one("a tombstone is not repaired", "(*operation).decideRepair",
		"!s.IsTombstone() && !v.isLive()", "!v.isLive()"),
	one("orphans are deleted at once", "(*operation).expireOrphans",
		"err := a.node.server.Expire(op.key, a.item, value, min(orphanTTL, memcached.TTL(want.Deadline(), op.c.cfg.Now())))",
		"_, err := value, a.node.server.Delete(op.key)"),
	one("expired orphans look like other copies", "(*Server).Expire",
		"OrphanFlag,", "0,"),
	one("an expired orphan on a target is left as it is", "(*view).lacking",
		"|| a.item.Orphan || a.tampered {", "|| a.tampered {"),
	one("an expired orphan alone is evidence", "(*view).foundNonOrphan",
		"a.item != nil && !a.item.Orphan", "a.item != nil"),
	one("unverified ids are read wide without limit", "(*operation).read",
		"if op.unverifiedID && !v.foundNonOrphan()", "if false && !v.foundNonOrphan()"),
	one("an expired orphan counts as a copy", "(*view).countCopies",
		"a.rec != nil && !a.item.Orphan { n++", "a.rec != nil { n++"),
	one("a save replaces an expired orphan by its token", "(*view).record",
		"a.item != nil && !a.item.Orphan && !a.tampered && a.rec.Equal", "a.item != nil && a.rec.Equal"),
	one("a save by the token of an older copy", "(*view).record",
		"&& a.rec.Equal(v.merged) {", "{"),
	one("throttled ids are no session", "(*operation).mayBelieve",
		"case v.merged == nil && v.throttled:", "case false:"),
	one("a copy that cannot be read is no copy", "(*operation).decode",
		`v.unreadable = fmt.Errorf("%s: %w", a.node, err); a.unreadable = true`, "if true { return }"),
	one("a tampered copy hides the others", "(*operation).decode",
		"v.tampered, a.tampered =", "v.unreadable, a.unreadable ="),
	one("an outage is no session", "(*operation).mayBelieve",
		"case v.isBlind(), op.isLeftover(v), v.homeAnswers == 0 && op.hadNoRoomToAsk(), !v.merged.IsTombstone() && !v.isLive() && !op.isMiss(v):", "case false:"),
	one("deadline not checked", "(*Record).Live",
		"return r != nil && !r.tombstone && now.UnixMilli() < r.deadline", "return r != nil && !r.tombstone"),
	one("a get shares a command sent before it", "(*batcher).send",
		"if err != nil {", `
			if n := len(b.going); err == nil {
				b.going = b.queue.take(b.going, everyone)
				for _, r := range b.going[n:] {
					for _, o := range b.going[:n] {
						if o.Key == r.Key {
							r.Copy = o.Copy
						}
					}
				}
			} else if true {`),
	one("a checksum that is wrong is taken", "record.Decode",
		"binary.BigEndian.Uint32(sum) != crc32.Checksum(body, castagnoli)", "crc32.Checksum(body, castagnoli) == 0 && len(sum) == 0"),
	one("a copy of another key is taken", "record.Decode",
		"if !bytes.Equal(b[3:headerSize], key[:keyPrefixSize]) {", "if !bytes.Equal(b[3:headerSize], b[3:headerSize]) {"),
}

var merging = []rule{
	one("the newest copy is chosen", "Merge",
		"out := &Record{watermark: max(a.watermark, b.watermark)}", `
			if b.Newest() > a.Newest() {
				return b
			} else if true {
				return a
			}
			out := &Record{watermark: max(a.watermark, b.watermark)}`),
	one("a tombstone does not absorb", "Merge", `
			case a.tombstone || b.tombstone:`, `
			case a.tombstone && !b.tombstone:
				return b
			case b.tombstone && !a.tombstone:
				return a
			case a.tombstone:`),
	one("no GC grace", "GCGrace",
		"const GCGrace = time.Hour", "const GCGrace = time.Microsecond"),
	one("removals are collected without a GC watermark", "(*Record).CollectTombstones",
		"out.watermark = max(r.watermark, upTo)", "_ = upTo"),
	one("on equal timestamps the first wins", "attribute.compare",
		"return bytes.Compare(a.value, b.value) }", "return 0 * bytes.Compare(a.value, b.value) }"),
	one("a merge forgets the higher GC watermark", "Merge",
		"out := &Record{watermark: max(a.watermark, b.watermark)}", "out := &Record{watermark: min(a.watermark, b.watermark)}"),
	one("the later deadline wins, not the newer", "Merge",
		"if c := cmp.Or(b.deadlineSet.compare(a.deadlineSet), cmp.Compare(b.deadline, a.deadline)); c > 0 {", "if b.deadline > a.deadline {"),
	one("a save with a new timestamp keeps the old one of its deadline", "(*Record).Retime", `
			if out.deadlineSet == from {
				out.deadlineSet = to
			}`, ""),
	one("deadlines are rounded down", "DeadlineOf",
		"+999_999)/1e6", ")/1e6"),
	one("removals are not remembered", "record.Change",
		"a = attribute{name: a.name, timestamp: at, tombstone: true}", "continue"),
	one("unchanged attributes get a new timestamp, too", "record.Change",
		"if a.tombstone || !bytes.Equal(a.value, value) {", "if true {"),
}
