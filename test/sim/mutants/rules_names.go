package main

// The rules of how a node's address becomes a connection.

var names = []rule{
	one("addresses of a name have to wait for each other", "waitBetween",
		"return min(left/time.Duration(2*max(attempts, 1)), mostWait)", "return mostWait + 0*left*time.Duration(attempts)"),
	one("a slow resolver is waited for although addresses are known", "(*route).dial",
		"if len(known) == 0 { timer.Stop()", "if true { timer.Stop()"),
	one("what the resolver says during a dial is for the next", "(*route).dial", `
			looking = nil
			if c.isOnCourse() {
				continue
			}`, `
			looking = nil
			if len(c.tried) > 0 {
				continue
			}`),
	one("an address that answers elsewhere is left for a slow connect", "(*route).dial",
		"now != answers && len(c.tried) == 1", "now < answers && len(c.tried) == 1"),
	one("a connection that lost the race stays open", "(*race).try", `
			if nc != nil {
				nc.Close()
			}`, ""),
	one("a resolver that fails takes the addresses away", "(*route).learn",
		"if r.looking, r.err = nil, err; err != nil {", "if r.looking, r.err = nil, err; err != nil { r.known = nil"),
	one("an answer in another order moves the node", "(*route).learn",
		"r.known = append(stay, slices.DeleteFunc(", "r.known = append(stay[:0], slices.DeleteFunc("),
	one("an address that worked is not the first", "(*route).won",
		"r.known = slices.Insert(slices.Delete(r.known, i, i+1), 0, a)", ""),
	one("an address that connects and does not answer stays first", "(*routed).ended",
		"case !c.judged.Swap(true): c.route.lost(c.addr)", "case !c.judged.Swap(true):"),
	one("connections to an address that was left are used", "isAstray",
		"return ok && c.turn != c.route.turn.Load()", "return ok && c.turn > c.route.turn.Load()"),
	one("an address in two ways of writing is two nodes", "CheckNodes",
		"place := placeOf(n.Addr)", "place := n.Addr"),
	one("names that lead to one address are two nodes", "cluster.New",
		"if err := checkPlaces(cfg.Nodes, found); err != nil {", "if err := error(nil); err != nil {"),
	one("nobody asks whether a name leads to several servers", "doorsOf",
		"if len(n.Found) > 1 || near {", "if near {"),
	one("nobody asks whether two addresses of this machine are one server", "doorsOf",
		"if len(n.Found) > 1 || near {", "if near = len(n.Found) > 1; near {"),
	one("a name that comes to lead to several servers is not mentioned", "(*route).learn",
		"if grown && len(r.known) > 1 {", "if false && grown {"),
	one("a name that leads elsewhere by turns is not mentioned", "(*route).leaveLocked",
		"_, back = r.left[next]", ""),
	one("addresses that a name leads to at once are left by turns", "(*route).leaveLocked",
		"r.used.IsValid() && !slices.Contains(r.known, r.used)", "r.used.IsValid()"),
	one("names that become one server are not mentioned", "(*Cluster).besides",
		"o != n && memcached.PortOf(o.Addr) == memcached.PortOf(n.Addr) && o.leadsTo(", "false && o.leadsTo("),
	one("an address that another node has left is shared", "(*Server).LeadsTo",
		"slices.ContainsFunc(found, is)", "(len(found) >= 0 || slices.ContainsFunc(found, is))"),
	one("certificates are read once", "(*fromFiles).get",
		"f.last = time.Now(); before", "return f.current.Load(); before"),
	one("a half-written file is used", "wholePEM",
		`if bytes.Contains(text, []byte("-----BEGIN")) {`, "if bytes.Contains(text, nil) && false {"),
	one("files that cannot be used are mentioned at every handshake", "(*fromFiles).get",
		"case f.err != nil && (changed || before == nil || before.Error() != f.err.Error()):", "case f.err != nil:"),
	one("authorities are read once", "(*TLSFiles).Renew",
		"conf.RootCAs = f.roots.get(log)", "conf.RootCAs = f.first"),
	one("authorities of the app are replaced", "(*TLSFiles).Renew",
		"f.roots != nil && conf.RootCAs == f.first {", "f.roots != nil {"),
	one("a certificate that is refused after the handshake is an odd answer", "abrupt.Read",
		"err = c.shown.explain(err)", ""),
}
