package cluster

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// This file tests what a save makes of a snapshot and the app's map.

func TestChangeStampsWhatDiffersAndNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range generated {
		base := anyRecord(r)
		if base != nil && base.destroyed {
			continue
		}
		at := stamp{base.newest() + 1 + pick(r, someClocks), 9}
		attrs, deadline := anyAttrs(r), pick(r, someClocks)
		got := change(base, attrs, deadline, at)
		before := base
		if before == nil {
			before = &stored{}
		}
		for _, name := range append([]string{"other"}, someNames...) {
			was, is := version(before, name), version(got, name)
			want, listed := attrs[name]
			switch {
			case listed && (is.removed || string(is.value) != string(want)):
				t.Fatalf("%q is not as the app wants it\nbase: %s\ngot: %s", name, show(base), show(got))
			case !listed && !is.removed:
				t.Fatalf("%q is not removed\nbase: %s\ngot: %s", name, show(base), show(got))
			case listed && !was.removed && string(was.value) == string(want), !listed && was.removed:
				if is.stamp != was.stamp && (!is.removed || is.stamp.clock < was.stamp.clock) {
					t.Fatalf("%q did not change and has a new stamp\nbase: %s\ngot: %s", name, show(base), show(got))
				}
			case is.stamp != at:
				t.Fatalf("%q changed without the stamp %v\nbase: %s\ngot: %s", name, at, show(base), show(got))
			}
		}
		if before.until > 0 {
			deadline = min(deadline, before.until) // no save moves a last end
		}
		if deadline == before.deadline && before.dstamp != (stamp{}) {
			if got.dstamp != before.dstamp {
				t.Fatalf("the deadline did not change and has a new stamp\nbase: %s\ngot: %s", show(base), show(got))
			}
		} else if got.deadline != deadline || got.dstamp != at {
			t.Fatalf("deadline %d@%v\ngot: %s", deadline, at, show(got))
		}
		if want := max(latestOf(before), got.deadline); latestOf(got) != want || got.latest != 0 && got.latest <= got.deadline {
			t.Fatalf("the latest end is not %d\nbase: %s\ngot: %s", want, show(base), show(got))
		}
		// A change always beats what was read.
		if base != nil && !sameRecord(join(base, got), got) {
			t.Fatalf("the change does not win against its own base\nbase: %s\ngot: %s\njoin: %s", show(base), show(got), show(join(base, got)))
		}
	}
}

func TestChangeRemembersARemoval(t *testing.T) {
	base := liveAt(1, value("a", "1", 10), value("b", "2", 10))
	got := change(base, map[string][]byte{"b": []byte("2")}, 1, stamp{20, 2})
	if a := version(got, "a"); !a.removed || a.stamp != (stamp{20, 2}) || len(got.attrs) != 2 {
		t.Fatalf("got %s", show(got))
	}
	if back := join(got, base); len(back.values()) != 1 {
		t.Fatalf("the old copy brings it back: %s", show(back))
	}
	again := change(got, map[string][]byte{"a": []byte("1"), "b": []byte("2")}, 1, stamp{30, 2})
	if a := version(again, "a"); a.removed || a.stamp != (stamp{30, 2}) {
		t.Fatalf("set again: %s", show(again))
	}
}

func TestRemovalsAreForgottenAfterTheHorizonAndNotBefore(t *testing.T) {
	old := liveAt(1, value("a", "1", 10), value("b", "2", 10))
	keep := map[string][]byte{"b": []byte("2")}
	gone := change(old, keep, 1, stamp{20, 2})

	read := func(clock int64) *stored { return join(gone, liveAt(1, value("b", "3", clock))) }
	within := gone.forget(read(20 + hour))
	if a := version(within, "a"); len(within.attrs) != 2 || !a.removed || within.floor != 0 {
		t.Fatalf("forgotten within the horizon: %s", show(within))
	}
	later := gone.forget(read(20 + hour + 1))
	if len(later.attrs) != 1 || later.floor != 21 {
		t.Fatalf("not forgotten, or the floor is not raised over it: %s", show(later))
	}
	for _, s := range []*stored{join(later, old), join(old, later)} {
		if _, back := s.values()["a"]; back {
			t.Fatalf("an old copy brings back what was forgotten: %s", show(s))
		}
		if string(s.values()["b"]) != "2" {
			t.Fatalf("an attribute older than the floor is lost: %s", show(s))
		}
	}
	// A name set anew after the floor is none of its business.
	fresh := liveAt(1, value("a", "new", 22))
	if s := join(later, fresh); string(s.values()["a"]) != "new" {
		t.Fatalf("the floor swallows a newer attribute: %s", show(s))
	}
}

