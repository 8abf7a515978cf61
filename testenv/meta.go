package testenv

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
)

// This file decides how the embedded server answers the meta commands mg, ms, md, me and mn. It
// knows the flags that a client of sessions can use, and answers to all others as memcached does
// to those that it does not know.

const badToken = "CLIENT_ERROR bad token in command line format"

// flagsOf checks the flags of a meta command. Known are those that may be there.
func flagsOf(flags []string, known, invalid, duplicate string) (problem string) {
	seen := ""
	for _, f := range flags {
		switch name := f[:1]; {
		case strings.Contains(seen, name):
			return duplicate
		case !strings.Contains(known, name):
			return invalid
		default:
			seen += name
		}
	}
	for _, f := range flags {
		if f[0] == 'O' && len(f) > 32 {
			return "CLIENT_ERROR opaque token too long"
		}
	}
	return ""
}

func has(flags []string, name byte) bool {
	_, there := argument(flags, name)
	return there
}

// argument returns what stands behind the letter of a flag.
func argument(flags []string, name byte) (string, bool) {
	for _, f := range flags {
		if f[0] == name {
			return f[1:], true
		}
	}
	return "", false
}

// meta words the answer to a meta command: its code and those of the flags that return something,
// in the order in which they were sent.
func (c *conversation) meta(code string, flags []string, returned func(flag byte) string) {
	c.reply = append(c.reply, code...)
	for _, f := range flags {
		text := returned(f[0])
		if f[0] == 'O' {
			text = f
		}
		if text != "" {
			c.reply = append(append(c.reply, ' '), text...)
		}
	}
	c.reply = append(c.reply, "\r\n"...)
}

// keyOnly returns what the flag k does.
func keyOnly(key string) func(byte) string {
	return func(flag byte) string {
		if flag == 'k' {
			return "k" + key
		}
		return ""
	}
}

// metaGet answers mg.
func (c *conversation) metaGet(words []string) bool {
	key, flags := words[1], words[2:]
	if len(key) > maxKey {
		return c.say1(words[0], badFormat)
	}
	if problem := flagsOf(flags, "kctsfvquO", "CLIENT_ERROR invalid flag", "CLIENT_ERROR duplicate flag"); problem != "" {
		return c.say1(words[0], problem)
	}
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		st.counts["cmd_get"]++
		look := st.use
		if has(flags, 'u') {
			look = st.peek
		}
		it := look(key, now)
		if it == nil {
			st.counts["get_misses"]++
			if !has(flags, 'q') {
				c.meta("EN", flags, keyOnly(key))
			}
			return
		}
		st.counts["get_hits"]++
		code := "HD"
		if has(flags, 'v') {
			code = fmt.Sprintf("VA %d", len(it.value))
		}
		c.meta(code, flags, func(flag byte) string {
			switch flag {
			case 'k':
				return "k" + key
			case 'c':
				return fmt.Sprintf("c%d", it.cas)
			case 't':
				if it.expires == 0 {
					return "t-1"
				}
				return fmt.Sprintf("t%d", it.expires-now)
			case 's':
				return fmt.Sprintf("s%d", len(it.value))
			case 'f':
				return fmt.Sprintf("f%d", it.flags)
			}
			return ""
		})
		if has(flags, 'v') {
			c.reply = append(append(c.reply, it.value...), "\r\n"...)
		}
	})
}

