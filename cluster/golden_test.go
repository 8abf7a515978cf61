package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

// This file decides what must stay readable for ever: records of format 1, as nodes hold them
// (testdata/format1; make_test.go there tells how they were made).

// golden is one record of an earlier version, and what is in it.
type golden struct {
	What     string // its shape
	ID       string // of the session
	Prefix   string // Config.KeyPrefix
	SealKeys []string
	Bytes    []byte

	Destroyed     bool
	Deadline      int64 // ms since 1970
	DeadlineClock int64 // µs since 1970
	DeadlineBy    uint64
	Floor         int64
	Attributes    []struct {
		Name    []byte
		Clock   int64
		Writer  uint64
		Removed bool
		Value   []byte
	}
}

// goldens are all records of a format.
func goldens(t *testing.T, format int) []golden {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("testdata/format%d/records.json", format))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for lines := json.NewDecoder(bytes.NewReader(b)); ; {
		var g golden
		if err := lines.Decode(&g); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
}

// keys are the seal keys by their names.
func (g *golden) keys() (keys [][]byte) {
	for _, name := range g.SealKeys {
		keys = append(keys, []byte(strings.Repeat(name+"-", sealKeySize)[:sealKeySize]))
	}
	return keys
}

// record is what the bytes say.
func (g *golden) record() *stored {
	if g.Destroyed {
		return &stored{destroyed: true, deadline: g.Deadline}
	}
	s := &stored{deadline: g.Deadline, dstamp: stamp{g.DeadlineClock, g.DeadlineBy}, floor: g.Floor}
	for _, a := range g.Attributes {
		s.attrs = append(s.attrs, attribute{string(a.Name), stamp{a.Clock, a.Writer}, a.Removed, a.Value})
	}
	return s
}

func TestRecordsOfFormat1AreReadAsTheyWereWritten(t *testing.T) {
	for _, g := range goldens(t, 1) {
		seal, err := newSealer(g.keys(), false)
		if err != nil {
			t.Fatal(err)
		}
		if seal != nil {
			seal.prefix = g.Prefix
		}
		got, err := decode(g.Bytes, hashKey(g.ID), seal, time.UnixMilli(g.Deadline))
		if err != nil || !sameRecord(got, g.record()) {
			t.Errorf("%s (%s): read as %s, %v\nwant %s", g.What, g.ID, show(got), err, show(g.record()))
			continue
		}
		if seal != nil {
			continue // every seal has a nonce of its own
		}
		if again, err := got.encode(hashKey(g.ID), nil); err != nil || !bytes.Equal(again, g.Bytes) {
			t.Errorf("%s (%s): written again as\n%x, %v\nwant\n%x", g.What, g.ID, again, err, g.Bytes)
		}
	}
}

// A rolling deploy finds them on the nodes: both copies, or, after a restart, one.
func TestSessionsOfFormat1LiveOn(t *testing.T) {
	for _, g := range goldens(t, 1) {
		for _, copies := range []int{1, 2} {
			story(t, 3, func(w *world) {
				for _, n := range w.rank(g.ID)[:copies] {
					n.Set(hashKey(g.ID).memcacheKey(g.Prefix), g.Bytes)
				}
				// Most of them ended an hour after their last save.
				now := time.UnixMilli(g.Deadline).Add(-time.Minute)
				c := w.cluster(Config{KeyPrefix: g.Prefix, SealKeys: g.keys(), Now: func() time.Time { return now }})
				g.liveOn(w, c)
			})
		}
	}
}

// liveOn loads the session, changes it, and loads it again.
func (g *golden) liveOn(w *world, c *Cluster) {
	w.Helper()
	rec, err := c.Load(context.Background(), g.ID)
	if g.Destroyed {
		if !errors.Is(err, ErrNotFound) {
			w.Errorf("%s (%s): %v, %v, want ErrNotFound", g.What, g.ID, rec, err)
		}
		return
	}
	if err != nil {
		w.Errorf("%s (%s): %v", g.What, g.ID, err)
		return
	}
	want := map[string][]byte{}
	for _, a := range g.Attributes {
		if !a.Removed {
			want[string(a.Name)] = a.Value
		}
	}
	if !maps.EqualFunc(rec.Attrs, want, bytes.Equal) || rec.Deadline.UnixMilli() != g.Deadline {
		w.Errorf("%s (%s): until %d %q\nwant until %d %q", g.What, g.ID, rec.Deadline.UnixMilli(), rec.Attrs, g.Deadline, want)
	}
	rec.Attrs["added"] = []byte("since")
	want["added"] = []byte("since")
	w.save(c, rec)
	if rec := w.load(c, g.ID); !maps.EqualFunc(rec.Attrs, want, bytes.Equal) {
		w.Errorf("%s (%s): after a change %q\nwant %q", g.What, g.ID, rec.Attrs, want)
	}
}