func TestForgettingNeverLowersTheFloor(t *testing.T) {
	base := liveAt(1, removal("a", 10))
	base.floor = 3 * hour
	base.attrs = []attribute{removal("a", 3*hour+1)}
	got := change(base, nil, 2, stamp{3*hour + 2, 1}).forget(base)
	if got.floor != 3*hour || len(got.attrs) != 1 {
		t.Fatalf("got %s", show(got))
	}
}

// What is about to be written says nothing of what others have written since the read.
func TestOnlyWhatWasReadIsForgotten(t *testing.T) {
	read := liveAt(1, removal("a", 10), value("b", "1", 20))
	late := change(read, map[string][]byte{"b": []byte("2")}, 1, stamp{20 + 2*hour, 1}).forget(read)
	if late.floor != 0 || len(late.attrs) != 2 {
		t.Fatalf("a save that came late has raised the floor: %s", show(late))
	}
	others := liveAt(1, value("c", "3", hour))
	if s := join(late, others); string(s.values()["c"]) != "3" {
		t.Fatalf("it swallows what others have written since: %s", show(s))
	}
}

func TestARecordRemembersABoundedNumberOfRemovals(t *testing.T) {
	s := liveAt(1, value("keep", "1", 1))
	for i := range 3 * mostRemovals {
		clock := int64(10 + 2*i)
		with := s.values()
		with[fmt.Sprint("nonce", i)] = []byte("x")
		s = change(s, with, 1, stamp{clock, 1}).forget(s)
		delete(with, fmt.Sprint("nonce", i))
		s = change(s, with, 1, stamp{clock + 1, 1}).forget(s)
	}
	if n := len(s.attrs); n > mostRemovals+2 {
		t.Errorf("%d attributes, of which one has a value", n)
	}
	if string(s.values()["keep"]) != "1" {
		t.Error("a value older than all removals is lost")
	}
	for _, a := range []attribute{value("nonce0", "x", 10), value(fmt.Sprint("nonce", 3*mostRemovals-1), "x", 10)} {
		if got := join(s, liveAt(1, a)); len(got.values()) != 1 {
			t.Errorf("an old copy brings %s back", a.name)
		}
	}
}

// A value that its save has stored on one node only, and that meets a record which has
// forgotten so much since, is written again, above the floor.
func TestAValueUnderWayIsNotForgotten(t *testing.T) {
	at, later := stamp{50, 1}, stamp{99, 1}
	ours := liveAt(1, value("old", "1", 5), value("gone", "1", 40), attribute{name: "mine", stamp: at, value: []byte("1")})
	stood := liveAt(1, value("old", "1", 5))
	stood.floor = 60
	got := join(stood, ours.above(stood, at, later))
	if v := version(got, "mine"); string(v.value) != "1" || v.stamp != later {
		t.Errorf("got %s", show(got))
	}
	if _, back := got.values()["gone"]; back {
		t.Errorf("what others have removed is back: %s", show(got))
	}
	listed := liveAt(1, removal("mine", 55))
	listed.floor = 50
	if got := ours.above(listed, at, later); got != ours {
		t.Errorf("a removal by others is overruled: %s", show(got))
	}
}

func TestRestampMovesOneSaveOnly(t *testing.T) {
	base := liveAt(1, value("a", "1", 10), value("b", "1", 20))
	from, to := stamp{30, 5}, stamp{99, 5}
	ours := change(base, map[string][]byte{"a": []byte("new"), "c": nil}, 7, from)
	got := ours.restamp(from, to)
	for name, want := range map[string]stamp{"a": to, "b": to, "c": to} {
		if s := version(got, name).stamp; s != want {
			t.Errorf("%q has %v, want %v", name, s, want)
		}
	}
	if got.dstamp != to || got.deadline != 7 {
		t.Errorf("deadline %d@%v", got.deadline, got.dstamp)
	}
	unchanged := change(base, map[string][]byte{"a": []byte("1"), "b": []byte("1")}, 1, from).restamp(from, to)
	if !sameRecord(unchanged, base) {
		t.Errorf("nothing was written at %v, and yet: %s", from, show(unchanged))
	}
}

