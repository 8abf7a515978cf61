package cluster

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// An instance from before the marks reads them as removed attributes: it shows them to
// no app, and keeps them when it saves.
func TestAMarkIsARemovalToReadersThatDoNotKnowIt(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 6))
	seal := mustSealer(t, false, 1)
	both := 0
	for range 500 {
		s := anyRecord(r)
		if s == nil || s.destroyed {
			continue
		}
		marks := 0
		if s.until != 0 {
			marks++
		}
		if s.latest != 0 {
			marks++
		}
		if marks == 2 {
			both++
		}
		b := sealedBytes(t, s, seal)
		if b[1] != 1 || b[2] != flagSealed {
			t.Fatalf("format %d, flags %#x", b[1], b[2])
		}
		body, err := seal.open(b[:len(b)-checksumSize], aKey)
		if err != nil {
			t.Fatal(err)
		}
		before, err := decodeBody(body, false, latestClock(readAt))
		if err != nil {
			t.Fatalf("%s cannot be read: %v", show(s), err)
		}
		if len(before.attrs) != len(s.attrs)+marks || len(before.values()) != len(s.values()) {
			t.Fatalf("%s is read as %s", show(s), show(before))
		}
		saved := change(before, before.values(), before.deadline, stamp{before.newest() + 1, 9}).forget(before)
		got, err := decode(sealedBytes(t, saved, seal), aKey, seal, readAt)
		unmarked := change(s, s.values(), s.deadline, stamp{s.newest() + 1, 9}).forget(s)
		if err != nil || got.until != s.until || got.latest != s.latest || len(got.attrs) != len(unmarked.attrs) {
			t.Fatalf("%s\nis after a save %s, %v", show(s), show(got), err)
		}
	}
	if both == 0 {
		t.Error("no record had both marks")
	}
}

// An instance from before the marks that prolongs the session past an end that it does not know of
// changes nothing about it.
func TestASaveThatDoesNotKnowTheMarksMovesNone(t *testing.T) {
	s := liveAt(1000, value("a", "1", 1))
	s.endBy(800)
	s.livedUntil(5000)
	before, err := decodeBody(bodyOf(plain(s)), false, latestClock(readAt))
	if err != nil {
		t.Fatal(err)
	}
	saved := change(before, before.values(), 3000, stamp{before.newest() + 1, 9})
	saved.latest = 0 // it knows of none
	if got, err := read(plain(saved)); err != nil || got.deadline != 800 || got.until != 800 || got.latest != 5000 {
		t.Errorf("%s, %v", show(got), err)
	}
}

// Marks say what anybody can write where nothing is sealed: none of them harms the record.
func TestMarksThatNobodyWroteAreHarmless(t *testing.T) {
	for _, c := range []struct {
		why           string
		attr          attribute
		until, latest int64
	}{
		{"a mark", removal(markPrefix+"500", 1), 500, 0},
		{"with a value", value(markPrefix+"500", "x", 1), 500, 0},
		{"without a number", removal(markPrefix, 1), 0, 0},
		{"no number", removal(markPrefix+"soon", 1), 0, 0},
		{"zero", removal(markPrefix+"0", 1), 0, 0},
		{"negative", removal(markPrefix+"-5", 1), 0, 0},
		{"too large", removal(markPrefix+"99999999999999999999", 1), 0, 0},
		{"later than the deadline", removal(markPrefix+"5000", 1), 5000, 0},
		{"a latest end", removal(latestPrefix+"5000", 1), 0, 5000},
		{"a latest end with a value", value(latestPrefix+"5000", "x", 1), 0, 5000},
		{"a latest end before the deadline", removal(latestPrefix+"900", 1), 0, 0},
		{"a latest end without a number", removal(latestPrefix, 1), 0, 0},
		{"a latest end that is negative", removal(latestPrefix+"-5000", 1), 0, 0},
		{"a latest end too large for a number", removal(latestPrefix+"99999999999999999999", 1), 0, 0},
		{"a latest end behind the last of days", removal(latestPrefix+"9223372036854775807", 1), 0, maxDeadline},
	} {
		got, err := read(plain(liveAt(1000, value("a", "1", 1), c.attr)))
		want := liveAt(1000, value("a", "1", 1))
		if c.until > 0 {
			want.endBy(c.until)
		}
		want.latest = c.latest
		if err != nil || !sameRecord(got, want) {
			t.Errorf("%s: %s, %v, want %s", c.why, show(got), err, show(want))
			continue
		}
		if again, err := read(plain(got)); err != nil || !sameRecord(again, got) {
			t.Errorf("%s: comes back as %s, %v", c.why, show(again), err)
		}
	}
	// An app's attribute of that name is lost, and nothing else with it.
	s := liveAt(1000, value("a", "1", 1), value(markPrefix+"500", "x", 1))
	s.endBy(500)
	if got, err := read(plain(s)); err != nil || got.until != 500 || len(got.attrs) != 1 {
		t.Errorf("%s, %v", show(got), err)
	}
}

// Of several marks, of instances that did not know of each other, the earliest last end holds and
// the latest of the latest ends. One of each is written.
func TestOfSeveralMarksOneOfEachHolds(t *testing.T) {
	s := liveAt(1000, removal(markPrefix+"900", 1), removal(markPrefix+"800", 1),
		removal(latestPrefix+"3000", 1), removal(latestPrefix+"20000", 1), value("a", "1", 1))
	got, err := read(plain(s))
	if err != nil || got.deadline != 800 || got.until != 800 || got.latest != 20000 || len(got.attrs) != 1 {
		t.Fatalf("%s, %v", show(got), err)
	}
	b := plain(got)
	if n := bytes.Count(b, []byte(markPrefix)) + bytes.Count(b, []byte(latestPrefix)); n != 2 {
		t.Errorf("%d marks are written", n)
	}
}

// A record that came without a seal tells of no longer copies than would be believed.
func TestWithoutASealALatestEndIsBounded(t *testing.T) {
	now := readAt
	s := liveAt(now.UnixMilli()+1000, value("a", "1", now.UnixMicro()))
	s.livedUntil(maxDeadline)
	s.boundUnsealed(now, DefaultLifetime)
	if want := now.Add(mostUnsealed).UnixMilli(); s.latest != want || s.deadline != now.UnixMilli()+1000 {
		t.Errorf("%s, want the latest end %d", show(s), want)
	}
}
