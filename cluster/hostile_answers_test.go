package cluster

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file lists what a hostile node may say: every answer of memcached's text protocol, and
// what is close to it, to every command.

// lines are the one-line answers of memcached, wherever they belong.
var lines = []string{
	"STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "OK", "END", "ERROR", "CLIENT_ERROR bad command line format",
	"CLIENT_ERROR line format", "SERVER_ERROR object too large for cache", "SERVER_ERROR out of memory storing object",
	"SERVER_ERROR out of memory reading request", "SERVER_ERROR x", "SERVER_ERROR", "VERSION 1.6.38", "RESET", "BUSY", "HD", "EN", "MN", "", "7", "stored",
	"STORED STORED", " STORED", "\x80\x81", "HTTP/1.1 400 Bad Request", "-ERR unknown command", "VALUE", "VALUE %s", "VALUE %s 0", "VALUE %s 0 -1 1",
}

// said are the lines as lies.
func said(obeys bool) (all []lie) {
	for _, line := range lines {
		all = append(all, lie{name: fmt.Sprintf("%q", line), raw: line + "\r\n", obeys: obeys})
	}
	return all
}

// endings are answers that do not end as they should.
var endings = []lie{
	{name: "silence", then: fallsSilent},
	{name: "closes", then: hangsUp},
	{name: "two answers", raw: "STORED\r\nSTORED\r\n"},
	{name: "two misses", raw: "END\r\nEND\r\n"},
	{name: "two versions", raw: "VERSION 1.6.38\r\nVERSION 1.6.38\r\n"},
	{name: "half an answer, then silence", raw: "STOR", then: fallsSilent},
	{name: "half a miss, then silence", raw: "EN", then: fallsSilent},
	{name: "half an answer, then closes", raw: "STOR", then: hangsUp},
	{name: "an answer, then closes", raw: "STORED\r\n", then: hangsUp},
	{name: "a miss, then closes", raw: "END\r\n", then: hangsUp},
	{name: "no carriage return", raw: "STORED\n"},
	{name: "a line without end", raw: strings.Repeat("STORED ", 1000), then: fallsSilent},
	{name: "a huge length, then silence", raw: "VALUE %s 0 4000000000 1\r\nx", then: fallsSilent},
	{name: "a large length, then silence", raw: "VALUE %s 0 2000000 1\r\nx", then: fallsSilent},
	{name: "a large length, then closes", raw: "VALUE %s 0 2000000 1\r\nx", then: hangsUp},
	{name: "a length beyond all numbers", raw: "VALUE %s 0 99999999999999999999999 1\r\nx\r\nEND\r\n"},
	{name: "half a value, then silence", raw: "VALUE %s 0 100 1\r\nhalf", then: fallsSilent},
	{name: "half a value, then closes", raw: "VALUE %s 0 100 1\r\nhalf", then: hangsUp},
	{name: "a value without an end", raw: "VALUE %s 0 1 1\r\nx\r\n", then: fallsSilent},
	{name: "another key's name", raw: "VALUE other 0 1 1\r\nx\r\nEND\r\n"},
	{name: "the key twice", raw: "VALUE %s 0 1 1\r\nx\r\nVALUE %s 0 1 1\r\nx\r\nEND\r\n"},
	{name: "another key beside it", raw: "VALUE %s 0 1 1\r\nx\r\nVALUE other 0 1 1\r\nx\r\nEND\r\n"},
	{name: "a value of another length", raw: "VALUE %s 0 2 1\r\nxxxxx\r\nEND\r\n"},
	{name: "a value that is a command", raw: "VALUE %s 0 8 1\r\nEND\r\nEND\r\nEND\r\n"},
}

