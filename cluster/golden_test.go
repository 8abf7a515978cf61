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

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file tests that sessions outlive the program that wrote them: records of format 1, as nodes
// hold them (package record, testdata/format1).

// golden is one record of an earlier version, and the session that it holds.
type golden struct {
	What       string // its shape
	ID         string // of the session
	Prefix     string // Config.KeyPrefix
	SealKeys   []string
	Bytes      []byte
	Destroyed  bool
	Deadline   int64 // ms since 1970
	Attributes []struct {
		Name    []byte
		Removed bool
		Value   []byte
	}
}

// goldens are all records of a format.
func goldens(t *testing.T, format int) (all []golden) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("internal/record/testdata/format%d/records.json", format))
	if err != nil {
		t.Fatal(err)
	}
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
		keys = append(keys, []byte(strings.Repeat(name+"-", record.SealKeySize)[:record.SealKeySize]))
	}
	return keys
}

// A rolling deploy finds them on the nodes: both copies, or, after a restart, one.
func TestSessionsOfFormat1LiveOn(t *testing.T) {
	for _, g := range goldens(t, 1) {
		for _, copies := range []int{1, 2} {
			story(t, 3, func(w *world) {
				for _, n := range w.preference(g.ID)[:copies] {
					n.Set(record.KeyOf(g.ID).Name(g.Prefix), g.Bytes)
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
