package record

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// This file tests the laws of Merge on generated records. Everything else rests on them: copies
// may be met in any order and any number of times.

func TestMergeIsCommutative(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if ab, ba := Merge(a, b), Merge(b, a); !sameRecord(ab, ba) {
			t.Fatalf("a: %s\nb: %s\na·b: %s\nb·a: %s", show(a), show(b), show(ab), show(ba))
		}
	}
}

func TestMergeIsAssociative(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range generated {
		a, b, c := anyRecord(r), anyRecord(r), anyRecord(r)
		if x, y := Merge(Merge(a, b), c), Merge(a, Merge(b, c)); !sameRecord(x, y) {
			t.Fatalf("a: %s\nb: %s\nc: %s\n(a·b)·c: %s\na·(b·c): %s", show(a), show(b), show(c), show(x), show(y))
		}
	}
}

func TestMergeIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if x := Merge(a, clone(a)); !sameRecord(x, a) {
			t.Fatalf("a: %s\na·a: %s", show(a), show(x))
		}
		if ab := Merge(a, b); !sameRecord(Merge(ab, clone(b)), ab) || !sameRecord(Merge(clone(a), ab), ab) {
			t.Fatalf("merging again changes it\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
	}
}

func newerOf(a, b attribute) attribute {
	removed := func(a attribute) int {
		if a.tombstone {
			return 1
		}
		return 0
	}
	if cmp.Or(cmp.Compare(a.timestamp.Clock, b.timestamp.Clock), cmp.Compare(a.timestamp.Writer, b.timestamp.Writer),
		cmp.Compare(removed(a), removed(b)), cmp.Compare(string(a.value), string(b.value))) < 0 {
		return b
	}
	return a
}

