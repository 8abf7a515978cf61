package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// This file tests what a record says, and that nobody can change it.

func TestDeadlinesAreRoundedUpAndStayInWhatTheFormatCarries(t *testing.T) {
	zone := time.FixedZone("", -5*60*60)
	east := time.FixedZone("", 5*60*60)
	const lastSecond = MaxDeadline / 1000 * 1000
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
		{"the last millisecond", time.UnixMilli(MaxDeadline), MaxDeadline},
		{"rounding the last one up", time.UnixMilli(MaxDeadline).Add(1), MaxDeadline},
		{"9999 in the west is 10000", time.Date(9999, 12, 31, 23, 59, 59, 0, zone), lastSecond},
		{"the year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), lastSecond},
		{"the end of time.Time", time.Unix(1<<62, 0), lastSecond},
	} {
		got := DeadlineOf(c.in)
		if got != c.want {
			t.Errorf("%s: %v is %d, want %d", c.name, c.in, got, c.want)
		}
		s := &Record{deadline: got, deadlineSet: Timestamp{1, 1}}
		if back, err := read(plain(s)); err != nil || back.deadline != got {
			t.Errorf("%s: %d does not come back: %v", c.name, got, err)
		}
	}
}

func TestAnEqualRecordSaysTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for range generated {
		a, b := anyRecord(r), anyRecord(r)
		if got, want := a.Equal(b), sameRecord(a, b); got != want {
			t.Fatalf("equal is %v\na: %s\nb: %s", got, show(a), show(b))
		}
		if !a.Equal(clone(a)) {
			t.Fatalf("not equal to its copy: %s", show(a))
		}
	}
}

func TestValuesAreCopies(t *testing.T) {
	base := liveAt(1, value("a", "1234", 10), value("b", "5678", 10))
	bytesOfBase := plain(base)
	decoded, err := Decode(bytesOfBase, aKey, nil, readAt)
	if err != nil {
		t.Fatal(err)
	}
	for from, r := range map[string]*Record{"a record that was made": base, "a record that was read": decoded} {
		t.Run(from, func(t *testing.T) {
			valuesAreCopies(t, r, r.Values())
			valuesAreCopies(t, r, r.ValuesFrom(nil))
			valuesAreCopies(t, r, r.ValuesFrom(bytes.Clone(bytesOfBase)))
			valuesAreCopies(t, r, r.ValuesFrom(make([]byte, len(bytesOfBase))))
		})
	}
}

// valuesAreCopies writes into got, which are the values of base.
func valuesAreCopies(t *testing.T, base *Record, got map[string][]byte) {
	t.Helper()
	if string(got["a"]) != "1234" || string(got["b"]) != "5678" || len(got) != 2 {
		t.Fatalf("values: %q", got)
	}
	was := clone(base)
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
	if v := base.Values(); string(append(v["a"], 'x')) != "1234x" || string(v["b"]) != "5678" {
		t.Errorf("values overlap: %q", v)
	}
	mine := map[string][]byte{"a": []byte("mine")}
	ours := Change(base, mine, 1, Timestamp{20, 1})
	copy(mine["a"], "oops")
	if string(version(ours, "a").value) != "mine" {
		t.Error("a save keeps the app's bytes instead of a copy")
	}
}

// What a record was read from is cut up for the app: that is one allocation, and no copy.
func TestValuesAreCutFromBytesThatNobodyElseHas(t *testing.T) {
	values := map[string][]byte{}
	for i := range 8 {
		values[fmt.Sprint(i)] = make([]byte, 100)
	}
	spare := plain(Change(nil, values, 1, Timestamp{1, 1}))
	r, err := Decode(bytes.Clone(spare), aKey, nil, readAt)
	if err != nil {
		t.Fatal(err)
	}
	if cut, copied := testing.AllocsPerRun(100, func() { r.ValuesFrom(spare) }), testing.AllocsPerRun(100, func() { r.Values() }); cut >= copied {
		t.Errorf("%v allocations, and %v of a copy", cut, copied)
	}
	r.ValuesFrom(spare)["3"][50] = 'x'
	if n := bytes.Count(spare, []byte("x")); n != 1 {
		t.Errorf("the values were copied: %d", n)
	}
}
