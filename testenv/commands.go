package testenv

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// This file decides what each command does to the store and what it answers.

// noreplyIn notes a trailing noreply, which silences errors as well.
func (c *conversation) noreplyIn(words []string) bool {
	c.noreply = words[len(words)-1] == "noreply"
	return c.noreply
}

func anyTooLong(keys []string) bool {
	for _, key := range keys {
		if len(key) > maxKey {
			return true
		}
	}
	return false
}

func (c *conversation) value(it *item, withCAS bool) {
	c.reply = fmt.Appendf(c.reply, "VALUE %s %d %d", it.key, it.flags, len(it.value))
	if withCAS {
		c.reply = fmt.Appendf(c.reply, " %d", it.cas)
	}
	c.reply = append(c.reply, "\r\n"...)
	c.reply = append(c.reply, it.value...)
	c.reply = append(c.reply, "\r\n"...)
}

func (c *conversation) get(verb string, keys []string) bool {
	if anyTooLong(keys) {
		return c.say1(verb, badFormat)
	}
	return c.apply(verb, keys, func(st *store, now int64) {
		for _, key := range keys {
			st.counts["cmd_get"]++
			it := st.use(key, now)
			if it == nil {
				st.counts["get_misses"]++
				continue
			}
			st.counts["get_hits"]++
			c.value(it, verb == "gets")
		}
		c.say("END")
	})
}

func (c *conversation) getAndTouch(verb, until string, keys []string) bool {
	exp, ok := parseInt32(until)
	if !ok {
		return c.say1(verb, "CLIENT_ERROR invalid exptime argument")
	}
	if anyTooLong(keys) {
		return c.say1(verb, badFormat)
	}
	return c.apply(verb, keys, func(st *store, now int64) {
		for _, key := range keys {
			st.counts["cmd_touch"]++
			st.counts["cmd_get"]++
			it := st.use(key, now)
			if it == nil {
				st.counts["get_misses"]++
				continue
			}
			st.counts["get_hits"]++
			it.expires = expiry(exp, now)
			c.value(it, verb == "gats")
		}
		c.say("END")
	})
}

func (c *conversation) touch(words []string) bool {
	c.noreplyIn(words)
	exp, ok := parseInt32(words[2])
	switch {
	case len(words[1]) > maxKey:
		return c.say1(words[0], badFormat)
	case !ok:
		return c.say1(words[0], "CLIENT_ERROR invalid exptime argument")
	}
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		st.counts["cmd_touch"]++
		it := st.use(words[1], now)
		if it == nil {
			c.say("NOT_FOUND")
			return
		}
		it.expires = expiry(exp, now)
		c.say("TOUCHED")
	})
}

// change answers set, add, replace, append, prepend and cas.
func (c *conversation) change(words []string) bool {
	verb, key := words[0], words[1]
	c.noreplyIn(words)
	flags, ok1 := parseUint32(words[2])
	exp, ok2 := parseInt32(words[3])
	length, ok3 := parseInt32(words[4])
	ok3 = ok3 && length >= 0 && length <= math.MaxInt32-2
	var cas uint64
	ok4 := true
	if verb == "cas" {
		cas, ok4 = parseUint(words[5])
	}
	if len(key) > maxKey || !ok1 || !ok2 || !ok3 || !ok4 {
		return c.say1(verb, badFormat)
	}

	if itemSize(key, flags, int(length)) > c.server.maxItem {
		// Known before the value is read, so that it need not be kept.
		open := c.apply(verb, words[1:2], func(st *store, now int64) {
			st.counts["store_too_large"]++
			c.refused(st, verb, key, now, "SERVER_ERROR object too large for cache")
		})
		if !open {
			return false
		}
		_, err := io.CopyN(io.Discard, c.r, int64(length)+2)
		return err == nil
	}
	value := make([]byte, length+2)
	if _, err := io.ReadFull(c.r, value); err != nil {
		return false
	}
	if !bytes.HasSuffix(value, []byte("\r\n")) {
		return c.say1(verb, "CLIENT_ERROR bad data chunk")
	}
	value = value[:length:length]
	return c.apply(verb, words[1:2], func(st *store, now int64) {
		st.counts["cmd_set"]++
		switch st.change(verb, key, value, flags, exp, cas, now) {
		case stored:
			c.say("STORED")
		case notStored, tooLarge:
			// Too large by appending: what was there stays.
			c.say("NOT_STORED")
		case exists:
			c.say("EXISTS")
		case notFound:
			c.say("NOT_FOUND")
		case outOfMemory:
			st.counts["store_no_memory"]++
			c.refused(st, verb, key, now, "SERVER_ERROR out of memory storing object")
		}
	})
}

