package cluster

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// This file tests the laws of the join on generated records. Everything else rests on
// them: copies may be met in any order and any number of times.

const generated = 2_000

func TestJoinIsCommutative(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if ab, ba := join(a, b), join(b, a); !sameRecord(ab, ba) {
			t.Fatalf("a: %s\nb: %s\na·b: %s\nb·a: %s", show(a), show(b), show(ab), show(ba))
		}
	}
}

func TestJoinIsAssociative(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range generated {
		a, b, c := anyRecord(r), anyRecord(r), anyRecord(r)
		if x, y := join(join(a, b), c), join(a, join(b, c)); !sameRecord(x, y) {
			t.Fatalf("a: %s\nb: %s\nc: %s\n(a·b)·c: %s\na·(b·c): %s", show(a), show(b), show(c), show(x), show(y))
		}
	}
}

func TestJoinIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if x := join(a, clone(a)); !sameRecord(x, a) {
			t.Fatalf("a: %s\na·a: %s", show(a), show(x))
		}
		if ab := join(a, b); !sameRecord(join(ab, clone(b)), ab) || !sameRecord(join(clone(a), ab), ab) {
			t.Fatalf("joining again changes it\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
	}
}

// version is what a record says of a name, told without find, forgotten or compare.
func version(s *stored, name string) attribute {
	for _, a := range s.attrs {
		if a.name == name {
			return a
		}
	}
	return attribute{name: name, removed: true, stamp: stamp{clock: s.floor}}
}

func newerOf(a, b attribute) attribute {
	removed := func(a attribute) int {
		if a.removed {
			return 1
		}
		return 0
	}
	if cmp.Or(cmp.Compare(a.stamp.clock, b.stamp.clock), cmp.Compare(a.stamp.writer, b.stamp.writer),
		cmp.Compare(removed(a), removed(b)), cmp.Compare(string(a.value), string(b.value))) < 0 {
		return b
	}
	return a
}

// latestOf is the latest end that a session ever had, told without end.
func latestOf(s *stored) int64 { return max(s.deadline, s.latest) }

// foundUntil is until when somebody may find that the session lives, or remember that it does not.
func foundUntil(s *stored) int64 {
	if s.destroyed {
		return s.deadline
	}
	return min(latestOf(s)+hour/1000, maxDeadline)
}

func TestJoinHoldsTheNewestOfEveryName(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		ab := join(a, b)
		if a == nil || b == nil {
			if a == nil && !sameRecord(ab, b) || b == nil && !sameRecord(ab, a) {
				t.Fatalf("no record is not neutral\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
			}
			continue
		}
		if a.destroyed || b.destroyed {
			if !ab.destroyed || len(ab.attrs) > 0 || ab.deadline != max(foundUntil(a), foundUntil(b)) {
				t.Fatalf("destroyed does not absorb\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
			}
			continue
		}
		for _, name := range append(slices.Clone(someNames), "never heard of") {
			want, got := newerOf(version(a, name), version(b, name)), version(ab, name)
			if newerOf(want, got).stamp != got.stamp || want.removed != got.removed || string(want.value) != string(got.value) {
				t.Fatalf("%q\na: %s\nb: %s\na·b: %s\nwant %v, got %v", name, show(a), show(b), show(ab), want, got)
			}
		}
		if got, want := latestOf(ab), max(latestOf(a), latestOf(b)); got != want || ab.latest != 0 && ab.latest <= ab.deadline {
			t.Fatalf("the latest end is %d, want %d\na: %s\nb: %s\na·b: %s", got, want, show(a), show(b), show(ab))
		}
		if ab.floor != max(a.floor, b.floor) {
			t.Fatalf("floor\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		if c := ab.dstamp; c.compare(a.dstamp) < 0 || c.compare(b.dstamp) < 0 {
			t.Fatalf("an older deadline won\na: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		if a.dstamp != b.dstamp {
			want := a.deadline
			if a.dstamp.compare(b.dstamp) < 0 {
				want = b.deadline
			}
			for _, s := range []*stored{a, b} { // a last end holds for whatever is joined
				if s.until > 0 {
					want = min(want, s.until)
				}
			}
			if ab.deadline != want {
				t.Fatalf("deadline %d, want %d", ab.deadline, want)
			}
		}
	}
}

func TestJoinIncludesBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	bigger, notIncluded := 0, 0
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		ab := join(a, b)
		if ab == nil {
			continue
		}
		if !ab.includes(a) || !ab.includes(b) {
			t.Fatalf("a: %s\nb: %s\na·b: %s", show(a), show(b), show(ab))
		}
		// Adding to a side never takes from the join.
		if c := anyRecord(r); !join(join(a, c), b).includes(ab) {
			t.Fatalf("not monotone\na: %s\nb: %s\nc: %s", show(a), show(b), show(c))
		}
		if a != nil && !sameRecord(ab, a) {
			bigger++
			if a.includes(b) {
				t.Fatalf("a includes b, and yet b adds to it\na: %s\nb: %s", show(a), show(b))
			}
			notIncluded++
		}
	}
	if bigger < generated/2 || notIncluded < generated/2 {
		t.Fatalf("the generator is too tame: %d joins of %d say more than one side", bigger, generated)
	}
}

func TestJoinKeepsTheOrderOfNames(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range generated {
		ab := join(anyRecord(r), anyRecord(r))
		if ab == nil {
			continue
		}
		for i, a := range ab.attrs {
			if i > 0 && ab.attrs[i-1].name >= a.name {
				t.Fatalf("names out of order: %s", show(ab))
			}
			if a.compare(ab.forgotten(a.name)) == 0 {
				t.Fatalf("%q says what the floor says: %s", a.name, show(ab))
			}
		}
	}
}

func TestJoinAndChangeLeaveTheirInputsAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		a0, b0 := clone(a), clone(b)
		join(a, b)
		if a != nil && !a.destroyed {
			at := stamp{a.newest() + 1 + pick(r, someClocks), 9}
			out := change(a, anyAttrs(r), pick(r, someClocks), at)
			moved := out.restamp(at, stamp{at.clock + 5, 9})
			_ = moved.forget(a)
			_ = moved.above(b, stamp{at.clock + 5, 9}, stamp{at.clock + 9, 9})
			out.includes(b)
			out.equal(b)
		}
		if !sameRecord(a, a0) || !sameRecord(b, b0) {
			t.Fatalf("a record was changed\na: %s\nwas %s\nb: %s\nwas %s", show(a), show(a0), show(b), show(b0))
		}
	}
}