// shownCopies are copies that may be shown wherever records are sealed or not.
var shownCopies = []lie{
	{name: "the true copy, a new token each time", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { return b })},
	{name: "a copy without a token", copy: func(h *hostileNode, q question) ([]byte, int, string) { return h.latest(q), 0, "" }},
	{name: "CAS 0", copy: func(h *hostileNode, q question) ([]byte, int, string) { return h.latest(q), 0, " 0" }},
	{name: "a token that is none", copy: func(h *hostileNode, q question) ([]byte, int, string) { return h.latest(q), 0, " x" }},
	{name: "the highest token", copy: func(h *hostileNode, q question) ([]byte, int, string) {
		return h.latest(q), 0, " 18446744073709551615"
	}},
	{name: "an orphan", copy: func(h *hostileNode, q question) ([]byte, int, string) { return h.latest(q), memcached.OrphanFlag, " 1" }},
	{name: "old copies, one by one", copy: oldCopies},
	{name: "the first copy", copy: func(h *hostileNode, q question) ([]byte, int, string) {
		if c := h.on(q.key); len(c.before) > 0 {
			return c.before[0], 0, " 1"
		}
		return nil, 0, ""
	}},
	{name: "the first copy, as an orphan", copy: func(h *hostileNode, q question) ([]byte, int, string) {
		if c := h.on(q.key); len(c.before) > 0 {
			return c.before[0], memcached.OrphanFlag, fmt.Sprint(" ", h.newToken())
		}
		return nil, 0, ""
	}},
	{name: "now a miss, now the first copy", copy: func(h *hostileNode, q question) ([]byte, int, string) {
		if c := h.on(q.key); len(c.before) > 0 && h.answered%2 == 0 {
			return c.before[0], 0, fmt.Sprint(" ", h.newToken())
		}
		return nil, 0, ""
	}},
	{name: "another key's copy", copy: anothers},
	{name: "a later version", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { return newerVersion(b) })},
	{name: "a later version under every key", copy: forgedBytes(func(_ *hostileNode, b []byte) []byte { return newerVersion(b) })},
	{name: "an unknown seal key", copy: func(h *hostileNode, q question) ([]byte, int, string) {
		b, err := liveAt(1<<41, value("user", "eve", 9)).Encode(hashOf(q.key), h.seal)
		if err != nil {
			panic(err)
		}
		return b, 0, fmt.Sprint(" ", h.newToken())
	}},
	{name: "a broken seal", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { return tamperedSeal(b) })},
	{name: "a damaged copy", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { b[len(b)/2] ^= 4; return b })},
	{name: "a copy that is cut short", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { return b[:len(b)/2] })},
	{name: "garbage", copy: func(h *hostileNode, _ question) ([]byte, int, string) { return []byte("garbage"), 0, " 1" }},
	{name: "an empty value", copy: func(h *hostileNode, _ question) ([]byte, int, string) { return []byte{}, 0, " 1" }},
	{name: "a large value of nothing", copy: func(h *hostileNode, _ question) ([]byte, int, string) { return make([]byte, 100_000), 0, " 1" }},
	{name: "the true copy, then silence", copy: with(func(_ *hostileNode, _ question, b []byte) []byte { return b }), raw: "EN", then: fallsSilent},
}

// forgedBytes shows what is made of a plain record, under every key.
func forgedBytes(change func(h *hostileNode, b []byte) []byte) func(*hostileNode, question) ([]byte, int, string) {
	show := invented(func(now time.Time) *record.Record {
		return liveAt(now.Add(time.Hour).UnixMilli(), value("user", "eve", 9))
	})
	return func(h *hostileNode, q question) ([]byte, int, string) {
		b, flags, cas := show(h, q)
		return change(h, b), flags, cas
	}
}

// evil is a record of an attacker, with timestamps so far ahead.
func evil(now time.Time, ahead time.Duration, deadline int64, attrs ...string) *record.Record {
	values := map[string][]byte{}
	for _, name := range attrs {
		values[name] = []byte("evil")
	}
	return record.Change(nil, values, deadline, record.Timestamp{Clock: now.Add(ahead).UnixMicro(), Writer: 666})
}

// evilNames are those of many attributes.
func evilNames() (names []string) {
	for i := range 3_000 {
		names = append(names, string([]byte{byte(i / 200), byte(i % 200)}))
	}
	return names
}

