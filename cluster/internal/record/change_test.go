package record

import (
	"math/rand/v2"
	"testing"
)

// This file tests what a save makes of a snapshot and the app's map.

func TestChangeGivesANewTimestampToWhatDiffersAndNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range generated {
		base := anyRecord(r)
		if base != nil && base.tombstone {
			continue
		}
		at := Timestamp{base.Newest() + 1 + pick(r, someClocks), 9}
		attrs, deadline := anyAttrs(r), pick(r, someClocks)
		got := Change(base, attrs, deadline, at)
		before := base
		if before == nil {
			before = &Record{}
		}
		for _, name := range append([]string{"other"}, someNames...) {
			was, is := version(before, name), version(got, name)
			want, listed := attrs[name]
			switch {
			case listed && (is.tombstone || string(is.value) != string(want)):
				t.Fatalf("%q is not as the app wants it\nbase: %s\ngot: %s", name, show(base), show(got))
			case !listed && !is.tombstone:
				t.Fatalf("%q is not removed\nbase: %s\ngot: %s", name, show(base), show(got))
			case listed && !was.tombstone && string(was.value) == string(want), !listed && was.tombstone:
				if is.timestamp != was.timestamp && (!is.tombstone || is.timestamp.Clock < was.timestamp.Clock) {
					t.Fatalf("%q did not change and has a new timestamp\nbase: %s\ngot: %s", name, show(base), show(got))
				}
			case is.timestamp != at:
				t.Fatalf("%q changed without the timestamp %v\nbase: %s\ngot: %s", name, at, show(base), show(got))
			}
		}
		if before.deadlineCap > 0 {
			deadline = min(deadline, before.deadlineCap) // no save raises a deadline cap
		}
		if deadline == before.deadline && before.deadlineSet != (Timestamp{}) {
			if got.deadlineSet != before.deadlineSet {
				t.Fatalf("the deadline did not change and has a new timestamp\nbase: %s\ngot: %s", show(base), show(got))
			}
		} else if got.deadline != deadline || got.deadlineSet != at {
			t.Fatalf("deadline %d@%v\ngot: %s", deadline, at, show(got))
		}
		if want := max(latestOf(before), got.deadline); latestOf(got) != want || got.latestEnd != 0 && got.latestEnd <= got.deadline {
			t.Fatalf("the latest end is not %d\nbase: %s\ngot: %s", want, show(base), show(got))
		}
		// A change always beats what was read.
		if base != nil && !sameRecord(Merge(base, got), got) {
			t.Fatalf("the change does not win against its own base\nbase: %s\ngot: %s\njoin: %s", show(base), show(got), show(Merge(base, got)))
		}
	}
}

func TestChangeRemembersARemoval(t *testing.T) {
	base := liveAt(1, value("a", "1", 10), value("b", "2", 10))
	got := Change(base, map[string][]byte{"b": []byte("2")}, 1, Timestamp{20, 2})
	if a := version(got, "a"); !a.tombstone || a.timestamp != (Timestamp{20, 2}) || len(got.attrs) != 2 {
		t.Fatalf("got %s", show(got))
	}
	if back := Merge(got, base); len(back.Values()) != 1 {
		t.Fatalf("the old copy brings it back: %s", show(back))
	}
	again := Change(got, map[string][]byte{"a": []byte("1"), "b": []byte("2")}, 1, Timestamp{30, 2})
	if a := version(again, "a"); a.tombstone || a.timestamp != (Timestamp{30, 2}) {
		t.Fatalf("set again: %s", show(again))
	}
}

func TestRetimeMovesOneSaveOnly(t *testing.T) {
	base := liveAt(1, value("a", "1", 10), value("b", "1", 20))
	from, to := Timestamp{30, 5}, Timestamp{99, 5}
	ours := Change(base, map[string][]byte{"a": []byte("new"), "c": nil}, 7, from)
	got := ours.Retime(from, to)
	for name, want := range map[string]Timestamp{"a": to, "b": to, "c": to} {
		if s := version(got, name).timestamp; s != want {
			t.Errorf("%q has %v, want %v", name, s, want)
		}
	}
	if got.deadlineSet != to || got.deadline != 7 {
		t.Errorf("deadline %d@%v", got.deadline, got.deadlineSet)
	}
	unchanged := Change(base, map[string][]byte{"a": []byte("1"), "b": []byte("1")}, 1, from).Retime(from, to)
	if !sameRecord(unchanged, base) {
		t.Errorf("nothing was written at %v, and yet: %s", from, show(unchanged))
	}
}

func TestOnlyExtends(t *testing.T) {
	base := liveAt(10, value("a", "1", 10), removal("b", 10))
	same := map[string][]byte{"a": []byte("1")}
	at := Timestamp{20, 1}
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
		if got := Change(base, c.attrs, c.deadline, at).OnlyExtends(base); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if Change(nil, same, 11, at).OnlyExtends(nil) {
		t.Error("without a snapshot nothing is known")
	}
}

func TestReplacingRemovesWhatOnlyTheOtherLists(t *testing.T) {
	ours := liveAt(1, value("a", "1", 20))
	other := liveAt(1, value("a", "0", 10), value("b", "2", 10), removal("c", 5), value("d", "later", 30))
	got := Merge(ours.Replacing(other, Timestamp{20, 1}), other)
	if v := got.Values(); len(v) != 2 || string(v["a"]) != "1" || string(v["d"]) != "later" {
		t.Errorf("got %s", show(got))
	}
	if s := version(got, "a").timestamp; s != (Timestamp{20, 1}) {
		t.Errorf("ours has a new timestamp %v", s)
	}
}
