package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func TestWhatASessionSaysOfItsOwner(t *testing.T) {
	for _, o := range []owned{
		{owner: record.OwnerKey([32]byte{1}), created: 1},
		{owner: record.OwnerKey([32]byte{2}), created: record.MaxDeadline, label: "Firefox\x00, 192.0.2.7", epochs: []epoch{{1}, {2}, {3}}},
	} {
		b := o.encode()
		got, err := decodeOwned(b)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(o) {
			t.Errorf("%v came back as %v, %v", o, got, err)
		}
		for cut := range len(b) - len(o.label) {
			if got, err := decodeOwned(b[:cut]); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%d bytes of %d: %v, %v", cut, len(b), got, err)
			}
		}
		b[0]++
		if _, err := decodeOwned(b); !errors.Is(err, ErrVersion) {
			t.Errorf("a later format: %v", err)
		}
	}
}

// The bytes of this format stay readable: instances of several versions share nodes.
func TestTheBytesOfOwnersStay(t *testing.T) {
	o := owned{owner: record.OwnerKey([32]byte{7}), created: 1_700_000_000_000, label: "Firefox", epochs: []epoch{{9, 8, 7, 6, 5, 4, 3, 2}}}
	const want = "\x01\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00hf-owner" + "\x80\xd0\x95\xff\xbc1" + "\x01\x09\x08\x07\x06\x05\x04\x03\x02Firefox"
	if b := o.encode(); string(b) != want {
		t.Errorf("a session says %q", b)
	}
	key := record.KeyOf("id")
	attrs := ownerChange{
		enter: []ownerEntry{{key, 1_700_000_000_000, 1_700_000_000_001}},
		begin: []begun{{name: epoch{1}, spare: []record.Key{key}}},
	}.apply(nil, 1)
	if len(attrs) != 2 || string(attrs["s"+string(key[:])]) != "\x80\xd0\x95\xff\xbc1\x81\xd0\x95\xff\xbc1" || !bytes.Equal(attrs["e\x01\x00\x00\x00\x00\x00\x00\x00"], key[:]) {
		t.Errorf("an owner's record says %q", attrs)
	}
}

func TestAnOwnersRecordForgetsTheOldest(t *testing.T) {
	const now = 1000
	at := record.Timestamp{Clock: 1, Writer: 1}
	var all ownerChange
	key := func(i int) record.Key { return record.KeyOf(fmt.Sprint(i)) }
	for i := range mostListed {
		all.enter = append(all.enter, ownerEntry{key(i), int64(i), 5000})
	}
	all.enter[7].until = now // its time is over
	r := record.Change(nil, all.apply(nil, now), 5000, at)
	if o := ownerRecordIn(r, now); len(o.sessions) != mostListed-1 {
		t.Fatalf("%d are listed", len(o.sessions))
	}
	next := ownerChange{enter: []ownerEntry{{key(1000), 1000, 5000}, {key(1001), 1001, 5000}}, remove: []record.Key{key(20)}}
	r = record.Change(r, next.apply(r, now), 5000, at)
	o := ownerRecordIn(r, now)
	for i, want := range map[int]bool{0: true, 1: true, 7: false, 20: false, 1000: true, 1001: true} {
		if _, ok := o.lists(key(i)); ok != want {
			t.Errorf("session %d is listed: %v", i, ok)
		}
	}
	more := ownerChange{enter: []ownerEntry{{key(2000), 2000, 5000}}}
	o = ownerRecordIn(record.Change(r, more.apply(r, now), 5000, at), now)
	if _, ok := o.lists(key(0)); ok || len(o.sessions) != mostListed {
		t.Errorf("the oldest is listed: %v, of %d", ok, len(o.sessions))
	}
	if o := ownerRecordIn(r, 5000); len(o.sessions) != 0 {
		t.Errorf("a record whose time is over lists %d", len(o.sessions))
	}
}