// plainly are records that whoever holds a node can make where records are not sealed. Sealed,
// they are copies that cannot be opened.
var plainly = []lie{
	{name: "a plain record", why: isForged, copy: invented(func(now time.Time) *record.Record { return evil(now, 0, now.Add(time.Hour).UnixMilli(), "a") })},
	{name: "a clock hours ahead", why: isForged, copy: invented(func(now time.Time) *record.Record {
		return evil(now, 20*time.Hour, now.Add(time.Hour).UnixMilli(), "a")
	})},
	// These are damage, and so no better than garbage.
	{name: "a clock years ahead", copy: invented(func(now time.Time) *record.Record {
		return evil(now, 3*365*24*time.Hour, now.Add(time.Hour).UnixMilli(), "a")
	})},
	{name: "the last clock of all", copy: invented(func(now time.Time) *record.Record {
		last := record.Timestamp{Clock: math.MaxInt64, Writer: 666}
		return record.Change(nil, map[string][]byte{"a": []byte("evil")}, now.Add(time.Hour).UnixMilli(), last)
	})},
	{name: "a tombstone with the last clock of all", copy: inventedBytes(func(now time.Time, key record.Key) []byte {
		b := append([]byte("h\x01\x01"), key[:16]...)
		for _, n := range []int64{math.MaxInt64, 0, now.Add(time.Hour).UnixMilli()} { // newest clock, watermark, deadline
			b = binary.AppendUvarint(b, uint64(n))
		}
		return sealed(b)
	})},
	{name: "a GC watermark at the last clock of all", copy: invented(func(now time.Time) *record.Record {
		return collectedUpTo(evil(now, 0, now.Add(time.Hour).UnixMilli(), "a"), math.MaxInt64)
	})},
	{name: "a deadline in the year 9999", why: isForged, copy: invented(func(now time.Time) *record.Record { return evil(now, time.Second, record.MaxDeadline, "a") })},
	{name: "a deadline that has passed", why: isForged, copy: invented(func(now time.Time) *record.Record { return evil(now, time.Second, 1) })},
	{name: "a tombstone", why: isForged, copy: invented(func(now time.Time) *record.Record { return record.Tombstone(now.Add(time.Hour).UnixMilli()) })},
	{name: "a tombstone for ever", why: isForged, copy: invented(func(now time.Time) *record.Record { return record.Tombstone(record.MaxDeadline) })},
	{name: "a GC watermark above everything", why: isForged, copy: invented(func(now time.Time) *record.Record {
		s := evil(now, time.Hour, now.Add(time.Hour).UnixMilli())
		return collectedUpTo(s, s.Newest())
	})},
	{name: "many removed attributes", why: isForged, copy: invented(func(now time.Time) *record.Record {
		end := now.Add(time.Hour).UnixMilli()
		s := evil(now, time.Second, end, evilNames()...)
		return record.Change(s, nil, end, s.NextTimestamp(now, 666))
	})},
	{name: "many attributes without a value", why: isForged, copy: invented(func(now time.Time) *record.Record {
		end, values := now.Add(time.Hour).UnixMilli(), map[string][]byte{}
		for _, name := range evilNames() {
			values[name] = nil
		}
		return record.Change(nil, values, end, record.Timestamp{Clock: now.Add(time.Second).UnixMicro(), Writer: 666})
	})},
}

// readLies, writeLies and versionLies are all the ways to answer one kind of
// command. Those of a write are obeyed or not.
func readLies() []lie {
	all := append([]lie{truth}, shownCopies...)
	return append(append(append(all, plainly...), said(false)...), endings...)
}

func writeLies() []lie {
	all := append([]lie{truth}, said(false)...)
	for _, l := range said(true) {
		l.name += ", and obeys"
		all = append(all, l)
	}
	for _, l := range endings {
		all = append(all, l)
		l.name, l.obeys = l.name+", and obeys", true
		all = append(all, l)
	}
	return all
}

func versionLies() []lie { return append(append([]lie{truth}, said(false)...), endings...) }
