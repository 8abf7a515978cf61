package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// This file made records.json. Put into package cluster at commit b8b6f38 and run with GOLDEN set
// to the name of the file to write, it has that commit save sessions of many shapes over embedded
// nodes, and notes what then lies on them and what that commit reads in it:
//
//	git worktree add ../before b8b6f38
//	cp cluster/internal/record/testdata/format1/make_test.go ../before/cluster/make_golden_test.go
//	cd ../before && GOLDEN=$PWD/records.json go test -count=1 -run TestMakeGolden ./cluster
//
// It is kept to tell how the records came about, not to make them again: they are what nodes hold.

type golden struct {
	What     string   // the shape
	ID       string   // of the session
	Prefix   string   // Config.KeyPrefix
	SealKeys []string `json:",omitempty"` // the names of the keys that open it, the one that sealed it first
	Bytes    []byte   // the record as it lay on the primary

	Destroyed     bool  `json:",omitempty"`
	Deadline      int64 // ms since 1970
	DeadlineClock int64 // of its stamp, µs since 1970
	DeadlineBy    uint64
	Floor         int64             `json:",omitempty"`
	Attributes    []goldenAttribute `json:",omitempty"`
}

type goldenAttribute struct {
	Name    []byte
	Clock   int64
	Writer  uint64
	Removed bool   `json:",omitempty"`
	Value   []byte `json:",omitempty"`
}

func sealKeyNamed(name string) []byte { return []byte(strings.Repeat(name+"-", 32)[:32]) }

