package testenv

import (
	"os"
	"strconv"
)

// This file decides what the embedded server tells about itself.

// embeddedVersion names the memcached whose behaviour the embedded server has.
const embeddedVersion = "1.6.18-embedded"

func (c *conversation) stats(st *store, now int64) {
	line := func(name string, value any) { c.say("STAT %s %v", name, value) }
	line("pid", os.Getpid())
	line("uptime", now-st.started)
	line("time", now)
	line("version", c.server.versionLocked())
	line("pointer_size", strconv.IntSize)
	line("curr_connections", len(c.server.conns))
	line("total_connections", st.totalConns)
	for _, name := range countNames {
		line(name, st.counts[name])
	}
	line("limit_maxbytes", st.limit)
	line("threads", 1)
	line("bytes", st.used)
	line("curr_items", len(st.items))
	line("total_items", st.totalItems)
	line("evictions", st.evictions)
	c.say("END")
}

// countNames are the counters of commands, in the order in which stats shows them.
var countNames = []string{
	"cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "get_hits", "get_misses",
	"delete_misses", "delete_hits", "cas_misses", "cas_hits", "cas_badval",
	"store_too_large", "store_no_memory",
}
