package record

import (
	"fmt"
	"testing"
)

// This file tests how long attribute tombstones are kept, and what the GC watermark refuses.

func TestAttributeTombstonesAreCollectedAfterTheGCGraceAndNotBefore(t *testing.T) {
	old := liveAt(1, value("a", "1", 10), value("b", "2", 10))
	keep := map[string][]byte{"b": []byte("2")}
	gone := Change(old, keep, 1, Timestamp{20, 2})

	read := func(clock int64) *Record { return Merge(gone, liveAt(1, value("b", "3", clock))) }
	within := gone.CollectTombstones(read(20 + hour))
	if a := version(within, "a"); len(within.attrs) != 2 || !a.tombstone || within.watermark != 0 {
		t.Fatalf("collected within the GC grace: %s", show(within))
	}
	later := gone.CollectTombstones(read(20 + hour + 1))
	if len(later.attrs) != 1 || later.watermark != 21 {
		t.Fatalf("not collected, or the watermark is not raised over it: %s", show(later))
	}
	for _, s := range []*Record{Merge(later, old), Merge(old, later)} {
		if _, back := s.Values()["a"]; back {
			t.Fatalf("an old copy brings back what was collected: %s", show(s))
		}
		if string(s.Values()["b"]) != "2" {
			t.Fatalf("an attribute older than the watermark is lost: %s", show(s))
		}
	}
	// The watermark says nothing of a name that was set anew after it.
	fresh := liveAt(1, value("a", "new", 22))
	if s := Merge(later, fresh); string(s.Values()["a"]) != "new" {
		t.Fatalf("the watermark swallows a newer attribute: %s", show(s))
	}
}

func TestCollectingNeverLowersTheWatermark(t *testing.T) {
	base := liveAt(1, removal("a", 10))
	base.watermark = 3 * hour
	base.attrs = []attribute{removal("a", 3*hour+1)}
	got := Change(base, nil, 2, Timestamp{3*hour + 2, 1}).CollectTombstones(base)
	if got.watermark != 3*hour || len(got.attrs) != 1 {
		t.Fatalf("got %s", show(got))
	}
}

// What is about to be written says nothing of what others have written since the read.
func TestOnlyWhatWasReadIsCollected(t *testing.T) {
	read := liveAt(1, removal("a", 10), value("b", "1", 20))
	late := Change(read, map[string][]byte{"b": []byte("2")}, 1, Timestamp{20 + 2*hour, 1}).CollectTombstones(read)
	if late.watermark != 0 || len(late.attrs) != 2 {
		t.Fatalf("a save that came late has raised the watermark: %s", show(late))
	}
	others := liveAt(1, value("c", "3", hour))
	if s := Merge(late, others); string(s.Values()["c"]) != "3" {
		t.Fatalf("it swallows what others have written since: %s", show(s))
	}
}

func TestARecordKeepsABoundedNumberOfAttributeTombstones(t *testing.T) {
	s := liveAt(1, value("keep", "1", 1))
	for i := range 3 * maxTombstones {
		clock := int64(10 + 2*i)
		with := s.Values()
		with[fmt.Sprint("nonce", i)] = []byte("x")
		s = Change(s, with, 1, Timestamp{clock, 1}).CollectTombstones(s)
		delete(with, fmt.Sprint("nonce", i))
		s = Change(s, with, 1, Timestamp{clock + 1, 1}).CollectTombstones(s)
	}
	if n := len(s.attrs); n > maxTombstones+2 {
		t.Errorf("%d attributes, of which one has a value", n)
	}
	if string(s.Values()["keep"]) != "1" {
		t.Error("a value older than all attribute tombstones is lost")
	}
	for _, a := range []attribute{value("nonce0", "x", 10), value(fmt.Sprint("nonce", 3*maxTombstones-1), "x", 10)} {
		if got := Merge(s, liveAt(1, a)); len(got.Values()) != 1 {
			t.Errorf("an old copy brings %s back", a.name)
		}
	}
}

// A value that its save has stored on one node only, and that meets a record which has
// collected attribute tombstones since, is written again, above the watermark.
func TestAValueUnderWayIsNotCollected(t *testing.T) {
	at, later := Timestamp{50, 1}, Timestamp{99, 1}
	ours := liveAt(1, value("old", "1", 5), value("gone", "1", 40), attribute{name: "mine", timestamp: at, value: []byte("1")})
	stood := liveAt(1, value("old", "1", 5))
	stood.watermark = 60
	got := Merge(stood, ours.RetimeCollected(stood, at, later))
	if v := version(got, "mine"); string(v.value) != "1" || v.timestamp != later {
		t.Errorf("got %s", show(got))
	}
	if _, back := got.Values()["gone"]; back {
		t.Errorf("what others have removed is back: %s", show(got))
	}
	listed := liveAt(1, removal("mine", 55))
	listed.watermark = 50
	if got := ours.RetimeCollected(listed, at, later); got != ours {
		t.Errorf("an attribute tombstone of others is overruled: %s", show(got))
	}
}