// Whatever lies under an owner's key, reading it does no harm.
func FuzzOwnerRecord(f *testing.F) {
	f.Add("s"+strings.Repeat("k", 32), []byte{1, 2})
	f.Add("e12345678", bytes.Repeat([]byte{1}, 70))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if o, err := decodeOwned(value); err == nil {
			if again, err := decodeOwned(o.encode()); err != nil || !slices.Equal(again.epochs, o.epochs) || again.label != o.label {
				t.Errorf("%v came back as %v, %v", o, again, err)
			}
		}
		r := record.Change(nil, map[string][]byte{name: value}, 5000, record.Timestamp{Clock: 1, Writer: 1})
		o := ownerRecordIn(r, 1)
		o.ends(record.KeyOf("x"), nil)
		ownerChange{enter: o.sessions}.apply(r, 1)
	})
}

func TestLabelsAreBoundedText(t *testing.T) {
	for _, c := range []struct{ label, want string }{
		{"", ""},
		{"Firefox on Linux", "Firefox on Linux"},
		{"bad \xff bytes", "bad \uFFFD bytes"},
		{strings.Repeat("x", MaxLabelBytes+1), strings.Repeat("x", MaxLabelBytes)},
		{strings.Repeat("x", MaxLabelBytes-1) + "é", strings.Repeat("x", MaxLabelBytes-1)},
	} {
		if got := shortened(c.label); got != c.want {
			t.Errorf("%q is kept as %q", c.label, got)
		}
	}
}

func TestEpochs(t *testing.T) {
	key, other := record.KeyOf("key"), record.KeyOf("other")
	one, two := begun{name: epoch{1}}, begun{name: epoch{2}, spare: []record.Key{key}}
	for _, c := range []struct {
		what  string
		begun []begun
		seen  []epoch
		key   record.Key
		ends  bool
	}{
		{"none in force", nil, nil, key, false},
		{"one that the session has not seen begin", []begun{one}, nil, key, true},
		{"one that it has seen begin", []begun{one}, []epoch{{1}}, key, false},
		{"one that spares it", []begun{two}, nil, key, false},
		{"one that spares another", []begun{two}, nil, other, true},
		{"two, of which one spares it", []begun{one, two}, nil, key, true},
		{"two, of which it has seen one and the other spares it", []begun{one, two}, []epoch{{1}}, key, false},
		{"one that took the place of the one that it has seen", []begun{one}, []epoch{{2}}, key, true},
	} {
		if o := (&ownerRecord{epochs: c.begun}); o.ends(c.key, c.seen) != c.ends {
			t.Errorf("%s: ended %v", c.what, !c.ends)
		}
	}
}

// Readings are forgotten when they are of no use any more.
func TestReadingsOfOwnersAreFewAndNewest(t *testing.T) {
	os := &owners{keep: time.Hour}
	at := time.Now()
	first, later := &ownerRecord{}, &ownerRecord{}
	os.put(record.Key{1}, later, at)
	os.put(record.Key{1}, first, at.Add(-time.Second))
	if o, _ := os.get(record.Key{1}); o != later {
		t.Error("an older reading has taken the place of a newer one")
	}
	large := &ownerRecord{sessions: make([]ownerEntry, mostListed), epochs: []begun{{spare: make([]record.Key, 7)}}}
	for i := range 10 * mostOwned / mostListed {
		os.put(record.Key{9, byte(i >> 16), byte(i >> 8), byte(i)}, large, at)
	}
	if held := len(os.read.young) + len(os.read.old); held > mostOwned/mostListed || held < mostOwned/mostListed/4 {
		t.Errorf("%d large records are kept", held)
	}
	for range 2 * mostOwned / mostListed { // the same one again and again takes no more room
		os.put(record.Key{8}, large, at)
	}
	if held := len(os.read.young) + len(os.read.old); held < mostOwned/mostListed/4 {
		t.Errorf("%d are left", held)
	}
	os.put(record.Key{1}, later, at)
	os.keep = 0
	os.put(record.Key{2}, later, at)
	os.put(record.Key{3}, later, at)
	if o, _ := os.get(record.Key{1}); o != nil {
		t.Error("an old reading is kept")
	}
}
