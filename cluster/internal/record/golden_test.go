package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		keys = append(keys, []byte(strings.Repeat(name+"-", SealKeySize)[:SealKeySize]))
	}
	return keys
}

// record is what the bytes say.
func (g *golden) record() *Record {
	if g.Destroyed {
		return &Record{tombstone: true, deadline: g.Deadline}
	}
	s := &Record{deadline: g.Deadline, deadlineSet: Timestamp{g.DeadlineClock, g.DeadlineBy}, watermark: g.Floor}
	for _, a := range g.Attributes {
		s.attrs = append(s.attrs, attribute{name: string(a.Name), timestamp: Timestamp{a.Clock, a.Writer}, tombstone: a.Removed, value: a.Value})
	}
	return s
}

func TestRecordsOfFormat1AreReadAsTheyWereWritten(t *testing.T) {
	for _, g := range goldens(t, 1) {
		var nonce io.Reader
		if g.SealKeys != nil {
			nonce = bytes.NewReader(g.Bytes[sealedBodyAt-nonceSize : sealedBodyAt])
		}
		seal, err := NewSealer(g.keys(), false, g.Prefix, nonce)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(g.Bytes, KeyOf(g.ID), seal, time.UnixMilli(g.Deadline))
		if err != nil || !sameRecord(got, g.record()) {
			t.Errorf("%s (%s): read as %s, %v\nwant %s", g.What, g.ID, show(got), err, show(g.record()))
			continue
		}
		if again, err := got.Encode(KeyOf(g.ID), seal); err != nil || !bytes.Equal(again, g.Bytes) {
			t.Errorf("%s (%s): written again as\n%x, %v\nwant\n%x", g.What, g.ID, again, err, g.Bytes)
		}
	}
}