func TestOnlyExtends(t *testing.T) {
	base := liveAt(10, value("a", "1", 10), removal("b", 10))
	same := map[string][]byte{"a": []byte("1")}
	at := stamp{20, 1}
	for _, c := range []struct {
		name     string
		attrs    map[string][]byte
		deadline int64
		want     bool
	}{
		{"a later deadline alone", same, 11, true},
		{"nothing at all", same, 10, true},
		{"an earlier deadline is meant", same, 9, false},
		{"another value", map[string][]byte{"a": []byte("2")}, 11, false},
		{"a removal", nil, 11, false},
		{"a removed name is back", map[string][]byte{"a": []byte("1"), "b": nil}, 11, false},
		{"a new name without bytes", map[string][]byte{"a": []byte("1"), "c": nil}, 11, false},
	} {
		if got := change(base, c.attrs, c.deadline, at).onlyExtends(base); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if change(nil, same, 11, at).onlyExtends(nil) {
		t.Error("without a snapshot nothing is known")
	}
}

func TestRemovingMarksWhatOnlyTheOtherLists(t *testing.T) {
	ours := liveAt(1, value("a", "1", 20))
	other := liveAt(1, value("a", "0", 10), value("b", "2", 10), removal("c", 5), value("d", "later", 30))
	got := join(ours.removing(other, stamp{20, 1}), other)
	if v := got.values(); len(v) != 2 || string(v["a"]) != "1" || string(v["d"]) != "later" {
		t.Errorf("got %s", show(got))
	}
	if s := version(got, "a").stamp; s != (stamp{20, 1}) {
		t.Errorf("ours has a new stamp %v", s)
	}
}

func TestDeadlinesAreRoundedUpAndStayInWhatTheFormatCarries(t *testing.T) {
	zone := time.FixedZone("", -5*60*60)
	east := time.FixedZone("", 5*60*60)
	const lastSecond = maxDeadline / 1000 * 1000
	for _, c := range []struct {
		name string
		in   time.Time
		want int64
	}{
		{"whole milliseconds stay", time.UnixMilli(1700000000123), 1700000000123},
		{"a nanosecond more counts", time.UnixMilli(1700000000123).Add(1), 1700000000124},
		{"a nanosecond less is rounded up", time.UnixMilli(1700000000123).Add(-1), 1700000000123},
		{"zero time", time.Time{}, 0},
		{"1970 itself", time.Unix(0, 0), 0},
		{"before 1970", time.Unix(0, -1), 0},
		{"1970 in the east is 1969", time.Date(1970, 1, 1, 0, 0, 0, 0, east), 0},
		{"the last millisecond", time.UnixMilli(maxDeadline), maxDeadline},
		{"rounding the last one up", time.UnixMilli(maxDeadline).Add(1), maxDeadline},
		{"9999 in the west is 10000", time.Date(9999, 12, 31, 23, 59, 59, 0, zone), lastSecond},
		{"the year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), lastSecond},
		{"the end of time.Time", time.Unix(1<<62, 0), lastSecond},
	} {
		got := deadlineMilli(c.in)
		if got != c.want {
			t.Errorf("%s: %v is %d, want %d", c.name, c.in, got, c.want)
		}
		s := &stored{deadline: got, dstamp: stamp{1, 1}}
		if back, err := read(plain(s)); err != nil || back.deadline != got {
			t.Errorf("%s: %d does not come back: %v", c.name, got, err)
		}
	}
}

func TestAnEqualRecordSaysTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if got, want := a.equal(b), sameRecord(a, b); got != want {
			t.Fatalf("equal is %v\na: %s\nb: %s", got, show(a), show(b))
		}
		if !a.equal(clone(a)) {
			t.Fatalf("not equal to its copy: %s", show(a))
		}
	}
}

func TestTheAppMayWriteIntoWhatItGot(t *testing.T) {
	base := liveAt(1, value("a", "1234", 10), value("b", "5678", 10))
	was := clone(base)
	got := base.values()
	for name := range got {
		v := got[name]
		_ = append(v, "overrun"...)
		for i := range v {
			v[i] = '!'
		}
	}
	if !sameRecord(base, was) {
		t.Errorf("the record changed: %s", show(base))
	}
	if v := base.values(); string(append(v["a"], 'x')) != "1234x" || string(v["b"]) != "5678" {
		t.Errorf("values overlap: %q", v)
	}
	mine := map[string][]byte{"a": []byte("mine")}
	ours := change(base, mine, 1, stamp{20, 1})
	copy(mine["a"], "oops")
	if string(version(ours, "a").value) != "mine" {
		t.Error("a save keeps the app's bytes instead of a copy")
	}
}
