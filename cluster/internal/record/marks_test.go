package record

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// An instance from before the marks reads them as removed attributes: it shows them to
// no app, and keeps them when it saves.
func TestAMarkIsARemovalToReadersThatDoNotKnowIt(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 6))
	seal := mustSealer(t, false, 1)
	both := 0
	for range 500 {
		s := anyRecord(r)
		if s == nil || s.tombstone {
			continue
		}
		marks := 0
		if s.deadlineCap != 0 {
			marks++
		}
		if s.latestEnd != 0 {
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
		before, err := decodeBody(body, 0, false, latestClock(readAt))
		if err != nil {
			t.Fatalf("%s cannot be read: %v", show(s), err)
		}
		if len(before.attrs) != len(s.attrs)+marks || len(before.Values()) != len(s.Values()) {
			t.Fatalf("%s is read as %s", show(s), show(before))
		}
		saved := Change(before, before.Values(), before.deadline, Timestamp{before.Newest() + 1, 9}).CollectTombstones(before)
		got, err := Decode(sealedBytes(t, saved, seal), aKey, seal, readAt)
		unmarked := Change(s, s.Values(), s.deadline, Timestamp{s.Newest() + 1, 9}).CollectTombstones(s)
		if err != nil || got.deadlineCap != s.deadlineCap || got.latestEnd != s.latestEnd || len(got.attrs) != len(unmarked.attrs) {
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
	s.capBy(800)
	s.setLatestEnd(5000)
	before, err := decodeBody(bodyOf(plain(s)), 0, false, latestClock(readAt))
	if err != nil {
		t.Fatal(err)
	}
	saved := Change(before, before.Values(), 3000, Timestamp{before.Newest() + 1, 9})
	saved.latestEnd = 0 // it knows of none
	if got, err := read(plain(saved)); err != nil || got.deadline != 800 || got.deadlineCap != 800 || got.latestEnd != 5000 {
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
		{"a mark", removal(capPrefix+"500", 1), 500, 0},
		{"with a value", value(capPrefix+"500", "x", 1), 500, 0},
		{"without a number", removal(capPrefix, 1), 0, 0},
		{"no number", removal(capPrefix+"soon", 1), 0, 0},
		{"zero", removal(capPrefix+"0", 1), 0, 0},
		{"negative", removal(capPrefix+"-5", 1), 0, 0},
		{"too large", removal(capPrefix+"99999999999999999999", 1), 0, 0},
		{"later than the deadline", removal(capPrefix+"5000", 1), 5000, 0},
		{"a latest end", removal(latestPrefix+"5000", 1), 0, 5000},
		{"a latest end with a value", value(latestPrefix+"5000", "x", 1), 0, 5000},
		{"a latest end before the deadline", removal(latestPrefix+"900", 1), 0, 0},
		{"a latest end without a number", removal(latestPrefix, 1), 0, 0},
		{"a latest end that is negative", removal(latestPrefix+"-5000", 1), 0, 0},
		{"a latest end too large for a number", removal(latestPrefix+"99999999999999999999", 1), 0, 0},
		{"a latest end behind the last of days", removal(latestPrefix+"9223372036854775807", 1), 0, MaxDeadline},
	} {
		got, err := read(plain(liveAt(1000, value("a", "1", 1), c.attr)))
		want := liveAt(1000, value("a", "1", 1))
		if c.until > 0 {
			want.capBy(c.until)
		}
		want.latestEnd = c.latest
		if err != nil || !sameRecord(got, want) {
			t.Errorf("%s: %s, %v, want %s", c.why, show(got), err, show(want))
			continue
		}
		if again, err := read(plain(got)); err != nil || !sameRecord(again, got) {
			t.Errorf("%s: comes back as %s, %v", c.why, show(again), err)
		}
	}
	// An app's attribute of that name is lost, and nothing else with it.
	s := liveAt(1000, value("a", "1", 1), value(capPrefix+"500", "x", 1))
	s.capBy(500)
	if got, err := read(plain(s)); err != nil || got.deadlineCap != 500 || len(got.attrs) != 1 {
		t.Errorf("%s, %v", show(got), err)
	}
}

// Of several marks, of instances that did not know of each other, the earliest last end holds and
// the latest of the latest ends. One of each is written.
func TestOfSeveralMarksOneOfEachHolds(t *testing.T) {
	s := liveAt(1000, removal(capPrefix+"900", 1), removal(capPrefix+"800", 1),
		removal(latestPrefix+"3000", 1), removal(latestPrefix+"20000", 1), value("a", "1", 1))
	got, err := read(plain(s))
	if err != nil || got.deadline != 800 || got.deadlineCap != 800 || got.latestEnd != 20000 || len(got.attrs) != 1 {
		t.Fatalf("%s, %v", show(got), err)
	}
	b := plain(got)
	if n := bytes.Count(b, []byte(capPrefix)) + bytes.Count(b, []byte(latestPrefix)); n != 2 {
		t.Errorf("%d marks are written", n)
	}
}

// A record that came without a seal tells of no longer copies than would be believed.
func TestWithoutASealALatestEndIsBounded(t *testing.T) {
	now := readAt
	s := liveAt(now.UnixMilli()+1000, value("a", "1", now.UnixMicro()))
	s.setLatestEnd(MaxDeadline)
	s = s.BoundUnsealed(now, 24*time.Hour)
	if want := now.Add(mostUnsealed).UnixMilli(); s.latestEnd != want || s.deadline != now.UnixMilli()+1000 {
		t.Errorf("%s, want the latest end %d", show(s), want)
	}
}
