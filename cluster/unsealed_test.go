package cluster

import (
	"math/rand/v2"
	"testing"
	"time"
)

// An instance from before the mark reads it as one more removed attribute: it shows it to
// no app, and keeps it when it saves.
func TestTheMarkIsARemovalToReadersThatDoNotKnowIt(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 6))
	seal := mustSealer(t, false, 1)
	for range 500 {
		s := anyRecord(r)
		if s == nil || s.destroyed {
			continue
		}
		s.endBy(1 + anyDeadline(r))
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
		if len(before.attrs) != len(s.attrs)+1 || len(before.values()) != len(s.values()) {
			t.Fatalf("%s is read as %s", show(s), show(before))
		}
		saved := change(before, before.values(), min(before.deadline+1000, maxDeadline), stamp{before.newest() + 1, 9}).forget(before)
		got, err := decode(sealedBytes(t, saved, seal), aKey, seal, readAt)
		unmarked := change(s, s.values(), s.deadline, stamp{s.newest() + 1, 9}).forget(s)
		if err != nil || got.until != s.until || got.deadline > s.until || len(got.attrs) != len(unmarked.attrs) {
			t.Fatalf("%s\nis after a save %s, %v", show(s), show(got), err)
		}
	}
}

// Marks say what anybody can write where nothing is sealed: none of them harms the record.
func TestMarksThatNobodyWroteAreHarmless(t *testing.T) {
	for _, c := range []struct {
		why   string
		attr  attribute
		until int64
	}{
		{"a mark", removal(markPrefix+"500", 1), 500},
		{"with a value", value(markPrefix+"500", "x", 1), 500},
		{"without a number", removal(markPrefix, 1), 0},
		{"no number", removal(markPrefix+"soon", 1), 0},
		{"zero", removal(markPrefix+"0", 1), 0},
		{"negative", removal(markPrefix+"-5", 1), 0},
		{"too large", removal(markPrefix+"99999999999999999999", 1), 0},
		{"later than the deadline", removal(markPrefix+"5000", 1), 5000},
	} {
		got, err := read(plain(liveAt(1000, value("a", "1", 1), c.attr)))
		want := liveAt(1000, value("a", "1", 1))
		if c.until > 0 {
			want.endBy(c.until)
		}
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

// Instances that seal one session at the same time give it the same last end.
func TestTheLastEndIsThatOfTheRecordNotOfTheReader(t *testing.T) {
	now := time.UnixMilli(1e12)
	s := &stored{deadline: 1e12 + 5000, dstamp: stamp{1e15, 1}}
	for _, later := range []time.Duration{0, time.Second, time.Hour} {
		got := *s
		got.boundUnsealed(now.Add(later), DefaultLifetime)
		if want := int64(1e12) + DefaultLifetime.Milliseconds(); got.until != want || got.deadline != s.deadline {
			t.Errorf("read %v later: %s, want until %d", later, show(&got), want)
		}
	}
}