// metaSet answers ms.
func (c *conversation) metaSet(words []string) bool {
	key := words[1]
	if len(words) < 3 || len(key) > maxKey {
		return c.say1(words[0], badFormat)
	}
	length, ok := parseInt32(words[2])
	if !ok || length < 0 || length > math.MaxInt32-2 {
		return c.say1(words[0], badFormat)
	}
	flags := words[3:]
	w, problem := metaWriteOf(flags)
	if problem != "" || itemSize(key, w.flags, int(length)) > c.server.maxItem {
		open := c.apply(words[0], words[1:2], func(st *store, now int64) {
			if problem == "" {
				st.counts["store_too_large"]++
				problem = "SERVER_ERROR object too large for cache"
				if old := st.peek(key, now); old != nil {
					st.remove(old)
				}
			}
			c.say("%s", problem)
		})
		_, err := io.CopyN(io.Discard, c.r, int64(length)+2)
		return open && err == nil
	}
	value := make([]byte, length+2)
	if _, err := io.ReadFull(c.r, value); err != nil {
		return false
	}
	if !bytes.HasSuffix(value, []byte("\r\n")) {
		return c.say1(words[0], "CLIENT_ERROR bad data chunk")
	}
	value = value[:length:length]
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		st.counts["cmd_set"]++
		code, cas := "", uint64(0)
		switch st.change(w.verb, key, value, w.flags, w.exp, w.cas, now) {
		case stored:
			code, cas = "HD", 0
			if it := st.items[key]; it != nil {
				cas = it.cas
			}
		case notStored, tooLarge:
			code = "NS"
		case exists:
			code = "EX"
		case notFound:
			code = "NF"
		case outOfMemory:
			st.counts["store_no_memory"]++
			c.refused(st, w.verb, key, now, "SERVER_ERROR out of memory storing object")
			return
		}
		if code == "HD" && has(flags, 'q') {
			return
		}
		c.meta(code, flags, func(flag byte) string {
			if flag == 'c' {
				return fmt.Sprintf("c%d", cas)
			}
			return keyOnly(key)(flag)
		})
	})
}

// metaWrite is what the flags of an ms say.
type metaWrite struct {
	verb  string // of the command of old that does the same
	flags uint32
	exp   int32
	cas   uint64
}

func metaWriteOf(flags []string) (w metaWrite, problem string) {
	if problem := flagsOf(flags, "TFCkcqOM", "CLIENT_ERROR invalid flag", "CLIENT_ERROR duplicate flag"); problem != "" {
		return w, problem
	}
	w.verb = "set"
	for _, f := range flags {
		var ok bool
		switch f[0] {
		case 'T':
			if w.exp, ok = parseInt32(f[1:]); !ok {
				return w, badToken
			}
		case 'F':
			if w.flags, ok = parseUint32(f[1:]); !ok {
				return w, badFormat
			}
		case 'C':
			if w.cas, ok = parseUint(f[1:]); !ok {
				return w, badToken
			}
			w.verb = "cas"
		case 'M':
			if len(f) != 2 {
				return w, "CLIENT_ERROR incorrect length for M token"
			}
			verb, known := map[string]string{"ME": "add", "MA": "append", "MP": "prepend", "MR": "replace", "MS": "set"}[f]
			if !known {
				return w, "CLIENT_ERROR invalid mode for ms M token"
			}
			if w.verb != "cas" {
				w.verb = verb
			}
		}
	}
	return w, ""
}

// metaDelete answers md.
func (c *conversation) metaDelete(words []string) bool {
	const invalid = "CLIENT_ERROR invalid or duplicate flag"
	key, flags := words[1], words[2:]
	if len(key) > maxKey {
		return c.say1(words[0], badFormat)
	}
	if flagsOf(flags, "CkqO", invalid, invalid) != "" {
		return c.say1(words[0], invalid)
	}
	var cas uint64
	text, byCAS := argument(flags, 'C')
	if byCAS {
		var ok bool
		if cas, ok = parseUint(text); !ok {
			return c.say1(words[0], invalid)
		}
	}
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		it, code := st.peek(key, now), "HD"
		switch {
		case it == nil:
			st.counts["delete_misses"]++
			code = "NF"
		case byCAS && it.cas != cas:
			code = "EX"
		default:
			st.counts["delete_hits"]++
			st.remove(it)
			if has(flags, 'q') {
				return
			}
		}
		c.meta(code, flags, keyOnly(key))
	})
}

// metaDebug answers me, which is no use of the item.
func (c *conversation) metaDebug(words []string) bool {
	if len(words) != 2 || len(words[1]) > maxKey {
		return c.say1(words[0], badFormat)
	}
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		it := st.peek(words[1], now)
		if it == nil {
			c.say("EN")
			return
		}
		expires := int64(-1)
		if it.expires != 0 {
			expires = now - it.expires // so it is: what is left, with a minus before it
		}
		c.say("ME %s exp=%d la=%d cas=%d fetch=%s cls=%d size=%d",
			it.key, expires, now-it.stored, it.cas, yesOrNo(it.fetched), classOf(it.size()), it.size())
	})
}