func TestMakeGolden(t *testing.T) {
	var all []golden
	story(t, 3, func(w *world) {
		begin := time.Date(2026, 11, 1, 12, 0, 0, 345_678_000, time.UTC)
		var now atomic.Int64 // µs since begin
		writers := uint64(0)
		var sealKeys []string
		prefix := ""
		instance := func() *Cluster {
			writers++
			by := writers * 0x9e3779b97f4a7c15
			cfg := Config{
				KeyPrefix: prefix, Rand: func() uint64 { return by },
				Now: func() time.Time { return begin.Add(time.Duration(now.Load()) * time.Microsecond) },
			}
			for _, name := range sealKeys {
				cfg.SealKeys = append(cfg.SealKeys, sealKeyNamed(name))
			}
			return w.cluster(cfg)
		}
		pass := func(d time.Duration) { now.Add(d.Microseconds()) }
		take := func(what, id string) {
			b, ok := w.rank(id)[0].Get(hashKey(id).memcacheKey(prefix))
			if !ok {
				t.Fatalf("%s: nothing there", what)
			}
			var keys [][]byte
			for _, name := range sealKeys {
				keys = append(keys, sealKeyNamed(name))
			}
			seal, err := newSealer(keys, false)
			if err != nil {
				t.Fatal(err)
			}
			if seal != nil {
				seal.prefix = prefix
			}
			s, err := decode(b, hashKey(id), seal)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			g := golden{
				What: what, ID: id, Prefix: prefix, SealKeys: append([]string(nil), sealKeys...), Bytes: bytes.Clone(b),
				Destroyed: s.destroyed, Deadline: s.deadline, DeadlineClock: s.dstamp.clock, DeadlineBy: s.dstamp.writer, Floor: s.floor,
			}
			for _, a := range s.attrs {
				g.Attributes = append(g.Attributes, goldenAttribute{[]byte(a.name), a.stamp.clock, a.stamp.writer, a.removed, bytes.Clone(a.value)})
			}
			all = append(all, g)
		}
		create := func(id string, lives time.Duration, attrs map[string]string) *Record {
			r := NewRecord(id)
			for name, v := range attrs {
				r.Attrs[name] = []byte(v)
			}
			r.Deadline = begin.Add(time.Duration(now.Load())*time.Microsecond + lives)
			w.save(instance(), r)
			return r
		}
		set := func(c *Cluster, id, name, v string) {
			r := w.load(c, id)
			if r.Attrs[name] = []byte(v); v == "" {
				delete(r.Attrs, name)
			}
			r.Deadline = r.Deadline.Add(time.Minute)
			w.save(c, r)
		}
		shapes := func(kind string) {
			create(kind+"-none", time.Hour, nil)
			take("no attributes", kind+"-none")

			create(kind+"-few", 24*time.Hour, map[string]string{"user": "alice", "cart": "3 apples", "csrf": "\x00\x01\xfe\xff\r\n"})
			take("three attributes, one of bytes", kind+"-few")

			create(kind+"-empty", time.Hour, map[string]string{"": "no name", "empty": ""})
			take("a name and a value that are empty", kind+"-empty")

			create(kind+"-names", time.Hour, map[string]string{"ключ": "значение", "名前": "値", "naïve": "é", "\U0001f36a": "cookie", "a b\tc\n": "blanks", "\xff\xfe": "no UTF-8", "nul\x00": "1"})
			take("names of all sorts", kind+"-names")

			many := map[string]string{}
			for i := range 300 {
				many[fmt.Sprintf("name%03d", i)] = strings.Repeat(string(rune('a'+i%26)), i%7)
			}
			create(kind+"-many", time.Hour, many)
			take("300 attributes", kind+"-many")

			id := kind + "-removed"
			create(id, 12*time.Hour, map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"})
			c := instance()
			pass(3 * time.Second)
			set(c, id, "b", "")
			pass(time.Minute)
			set(c, id, "d", "")
			take("two of four attributes removed", id)
			pass(2 * time.Hour)
			set(c, id, "a", "later")
			take("removals forgotten: a floor above zero", id)
			pass(time.Second)
			set(instance(), id, "c", "")
			pass(time.Second)
			set(instance(), id, "b", "again")
			take("a floor, a removal behind it, and a name that came back", id)

			id = kind + "-writers"
			create(id, time.Hour, map[string]string{"w000": "0"})
			for i := range 80 {
				pass(1500 * time.Microsecond)
				set(instance(), id, fmt.Sprintf("w%03d", i%70), fmt.Sprint("by ", i))
			}
			take("80 writers", id)

			id = kind + "-big"
			big := make([]byte, 20_000)
			for i := range big {
				big[i] = byte(i * i >> 3)
			}
			create(id, time.Hour, map[string]string{"big": string(big), "small": "1"})
			take("20,000 bytes in one value", id)

			r := NewRecord(kind + "-far")
			r.Attrs["forever"] = []byte("yes")
			r.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
			w.save(instance(), r)
			take("the farthest deadline, the last ms of the year 9999", kind+"-far")
			create(kind+"-year", 366*24*time.Hour, map[string]string{"a": "1"})
			take("a deadline in a year", kind+"-year")

			create(kind+"-gone", 36*time.Hour, map[string]string{"user": "bob"})
			w.delete(instance(), kind+"-gone")
			take("destroyed", kind+"-gone")
			w.delete(instance(), kind+"-never")
			take("destroyed before it was there", kind+"-never")
		}
		shapes("plain")
		prefix = "shop:"
		create("prefixed", time.Hour, map[string]string{"a": "1"})
		take("under a prefix", "prefixed")
		prefix, sealKeys = "", []string{"one"}
		shapes("sealed")
		prefix, sealKeys = "shop:", []string{"one"}
		create("sealed-prefixed", time.Hour, map[string]string{"a": "1"})
		take("sealed under a prefix, which is part of the seal", "sealed-prefixed")
		prefix, sealKeys = "", []string{"two", "one"}
		create("sealed-two", time.Hour, map[string]string{"a": "1", "b": "2"})
		take("sealed with the second key after a rotation", "sealed-two")
		set(instance(), "sealed-few", "cart", "4 apples")
		take("sealed with the first key, and again with the second", "sealed-few")
		w.delete(instance(), "sealed-names")
		take("destroyed, sealed with the second key", "sealed-names")
	})
	var out bytes.Buffer
	for _, g := range all { // a record a line
		if err := json.NewEncoder(&out).Encode(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(os.Getenv("GOLDEN"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records, %d bytes", len(all), out.Len())
}
