package main

// This file lists the rules of loads and of the join that are taken out.

var reading = []rule{
	one("the first answer wins", "(*call).gather",
		"v.joined = join(v.joined, a.rec)", `
			if v.joined == nil {
				v.joined = a.rec
			}`),
	one("only the primary is read", "(*call).askTargets",
		"asked, err := k.ask(ctx, v, v.targets)", "v.targets = v.targets[:min(1, len(v.targets))]; asked, err := k.ask(ctx, v, v.targets)"),
	one("a node that answers is not used at once", "(*call).lookAgain",
		"return k.askTargets(ctx, v) }", "return nil }"),
	one("no second look", "(*call).gather",
		"if v.copies() < k.c.cfg.Replicas || v.differ() || k.wide || k.returned(v.targets) {", "if false {"),
	one("copies that differ are not looked into", "(*call).gather",
		"k.c.cfg.Replicas || v.differ() ||", "k.c.cfg.Replicas ||"),
	one("a save looks only where it writes", "(*call).gather",
		"|| k.wide ||", "||"),
	one("a target that was away counts like another", "(*call).gather",
		"|| k.returned(v.targets) {", "{"),
	one("a target that was but suspect was not away", "(*node).note",
		"if to == Up {", "if to == Up && from == Down {"),
	one("a save leaves the stand-in of its load", "(*turn).run",
		"t.retire(v, v.joined)", ""),
	one("copies on home nodes are retired", "(*call).strays",
		"case k.isHome(a.node) || slices", "case slices"),
	one("nodes thought down are not asked", "(*call).further",
		"for i := range 2 * k.c.cfg.Replicas {", "for i := range 0 {"),
	one("a silent node is not asked for a copy that is missing", "(*call).further",
		"case missing:", "case missing && false:"),
	one("a silent node is asked although no copy is missing", "(*call).further",
		"case missing:", "case missing || true:"),
	one("a stand-in's copy is enough where a home node was silent", "(*call).further",
		"v.copies() < max(1, min(k.c.cfg.Replicas, len(k.c.nodes)-mute))", "v.copies() < max(1, len(v.targets)+0*mute)"),
	one("no silent node is asked where all are silent", "(*call).further",
		"max(1, min(k.c.cfg.Replicas, len(k.c.nodes)-mute))", "min(k.c.cfg.Replicas, len(k.c.nodes)-mute)"),
	one("no silent node is asked where copies differ", "(*call).further",
		"len(k.c.nodes)-mute)) || v.differ()", "len(k.c.nodes)-mute))"),
	one("every node that is down counts as silent", "(*Cluster).down",
		"if all++; !prompt {", "if all++; prompt || true {"),
	one("a second look for nothing is remembered", "(*call).lookAgain",
		"if v.anything() {", "if true {"),
	one("strays are looked for longer than they live", "(*call).returned",
		"&& k.c.cfg.Now().Sub(at).Milliseconds() < k.c.longest.Load()", ""),
	one("what was buried is retired as well", "(*call).retire",
		"|| want.destroyed { return", "{ return"),
	one("memories of keys grow without bound", "(*recent).put",
		"len(r.young) >= most/2", "false"),
	one("only home nodes thought down are asked", "(*call).further",
		"for i := range 2 * k.c.cfg.Replicas {", "for i := range k.c.cfg.Replicas {"),
	one("a node whose connection broke is taken for silent", "health.probe",
		"prompt: v != memcached.TimedOut && v != memcached.Senseless}", "prompt: v == memcached.Refused}"),
	one("a node that answered a probe is taken for silent", "health.probe",
		"good: h.good + 1, prompt: true}", "good: h.good + 1}"),
	one("a node just back counts in the second look", "(*call).further", `
			if !n.backLately() {
				next++
			}`, "next++"),
	one("no repair", "(*call).look",
		"(len(v.lacking(v.joined)) > 0 || len(k.strays(v, v.joined)) > 0) {", "false {"),
	one("strays are left where nothing else is to be repaired", "(*call).look",
		"|| len(k.strays(v, v.joined)) > 0) {", ") {"),
	one("a retired copy stays as it was", "(*call).retire",
		"k.key, a.item, value, min", "k.key, a.item, append(value[:0:0], a.item.Value...), min"),
	one("a retired copy outlives its session", "(*call).strays",
		"a.rec.deadline > want.deadline || !a.item.Orphan && memcached.TTL", "!a.item.Orphan && memcached.TTL"),
	one("a stray that ends later than what replaced it is not looked for", "(*turn).run",
		"if t.sooner && !t.wide {", "if false {"),
	one("a deadline that was loaded gets the slack again", "(*call).newSave",
		"base == nil || s.deadline != base.deadline {", "base == nil || base != nil {"),
	one("a new session is acknowledged where nobody looks", "(*call).settle",
		"|| k.fresh && !v.anything() && k.remote(v.targets) {", "{"),
	one("a new session is saved at once where nobody looks", "(*save).knows",
		"|| s.fresh && s.remote(targets) ||", "||"),
	one("a deletion is not repaired", "(*stored).worthRepair",
		"s.destroyed || s.live(now)", "s.live(now)"),
	one("stand-in copies deleted at once", "(*call).retire",
		"wg.Go(func() { _ = a.node.server.Expire(k.key, a.item, value, min(strayTTL, memcached.TTL(want.deadline, k.c.cfg.Now()))) })",
		"_ = value; wg.Go(func() { _ = a.node.server.Delete(k.key) })"),
	one("retired copies look like others", "(*Server).Expire",
		"Flags: OrphanFlag,", ""),
	one("a retired copy is left as it is", "(*view).lacking",
		"|| !a.rec.equal(want) || a.item.Orphan || a.forged {", "|| !a.rec.equal(want) || a.forged {"),
	one("a retired copy alone is evidence", "(*view).anything",
		"it != nil && !it.Orphan {", "it != nil {"),
	one("unknown ids are looked for without limit", "(*call).lookAgain",
		"if k.stranger && !v.anything()", "if false && !v.anything()"),
	one("a retired copy is counted on", "(*view).copies",
		"a.rec != nil && !a.item.Orphan { n++", "a.rec != nil { n++"),
	one("a save replaces a retired copy by its token", "(*view).tokens",
		"a.item != nil && !a.item.Orphan && !a.forged && a.rec.equal", "a.item != nil && a.rec.equal"),
	one("a save by the token of an older copy", "(*view).tokens",
		"&& a.rec.equal(v.joined) {", "{"),
	one("too many unknown ids at once are no session", "(*Cluster).Load",
		"case v.joined == nil && v.crowded:", "case false:"),
	one("a copy that cannot be read is no copy", "(*call).read",
		`v.alien = fmt.Errorf("%s: %w", a.node, err); a.alien = true`, `
			if true {
				return
			}`),
	one("a forged copy hides the others", "(*call).read",
		"v.forged, a.forged =", "v.alien, a.alien ="),
	one("a load that began before a save notes the key as missing", "(*missing).add", `
			if m.saves[key[0]] != ticket {
				return
			}`, "_ = ticket"),
	one("an outage is no session", "(*Cluster).Load",
		"case v.blind(), v.homes == 0 && (v.joined == nil || k.unasked):", "case false:"),
	one("deadline not checked", "(*stored).live",
		"return s != nil && !s.destroyed && now.UnixMilli() < s.deadline", "return s != nil && !s.destroyed"),
	one("negative cache not cleared", "(*missing).remove",
		"m.saves[key[0]]++; m.keys.remove(key)", "_ = key"),
	one("a get shares a command sent before it", "(*batcher).send",
		"if err != nil {", `
			if n := len(batch); err == nil {
				batch = b.rest(batch)
				for _, w := range batch[n:] {
					for _, o := range batch[:n] {
						if o.key == w.key {
							w.item = o.item
						}
					}
				}
			} else if true {`),
	one("a checksum that is wrong is taken", "decode",
		"binary.BigEndian.Uint32(sum) != crc32.Checksum(body, castagnoli)", "len(sum) == 0"),
	one("a copy of another key is taken", "decode",
		"if !bytes.Equal(b[3:headerSize], key[:keyHashSize]) {", "if !bytes.Equal(b[3:headerSize], b[3:headerSize]) {"),
}

