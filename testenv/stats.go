package testenv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// This file decides what the embedded server tells about itself and its items.

// embeddedVersion names the memcached whose behaviour the embedded server has.
const embeddedVersion = "1.6.18-embedded"

func (c *conversation) stats(st *store, now int64) {
	line := func(name string, value any) { c.say("STAT %s %v", name, value) }
	line("pid", os.Getpid())
	line("uptime", now-st.started)
	line("time", now)
	line("version", embeddedVersion)
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

// dump answers lru_crawler metadump: a line for each live item, its key percent-encoded.
func (c *conversation) dump(st *store, now int64) {
	for e := st.byUse.Back(); e != nil; {
		it := e.Value.(*item)
		e = e.Prev()
		if st.peek(it.key, now) == nil {
			continue
		}
		expires, fetched := int64(-1), "no"
		if it.expires != 0 {
			expires = it.expires
		}
		if it.fetched {
			fetched = "yes"
		}
		// These lines alone end without a carriage return.
		c.reply = fmt.Appendf(c.reply, "key=%s exp=%d la=%d cas=%d fetch=%s cls=1 size=%d\n",
			escape(it.key), expires, it.stored, it.cas, fetched, it.size())
	}
	c.say("END")
}

// escape leaves what RFC 3986 calls unreserved and percent-encodes the rest.
func escape(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		ch := key[i]
		switch {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', strings.IndexByte("-_.~", ch) >= 0:
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "%%%02X", ch)
		}
	}
	return b.String()
}
