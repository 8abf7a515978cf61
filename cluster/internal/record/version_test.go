package record

import (
	"math/rand/v2"
	"testing"
)

func TestAVersionIsSixteenCharacters(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 71))
	for range generated {
		s := anyRecord(r)
		if s == nil || s.IsTombstone() {
			continue
		}
		for _, v := range []Version{s.Version(aKey), PendingVersion(r.Uint64(), r.Int64N(1<<51))} {
			text := v.Text(aKey)
			if got, ok := ParseVersion(text, aKey, readAt); !ok || got != v || len(text) != VersionLen {
				t.Fatalf("%+v as %q is read as %+v, %v", v, text, got, ok)
			}
			if _, ok := ParseVersion(text, anotherKey, readAt); ok {
				t.Fatalf("%q is taken for a version of another session", text)
			}
			for i := range VersionLen { // each character counts
				other := byte('A')
				if text[i] == other {
					other = 'B'
				}
				if _, ok := ParseVersion(text[:i]+string(other)+text[i+1:], aKey, readAt); ok {
					t.Fatalf("%q with another character at %d is a version", text, i)
				}
			}
		}
	}
}

func TestNoVersion(t *testing.T) {
	ahead := PendingVersion(1, latestClock(readAt)+1).Text(aKey)
	for _, text := range []string{"", "x", "AAAAAAAAAAAAAAAA", "!!!!!!!!!!!!!!!!", ahead, ahead + "A"} {
		if v, ok := ParseVersion(text, aKey, readAt); ok {
			t.Errorf("%q is %+v", text, v)
		}
	}
}

func TestWhatAVersionCovers(t *testing.T) {
	const writer, other = 1 << 60, 3 << 60
	at := func(clock int64, writer uint64, v string) *Record {
		return &Record{deadline: 1, deadlineSet: Timestamp{clock, writer}, attrs: []attribute{{name: "a", timestamp: Timestamp{clock, writer}, value: []byte(v)}}}
	}
	five, fiveElse, six := at(5, writer, "x"), at(5, writer, "y"), at(6, other, "x")
	for _, c := range []struct {
		says        string
		has         *Record
		seen        Version
		covers, yes bool
	}{
		{"the same record", five, five.Version(aKey), true, true},
		{"a newer record", six, five.Version(aKey), true, true},
		{"an older record", five, six.Version(aKey), false, false},
		{"another record of the same clock, which may be the newer one", five, fiveElse.Version(aKey), false, true},
		{"a change that is in the record", five, PendingVersion(writer, 5), false, true},
		{"a change by a process whose later change is in the record", five, PendingVersion(writer, 4), false, true},
		{"a change that is newer", five, PendingVersion(writer, 6), false, false},
		{"a change by a process that has written nothing", six, PendingVersion(writer, 5), false, false},
	} {
		if got := c.has.Version(aKey).Covers(c.seen); got != c.covers {
			t.Errorf("%s: covers: %v", c.says, got)
		}
		if got := c.has.Shows(c.seen); got != c.yes {
			t.Errorf("%s: shows: %v", c.says, got)
		}
	}
	if (*Record)(nil).Shows(five.Version(aKey)) {
		t.Error("no record shows something")
	}
}

func TestTheVersionOfARecordAllocatesItsTextOnly(t *testing.T) {
	s := shapeless(15)
	if n := testing.AllocsPerRun(100, func() { _ = s.Version(aKey) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