var joining = []rule{
	one("the newest copy is chosen", "cluster.join",
		"out := &stored{floor: max(a.floor, b.floor)}", `
			if b.newest() > a.newest() {
				return b
			} else if true {
				return a
			}
			out := &stored{floor: max(a.floor, b.floor)}`),
	one("destroyed does not absorb", "cluster.join", `
			case a.destroyed || b.destroyed:`, `
			case a.destroyed && !b.destroyed:
				return b
			case b.destroyed && !a.destroyed:
				return a
			case a.destroyed:`),
	one("no horizon", "horizon",
		"const horizon = time.Hour", "const horizon = time.Microsecond"),
	one("removals forgotten without a floor", "(*stored).forget",
		"out.floor = max(s.floor, floor)", "_ = floor"),
	one("on equal stamps the first wins", "attribute.compare",
		"return bytes.Compare(a.value, b.value) }", "return 0 }"),
	one("a join forgets the higher floor", "cluster.join",
		"out := &stored{floor: max(a.floor, b.floor)}", "out := &stored{floor: min(a.floor, b.floor)}"),
	one("the later deadline wins, not the newer", "cluster.join",
		"if c := cmp.Or(b.dstamp.compare(a.dstamp), cmp.Compare(b.deadline, a.deadline)); c > 0 {", "if b.deadline > a.deadline {"),
	one("a restamped save keeps its old deadline's stamp", "(*stored).restamp", `
			if out.dstamp == from {
				out.dstamp = to
			}`, ""),
	one("deadlines are rounded down", "deadlineMilli",
		"+999_999)/1e6", ")/1e6"),
	one("removals are not remembered", "change",
		"a = attribute{name: a.name, stamp: at, removed: true}", "continue"),
	one("unchanged attributes are stamped, too", "change",
		"if a.removed || !bytes.Equal(a.value, value) {", "if true {"),
}