func TestMergeHoldsTheNewestOfEveryName(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		ab := Merge(a, b)
		if a == nil || b == nil {
			if a == nil && !sameRecord(ab, b) || b == nil && !sameRecord(ab, a) {
				t.Fatalf("no record is not neutral\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
			}
			continue
		}
		if a.tombstone || b.tombstone {
			if !ab.tombstone || len(ab.attrs) > 0 || ab.deadline != max(foundUntil(a), foundUntil(b)) {
				t.Fatalf("a tombstone does not win\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
			}
			continue
		}
		for _, name := range append(slices.Clone(someNames), "never heard of") {
			want, got := newerOf(version(a, name), version(b, name)), version(ab, name)
			if newerOf(want, got).timestamp != got.timestamp || want.tombstone != got.tombstone || string(want.value) != string(got.value) {
				t.Fatalf("%q\na: %s\nb: %s\na·b: %s\nwant %v, got %v", name, show(a), show(b), show(ab), want, got)
			}
		}
		if got, want := latestOf(ab), max(latestOf(a), latestOf(b)); got != want || ab.latestEnd != 0 && ab.latestEnd <= ab.deadline {
			t.Fatalf("the latest end is %d, want %d\na: %s\nb: %s\na·b: %s", got, want, show(a), show(b), show(ab))
		}
		if ab.watermark != max(a.watermark, b.watermark) {
			t.Fatalf("watermark\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		if c := ab.deadlineSet; c.compare(a.deadlineSet) < 0 || c.compare(b.deadlineSet) < 0 {
			t.Fatalf("an older deadline won\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		if a.deadlineSet != b.deadlineSet {
			want := a.deadline
			if a.deadlineSet.compare(b.deadlineSet) < 0 {
				want = b.deadline
			}
			for _, s := range []*Record{a, b} { // a deadline cap holds for whatever is merged
				if s.deadlineCap > 0 {
					want = min(want, s.deadlineCap)
				}
			}
			if ab.deadline != want {
				t.Fatalf("deadline %d, want %d", ab.deadline, want)
			}
		}
	}
}

func TestMergeIncludesBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	bigger, notIncluded := 0, 0
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		ab := Merge(a, b)
		if ab == nil {
			continue
		}
		if !ab.Includes(a) || !ab.Includes(b) {
			t.Fatalf("a: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		// Adding to a side never takes from the merge.
		if c := anyRecord(r); !Merge(Merge(a, c), b).Includes(ab) {
			t.Fatalf("not monotone\na: %s\nb: %s\nc: %s", show(a), show(b), show(c))
		}
		if a != nil && !sameRecord(ab, a) {
			bigger++
			if a.Includes(b) {
				t.Fatalf("a includes b, and yet b adds to it\na: %s\nb: %s", show(a), show(b))
			}
			notIncluded++
		}
	}
	if bigger < generated/2 || notIncluded < generated/2 {
		t.Fatalf("the generator is too tame: %d merges of %d say more than one side", bigger, generated)
	}
}

func TestMergeKeepsTheOrderOfNames(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range generated {
		ab := Merge(anyRecord(r), anyRecord(r))
		if ab == nil {
			continue
		}
		for i, a := range ab.attrs {
			if i > 0 && ab.attrs[i-1].name >= a.name {
				t.Fatalf("names out of order: %s", show(ab))
			}
			if a.compare(ab.unlisted(a.name)) == 0 {
				t.Fatalf("%q says what the watermark says: %s", a.name, show(ab))
			}
		}
	}
}

func TestMergeAndChangeLeaveTheirInputsAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		a0, b0 := clone(a), clone(b)
		Merge(a, b)
		if a != nil && !a.tombstone {
			at := Timestamp{a.Newest() + 1 + pick(r, someClocks), 9}
			out := Change(a, anyAttrs(r), pick(r, someClocks), at)
			moved := out.Retime(at, Timestamp{at.Clock + 5, 9})
			_ = moved.CollectTombstones(a)
			_ = moved.RetimeCollected(b, Timestamp{at.Clock + 5, 9}, Timestamp{at.Clock + 9, 9})
			out.Replacing(a, at)
			_ = a.BoundUnsealed(readAt, 0)
			out.Includes(b)
			out.Equal(b)
		}
		if !sameRecord(a, a0) || !sameRecord(b, b0) {
			t.Fatalf("a record was changed\na: %s\nwas %s\nb: %s\nwas %s", show(a), show(a0), show(b), show(b0))
		}
	}
}

// What belongs to whom must hold in each of the six orders and two groupings.
func everyOrder(t *testing.T, a, b, c *Record) *Record {
	t.Helper()
	want := Merge(Merge(a, b), c)
	for _, p := range [][3]*Record{{a, b, c}, {a, c, b}, {b, a, c}, {b, c, a}, {c, a, b}, {c, b, a}} {
		for i, got := range []*Record{Merge(Merge(p[0], p[1]), p[2]), Merge(p[0], Merge(p[1], p[2]))} {
			if !sameRecord(got, want) {
				t.Fatalf("grouping %d of (%s) (%s) (%s)\ngot  %s\nwant %s", i, show(p[0]), show(p[1]), show(p[2]), show(got), show(want))
			}
		}
	}
	return want
}

// impliedGrace is the rule that suggests itself and does not work: an attribute that
// one side lacks counts as removed when it lies further than the GC grace behind that
// side's newest timestamp.
func impliedGrace(a, b map[string]int64) map[string]int64 {
	newest := func(m map[string]int64) (n int64) {
		for _, c := range m {
			n = max(n, c)
		}
		return n
	}
	out := map[string]int64{}
	for _, side := range [][2]map[string]int64{{a, b}, {b, a}} {
		for name, clock := range side[0] {
			if other, both := side[1][name]; both || clock >= newest(side[1])-hour {
				out[name] = max(clock, other)
			}
		}
	}
	return out
}

func TestMergeNeedsTheWatermarkToBeAssociative(t *testing.T) {
	a := map[string]int64{"x": 50}
	b := map[string]int64{"x": 40, "y": 55 + hour}
	c := map[string]int64{"z": 45 + hour}
	_, left := impliedGrace(impliedGrace(a, b), c)["x"]
	_, right := impliedGrace(a, impliedGrace(b, c))["x"]
	if left == right {
		t.Fatal("the implied rule is associative here: the case shows nothing")
	}

	rec := func(watermark int64, attrs ...attribute) *Record {
		s := liveAt(1, attrs...)
		s.watermark = watermark
		return s
	}
	// Nobody has collected an attribute tombstone: x stays.
	got := everyOrder(t, rec(0, value("x", "a", 50)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(0, value("z", "", 45+hour)))
	if v := version(got, "x"); v.tombstone || string(v.value) != "a" {
		t.Fatalf("x is lost: %s", show(got))
	}
	// C has collected attribute tombstones up to 45: x@50 is newer, x@40 is not.
	got = everyOrder(t, rec(0, value("x", "a", 50)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(45, value("z", "", 45+hour)))
	if v := version(got, "x"); v.tombstone {
		t.Fatalf("x is lost: %s", show(got))
	}
	got = everyOrder(t, rec(0, value("x", "a", 44)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(45, value("z", "", 45+hour)))
	if v := version(got, "x"); !v.tombstone {
		t.Fatalf("a removal whose tombstone was collected is undone: %s", show(got))
	}
}

// Whatever two nodes hold, it merges into one record that both orders agree on, that
// loses nothing, and that can be written and read again.
func FuzzMerge(f *testing.F) {
	for _, pair := range [][2]*Record{
		{liveAt(1<<41, value("a", "1", 5)), liveAt(1<<41, value("a", "2", 5), value("b", "", 9))},
		{liveAt(7, removal("a", 5)), liveAt(9, value("a", "2", 4))},
		{liveAt(7), Tombstone(9)},
		{&Record{deadline: 1, watermark: hour, deadlineSet: Timestamp{hour, 1}}, liveAt(2, value("a", "1", hour-1), removal("b", hour+1))},
	} {
		f.Add(bodyOf(plain(pair[0])), bodyOf(plain(pair[1])), pair[1].tombstone)
	}
	f.Fuzz(func(t *testing.T, first, second []byte, destroyed bool) {
		flags := byte(0)
		if destroyed {
			flags = flagTombstone
		}
		a, errA := read(under(0, first))
		b, errB := read(under(flags, second))
		if errA != nil || errB != nil {
			return
		}
		wasA, wasB := show(a), show(b)
		j := Merge(a, b)
		if other := Merge(b, a); !sameRecord(j, other) {
			t.Fatalf("%s\nand in the other order\n%s", show(j), show(other))
		}
		if show(a) != wasA || show(b) != wasB {
			t.Fatal("Merge writes into its inputs")
		}
		if !destroyed && (!j.Includes(a) || !j.Includes(b)) {
			t.Fatalf("%s lacks something of\n%s or\n%s", show(j), wasA, wasB)
		}
		if again, err := read(plain(j)); err != nil || !sameRecord(again, j) {
			t.Fatalf("%s\ncomes back as\n%s, %v", show(j), show(again), err)
		}
	})
}

// latestOf is the latest end that a session ever had, told without end.
func latestOf(s *Record) int64 { return max(s.deadline, s.latestEnd) }

// foundUntil is until when somebody may find that the session lives, or remember that it does not.
func foundUntil(s *Record) int64 {
	if s.tombstone {
		return s.deadline
	}
	return min(latestOf(s)+hour/1000, MaxDeadline)
}
