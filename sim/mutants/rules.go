package main

// This file lists the rules that are taken out, one at a time. Each names the text of
// the code that holds the rule, exactly as it stands there, and what to put in its
// place. When the code changes so that the text no longer stands there once, the
// command says so and fails: then the entry has to follow.

type rule struct {
	name  string // of the mutant
	edits []edit
}

type edit struct{ file, old, new string }

func one(name, file, old, new string) rule { return rule{name, []edit{{file, old, new}}} }

var rules = []rule{
	// Writing.
	{"blind set instead of cas and add", []edit{
		{"cluster/node.go", "(*memcache.Client).Add, item:", "(*memcache.Client).Set, item:"},
		{"cluster/node.go", "(*memcache.Client).CompareAndSwap, seen.cas", "(*memcache.Client).Set, seen.cas"},
	}},
	one("set where no copy was seen", "cluster/node.go",
		"(*memcache.Client).Add, item:", "(*memcache.Client).Set, item:"),
	one("a gap filled without gathering", "cluster/save.go",
		"			if s.snap.on(t) == nil {\n				return false, nil\n			}", "			_ = t"),
	one("a retry that stamps again", "cluster/save.go",
		"	case !s.tried && v.joined.newest() >= s.at.clock:", "	case v.joined.newest() >= s.at.clock:"),
	one("a retry without a snapshot that stamps again", "cluster/save.go",
		"		if s.tried {\n			// Somebody", "		if false {\n			// Somebody"),
	one("a save by a slow clock that stays behind", "cluster/save.go",
		"	case !s.tried && v.joined.newest() >= s.at.clock:", "	case false:"),
	one("stamps from the wall clock alone", "cluster/save.go",
		"clock: max(k.c.cfg.Now().UnixMicro(), s.newest()+1)", "clock: k.c.cfg.Now().UnixMicro()"),
	one("a save acknowledged over a deletion", "cluster/save.go",
		"		return v.joined, ErrDestroyed", "		return v.joined, nil"),
	one("a save acknowledged without a copy", "cluster/save.go",
		"		if len(v.targets) < k.c.cfg.MinCopies {\n			return v, k.unavailable()\n		}", ""),
	one("one stored copy is enough to acknowledge", "cluster/save.go",
		"		all = false\n	}\n	return all, err", "	}\n	return k.tried, err"),
	one("what a dead node said is forgotten", "cluster/save.go",
		"		known = join(known, v.joined)\n		v.joined = known", "		_ = known"),
	one("a save ended by its record's oversize is stored", "cluster/save.go",
		"	if len(value) > k.c.cfg.MaxRecordBytes {", "	if false {"),

	one("stand-ins that know nothing acknowledge a save", "cluster/save.go",
		"		if v.blind() && !k.fresh {", "		if false && !k.fresh {"),
	one("stand-ins that know nothing acknowledge a deletion", "cluster/delete.go",
		"	if !v.blind() {", "	if true {"),

	// Reading.
	one("the first answer wins", "cluster/gather.go",
		"		v.joined = join(v.joined, v.answers[i].rec)", "		if v.joined == nil {\n			v.joined = v.answers[i].rec\n		}"),
	one("only the primary is read", "cluster/gather.go",
		"		v.targets = k.targets(v.targetRoom[:0])\n", "		v.targets = k.targets(v.targetRoom[:0])\n		v.targets = v.targets[:min(1, len(v.targets))]\n"),
	one("no second look", "cluster/gather.go",
		"	if v.copies() < k.c.cfg.Replicas || v.differ() {", "	if false {"),
	one("copies that differ are not looked into", "cluster/gather.go",
		"k.c.cfg.Replicas || v.differ() {", "k.c.cfg.Replicas {"),
	one("copies on home nodes are retired", "cluster/load.go",
		" && !k.isHome(a.node)", ""),
	one("home nodes thought down are not asked", "cluster/gather.go",
		"	if outage || len(k.failed) > 0 {", "	if false {"),
	one("an outage is not looked through", "cluster/gather.go",
		"	outage := !v.anything() && (", "	outage := false && ("),
	one("a node just back counts in the second look", "cluster/gather.go",
		"			if !n.backLately() {\n				next++\n			}", "			next++"),
	one("no repair", "cluster/load.go",
		"len(v.lacking(v.joined)) > 0 {", "false {"),
	one("a deletion is not repaired", "cluster/load.go",
		"s != nil && (s.destroyed || s.live(now))", "s != nil && s.live(now)"),
	one("stand-in copies deleted at once", "cluster/load.go",
		"wg.Go(func() { _ = a.node.retire(k.key, a.item, strayTTL) })",
		"wg.Go(func() { _ = a.node.remove(k.key) })"),
	one("retired copies look like others", "cluster/node.go",
		"Flags: retiredFlag, ", ""),
	one("a retired copy is left as it is", "cluster/gather.go",
		" || !a.rec.equal(want) || a.item.retired {", " || !a.rec.equal(want) {"),
	one("a retired copy alone is evidence", "cluster/gather.go",
		"it != nil && !it.retired {", "it != nil {"),
	one("unknown ids are looked for without limit", "cluster/gather.go",
		"		if k.stranger && len(further) > 0", "		if false && len(further) > 0"),
	one("an outage is no session", "cluster/load.go",
		"	case v.blind(), v.joined == nil && v.homes == 0:", "	case false:"),
	one("deadline not checked", "cluster/record.go",
		"return s != nil && !s.destroyed && now.UnixMilli() < s.deadline", "return s != nil && !s.destroyed"),
	one("negative cache not cleared", "cluster/lanes.go",
		"	m.saves[key[0]]++\n	delete(m.young, key)\n	delete(m.old, key)", "	_ = key"),
	one("a get shares a command sent before it", "cluster/batch.go",
		"		if err != nil {\n			// All that wait",
		"		if n := len(batch); err == nil {\n			batch = b.rest(batch)\n			for _, w := range batch[n:] {\n				for _, o := range batch[:n] {\n					if o.key == w.key {\n						w.item = o.item\n					}\n				}\n			}\n		} else if true {\n			// All that wait"),
	one("a checksum that is wrong is taken", "cluster/codec.go",
		"binary.BigEndian.Uint32(sum) != crc32.Checksum(body, castagnoli)", "len(sum) == 0"),
	one("a copy of another key is taken", "cluster/codec.go",
		"	if !bytes.Equal(b[3:headerSize], key[:keyHashSize]) {", "	if !bytes.Equal(b[3:headerSize], b[3:headerSize]) {"),

	// Joining.
	one("the newest copy is chosen", "cluster/record.go",
		"	out := &stored{floor: max(a.floor, b.floor)}",
		"	if b.newest() > a.newest() {\n		return b\n	} else if true {\n		return a\n	}\n	out := &stored{floor: max(a.floor, b.floor)}"),
	one("destroyed does not absorb", "cluster/record.go",
		"	case a.destroyed:\n		return a\n	case b.destroyed:\n		return b\n", "	case a.destroyed:\n		return b\n	case b.destroyed:\n		return a\n"),
	one("no horizon", "cluster/record.go",
		"const horizon = time.Hour", "const horizon = time.Microsecond"),
	one("removals forgotten without a floor", "cluster/record.go",
		"		s.floor = max(s.floor, floor)", "		_ = floor"),
	one("removals are not remembered", "cluster/record.go",
		"			a = attribute{name: a.name, stamp: at, removed: true}", "			continue"),
	one("unchanged attributes are stamped, too", "cluster/record.go",
		"			if a.removed || !bytes.Equal(a.value, value) {", "			if true {"),

	// Deleting.
	one("delete without a destroyed record", "cluster/delete.go",
		"errs[i] = n.set(k.key, value, keep)", "_, _ = value, keep; errs[i] = n.remove(k.key)"),
	one("a deletion remembered for a moment", "cluster/delete.go",
		"	ms = c.cfg.Now().UnixMilli() + c.longest.Load()\n	if s != nil {\n		ms = max(ms, s.deadline)\n	}",
		"	ms = c.cfg.Now().UnixMilli() + 2000\n	_ = s"),
	one("a deletion on one node only", "cluster/delete.go",
		"			if !holding[n] {\n				todo++", "			if !holding[n] && len(holding) == 0 && i == 0 {\n				todo++"),

	// Nodes.
	one("no stand-in", "cluster/call.go",
		"	for i := 0; len(ts) < want; i++ {\n		n := k.ranked(i)", "	for i := 0; i < want; i++ {\n		n := k.ranked(i)"),
	one("requests ask nodes that are down", "cluster/call.go",
		"		case state == Up:\n			ts", "		case state == Up || state == Down:\n			ts"),
	one("pool not dropped on EOF", "cluster/node.go",
		"		n.client.Close()\n		n.reconnects.Add(1)", "		n.reconnects.Add(1)"),
	one("no second try on a broken connection", "cluster/node.go",
		"	if isBroken(err) && time.Since(began)", "	if false && time.Since(began)"),
	one("long lifetimes sent as relative", "cluster/node.go",
		"	if secs > maxRelativeTTL {", "	if false {"),
	one("a node that failed is asked by no prober", "cluster/prober.go",
		"	if s.State != Up {\n		c.startProber(n)\n	}", ""),
	one("nodes are taken back one by one", "cluster/prober.go",
		"			others = c.backWith(n)", "			_ = c.backWith"),
	one("one answer brings a node back", "cluster/health.go",
		"const goodAnswers = 2", "const goodAnswers = 1"),
	one("nodes that refuse are never tried", "cluster/call.go",
		"		case refuses:", "		case false && refuses:"),
	one("ranks by the order of the list", "cluster/ring.go",
		"		s := mix(seed ^ key)", "		s := mix(uint64(i) ^ key)\n		_ = seed"),

	// The drivers.
	one("scs: snapshot keyed by token alone", "scsstore/snapshots.go",
		"func requestOf(ctx context.Context) request {\n	done := ctx.Done()", "var everybody = make(chan struct{})\n\nfunc requestOf(context.Context) request {\n	var done <-chan struct{} = everybody"),
	one("scs: an outage is not found", "scsstore/store.go",
		"	if errors.Is(err, cluster.ErrNotFound) {\n		return nil, false, nil\n	}", "	if err != nil {\n		return nil, false, nil\n	}"),
	one("scs: a commit after a logout fails", "scsstore/store.go",
		"	if errors.Is(err, cluster.ErrDestroyed) {\n		return nil\n	}", ""),
	one("gorilla: a session that was not loaded is saved", "gorillastore/save.go",
		"	if t.failed != nil {\n		return", "	if false {\n		return"),
	one("gorilla: the old id lives on after a renewal", "gorillastore/save.go",
		"		if err := s.cluster.Delete(ctx, old.Key()); err != nil {", "		if err := error(nil); err != nil {"),
	one("serializer: any key looks like its text", "serializer/keys.go",
		"	return otherKey + string(e.buf), nil", "	return stringKey + string(e.buf), nil"),
}