func anyAttrs(r *rand.Rand) map[string][]byte {
	m := map[string][]byte{}
	for _, name := range someNames {
		if r.IntN(2) == 0 {
			m[name] = pick(r, someValues)
		}
	}
	return m
}

// What belongs to whom must hold in each of the six orders and two groupings.
func everyOrder(t *testing.T, a, b, c *stored) *stored {
	t.Helper()
	want := join(join(a, b), c)
	for _, p := range [][3]*stored{{a, b, c}, {a, c, b}, {b, a, c}, {b, c, a}, {c, a, b}, {c, b, a}} {
		for i, got := range []*stored{join(join(p[0], p[1]), p[2]), join(p[0], join(p[1], p[2]))} {
			if !sameRecord(got, want) {
				t.Fatalf("grouping %d of (%s) (%s) (%s)\ngot  %s\nwant %s", i, show(p[0]), show(p[1]), show(p[2]), show(got), show(want))
			}
		}
	}
	return want
}

// impliedHorizon is the rule that suggests itself and does not work: an attribute that
// one side lacks counts as removed when it lies further than the horizon behind that
// side's newest stamp.
func impliedHorizon(a, b map[string]int64) map[string]int64 {
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

func TestJoinNeedsTheFloorToBeAssociative(t *testing.T) {
	a := map[string]int64{"x": 50}
	b := map[string]int64{"x": 40, "y": 55 + hour}
	c := map[string]int64{"z": 45 + hour}
	_, left := impliedHorizon(impliedHorizon(a, b), c)["x"]
	_, right := impliedHorizon(a, impliedHorizon(b, c))["x"]
	if left == right {
		t.Fatal("the implied rule is associative here: the case shows nothing")
	}

	rec := func(floor int64, attrs ...attribute) *stored {
		s := liveAt(1, attrs...)
		s.floor = floor
		return s
	}
	// Nobody has forgotten a removal: x stays.
	got := everyOrder(t, rec(0, value("x", "a", 50)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(0, value("z", "", 45+hour)))
	if v := version(got, "x"); v.removed || string(v.value) != "a" {
		t.Fatalf("x is lost: %s", show(got))
	}
	// C has forgotten removals up to 45: x@50 is newer, x@40 is not.
	got = everyOrder(t, rec(0, value("x", "a", 50)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(45, value("z", "", 45+hour)))
	if v := version(got, "x"); v.removed {
		t.Fatalf("x is lost: %s", show(got))
	}
	got = everyOrder(t, rec(0, value("x", "a", 44)), rec(0, value("x", "b", 40), value("y", "", 55+hour)), rec(45, value("z", "", 45+hour)))
	if v := version(got, "x"); !v.removed {
		t.Fatalf("a removal that was forgotten is undone: %s", show(got))
	}
}