// refused answers a change for which there is no room. A refused set takes the
// old value with it, so that nobody goes on reading what was meant to be replaced.
func (c *conversation) refused(st *store, verb, key string, now int64, reason string) {
	if old := st.peek(key, now); old != nil && verb == "set" {
		st.remove(old)
	}
	c.say("%s", reason)
}

func (c *conversation) delete(words []string) bool {
	if len(words) > 2 {
		zero, silent := words[2] == "0", c.noreplyIn(words)
		if len(words) == 3 && !zero && !silent || len(words) == 4 && !(zero && silent) {
			return c.say1(words[0], badFormat+".  Usage: delete <key> [noreply]")
		}
	}
	if len(words[1]) > maxKey {
		return c.say1(words[0], badFormat)
	}
	return c.apply(words[0], words[1:2], func(st *store, now int64) {
		it := st.peek(words[1], now)
		if it == nil {
			st.counts["delete_misses"]++
			c.say("NOT_FOUND")
			return
		}
		st.counts["delete_hits"]++
		st.remove(it)
		c.say("DELETED")
	})
}

func (c *conversation) delta(words []string) bool {
	verb, key := words[0], words[1]
	c.noreplyIn(words)
	by, ok := parseUint(words[2])
	switch {
	case len(key) > maxKey:
		return c.say1(verb, badFormat)
	case !ok:
		return c.say1(verb, "CLIENT_ERROR invalid numeric delta argument")
	}
	return c.apply(verb, words[1:2], func(st *store, now int64) {
		text, found, numeric := st.delta(key, by, verb == "decr", now)
		switch {
		case !found:
			c.say("NOT_FOUND")
		case !numeric:
			c.say("CLIENT_ERROR cannot increment or decrement non-numeric value")
		default:
			c.say("%s", text)
		}
	})
}

func (c *conversation) flush(words []string) bool {
	var delay int32
	silent := len(words) > 1 && c.noreplyIn(words)
	if silent && len(words) == 3 || !silent && len(words) > 1 {
		var ok bool
		if delay, ok = parseInt32(words[1]); !ok {
			return c.say1(words[0], "CLIENT_ERROR invalid exptime argument")
		}
	}
	return c.apply(words[0], nil, func(st *store, now int64) {
		st.counts["cmd_flush"]++
		st.flush(delay, now)
		c.say("OK")
	})
}

// parseInt32 reads a number as memcached does with C's strtol: blanks before it
// and anything after a blank behind it are ignored, and so are the upper bits of
// one that has more than 32.
func parseInt32(s string) (int32, bool) {
	n, err := strconv.ParseInt(number(s), 10, 64)
	return int32(n), err == nil
}

func parseUint32(s string) (uint32, bool) {
	n, ok := parseUint(s)
	return uint32(n), ok
}

func parseUint(s string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(number(s), "+"), 10, 64)
	return n, err == nil
}

func number(s string) string {
	const space = " \t\n\v\f\r"
	s = strings.TrimLeft(s, space)
	if end := strings.IndexAny(s, space); end >= 0 {
		s = s[:end]
	}
	return s
}
