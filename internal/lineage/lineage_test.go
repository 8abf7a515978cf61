package lineage_test

// These tests play store, codec and app by hand: what passes between them is on a line, and
// what is copied is not.

import (
	"maps"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/internal/lineage"
)

func fresh() []byte { return make([]byte, 64) }

func find(note any) []byte {
	b := fresh()
	lineage.Found(b).SetNote("store", note)
	return b
}

func decode(b []byte) map[string]any {
	v := map[string]any{}
	lineage.Decoded(b, v)
	return v
}

func encode(v map[string]any) []byte {
	b := fresh()
	lineage.Encoded(v, b)
	return b
}

func is(t *testing.T, b []byte, want any) {
	t.Helper()
	if got := lineage.Of(b).Note("store"); got != want {
		t.Errorf("the store finds %v on the line, want %v", got, want)
	}
}

func TestLine(t *testing.T) {
	if lineage.Found(fresh()) != nil {
		t.Fatal("a line was noted before anybody asked for lines")
	}
	is(t, encode(map[string]any{}), nil)
	lineage.Watch()

	t.Run("goes from find to commit", func(t *testing.T) {
		one, two := decode(find(1)), decode(find(2))
		is(t, encode(one), 1)
		is(t, encode(two), 2)
		is(t, encode(one), 1)
	})
	t.Run("goes on from commit to commit", func(t *testing.T) {
		v := decode(find(1))
		lineage.Of(encode(v)).SetNote("store", 2)
		is(t, encode(v), 2)
	})
	t.Run("begins with a new session", func(t *testing.T) {
		v := map[string]any{}
		b := encode(v)
		is(t, b, nil)
		lineage.Of(b).SetNote("store", 1)
		is(t, encode(v), 1)
	})
	t.Run("has a note of each store", func(t *testing.T) {
		b := find(1)
		lineage.Of(b).SetNote("another", 2)
		is(t, encode(decode(b)), 1)
		if got := lineage.Of(b).Note("another"); got != 2 {
			t.Errorf("the other store finds %v", got)
		}
	})
	t.Run("forks where bytes are decoded twice", func(t *testing.T) {
		b := find(1)
		one, two := decode(b), decode(b)
		lineage.Of(encode(one)).SetNote("store", 2)
		is(t, encode(two), 1)
		is(t, encode(one), 2)
	})
	t.Run("ends at a copy", func(t *testing.T) {
		b := find(1)
		is(t, slices.Clone(b), nil)
		is(t, encode(decode(slices.Clone(b))), nil)
		is(t, encode(maps.Clone(decode(b))), nil)
		is(t, slices.Clone(encode(decode(b))), nil)
	})
	t.Run("is none of nothing", func(t *testing.T) {
		is(t, nil, nil)
		lineage.Found(nil).SetNote("store", 1)
		is(t, nil, nil)
		is(t, encode(decode(nil)), nil)
		is(t, encode(nil), nil)
		lineage.Encoded(map[string]any{}, nil)
	})
}

// One note and one line at each step: what a request pays for being told apart.
func TestALineTakesFewAllocations(t *testing.T) {
	lineage.Watch()
	n := testing.AllocsPerRun(1000, func() {
		v := decode(find(1))
		lineage.Of(encode(v)).SetNote("store", 2)
	})
	if n > 9 { // two runs of bytes, a map, two lines, three entries
		t.Errorf("a line from find to commit takes %v allocations", n)
	}
}
