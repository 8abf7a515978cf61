package record

import "testing"

// The versions that Updates make, and what can be told from them.

// counter is a record with one value of that version.
func counter(clock int64, writer uint64) *Record {
	return &Record{deadline: 1, deadlineSet: Timestamp{1, 1}, attrs: []attribute{{name: "n", timestamp: Timestamp{clock, writer}, value: []byte("0")}}}
}

// raised is the record after an Update of the writer, at that time.
func raised(base *Record, now int64, writer uint64, by Decided) *Record {
	at := Timestamp{now, Updates(writer)}
	attrs := base.Values()
	attrs["n"] = append(attrs["n"], '+')
	return Change(base, attrs, base.deadline, at).Counted(base, at, by)
}

func TestAnUpdateCountsOnFromTheValue(t *testing.T) {
	for _, c := range []struct {
		why   string
		clock int64 // of the value
		by    Decided
		want  int64
	}{
		{"the next one at the primary", 7_300_000, AtPrimary, 7_300_001},
		{"also over a full second", 7_999_999, AtPrimary, 8_000_000},
		{"the next full second at another home", 7_300_000, PastPrimary, 8_000_000},
		{"not one that the primary could reach", 7_900_000, PastPrimary, 9_000_000},
		{"a second for each", 8_000_000, PastPrimary, 9_000_000},
	} {
		got := raised(counter(c.clock, 2), 99_500_000, 4, c.by).attrs[0].timestamp
		if got.Clock != c.want || !got.isUpdate() {
			t.Errorf("%s: %v, want %d", c.why, got, c.want)
		}
	}
}

// What begins has the time, away from full seconds, or at one.
func TestWhatAnUpdateBeginsHasTheTime(t *testing.T) {
	for _, c := range []struct {
		now  int64
		by   Decided
		want int64
	}{
		{7_500_000, AtPrimary, 7_500_000},
		{7_000_003, AtPrimary, 7_200_000},
		{7_900_000, AtPrimary, 8_200_000},
		{7_500_000, PastPrimary, 8_000_000},
		{7_900_000, PastPrimary, 9_000_000},
	} {
		base := &Record{deadline: 1, deadlineSet: Timestamp{1, 1}}
		if got := raised(base, c.now, 4, c.by).attrs[0].timestamp.Clock; got != c.want {
			t.Errorf("at %d: %d, want %d", c.now, got, c.want)
		}
	}
}

// Of two versions that were made from one, by different deciders, one at most is told that it is
// stored, whatever was decided on after either.
func TestOfTwoDecidersOneIsToldThatItIsStored(t *testing.T) {
	for _, clock := range []int64{7_000_000, 7_000_001, 7_300_000, 7_799_999, 7_800_000, 7_900_000, 7_999_999} {
		base := counter(clock, 2)
		for before := range 3 { // that the primary has decided on meanwhile
			at := base
			for range before {
				at = raised(at, 99_500_000, 6, AtPrimary)
			}
			mine := raised(at, 99_500_000, 8, AtPrimary)
			other := raised(base, 99_500_000, 10, PastPrimary)
			stored := Merge(mine, other)
			for after := range 3 {
				if mineIn, otherIn := stored.Follows(mine, at), stored.Follows(other, base); mineIn || !otherIn {
					t.Errorf("from %d, %d before, %d after: at the primary %v, past it %v", clock, before, after, mineIn, otherIn)
				}
				stored = raised(stored, 99_500_000, 12, AtPrimary)
			}
		}
	}
}

func TestAnUpdateKnowsItsSuccessors(t *testing.T) {
	base := counter(7_300_000, 2)
	mine := raised(base, 99_500_000, 4, AtPrimary)
	next := mine
	for range 1000 {
		next = raised(next, 99_500_000, 6, AtPrimary)
	}
	saved := Merge(mine, counter(50_000_000, Saves(9)))
	for what, c := range map[string]struct {
		now                      *Record
		follows, holds, disturbs bool
	}{
		"itself":                            {mine, true, true, false},
		"what was before":                   {base, false, false, false},
		"later updates":                     {next, true, false, true},
		"a save of the same value":          {saved, true, false, true},
		"an update by another decider":      {Merge(mine, raised(base, 99_500_000, 6, PastPrimary)), false, false, true},
		"another update of the same number": {raised(base, 99_500_000, 2, AtPrimary), false, false, true},
		"nothing":                           {nil, false, false, false},
		"a tombstone":                       {Tombstone(1), false, false, false},
	} {
		if c.now.Follows(mine, base) != c.follows || c.now.Holds(mine, base) != c.holds {
			t.Errorf("%s: follows %v, holds %v", what, c.now.Follows(mine, base), c.now.Holds(mine, base))
		}
		if c.now != nil && !c.now.tombstone && c.now.IsDisturbed(mine, base) != c.disturbs {
			t.Errorf("%s: disturbed %v", what, !c.disturbs)
		}
	}
}

func TestASaveOfAnotherValueDisturbsNoUpdate(t *testing.T) {
	base := counter(7_300_000, 2)
	base.attrs = append(base.attrs, attribute{name: "theirs", timestamp: Timestamp{7_300_000, 2}, value: []byte("0")})
	mine := raised(base, 99_500_000, 4, AtPrimary)
	save := func(name string) *Record {
		attrs := base.Values()
		attrs[name] = []byte("saved")
		return Change(base, attrs, base.deadline, Timestamp{99_600_000, Saves(9)})
	}
	for name, disturbs := range map[string]bool{"theirs": false, "n": true} {
		for _, now := range []*Record{save(name), Merge(mine, save(name))} {
			if now.IsDisturbed(mine, base) != disturbs {
				t.Errorf("a save of %s: disturbed %v", name, !disturbs)
			}
		}
	}
}
