package owner

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func TestWhatASessionSaysOfItsOwner(t *testing.T) {
	for _, o := range []Owned{
		{Owner: record.OwnerKey([32]byte{1}), Created: 1},
		{Owner: record.OwnerKey([32]byte{2}), Created: record.MaxDeadline, Label: "Firefox\x00, 192.0.2.7", Epochs: []Epoch{{1}, {2}, {3}}},
	} {
		b := o.encode()
		got, err := decode(b)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(o) {
			t.Errorf("%v came back as %v, %v", o, got, err)
		}
		for cut := range len(b) - len(o.Label) {
			if got, err := decode(b[:cut]); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes of %d: %v, %v", cut, len(b), got, err)
			}
		}
		b[0]++
		if _, err := decode(b); !errors.Is(err, record.ErrVersion) {
			t.Errorf("a later format: %v", err)
		}
	}
}

// The bytes of this format stay readable: instances of several versions share nodes.
func TestTheBytesOfOwnersStay(t *testing.T) {
	o := Owned{Owner: record.OwnerKey([32]byte{7}), Created: 1_700_000_000_000, Label: "Firefox", Epochs: []Epoch{{9, 8, 7, 6, 5, 4, 3, 2}}}
	const want = "\x01\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00hf-owner" + "\x80\xd0\x95\xff\xbc1" + "\x01\x09\x08\x07\x06\x05\x04\x03\x02Firefox"
	if b := o.encode(); string(b) != want {
		t.Errorf("a session says %q", b)
	}
	key := record.KeyOf("id")
	attrs := Change{
		enter: []Entry{{key, 1_700_000_000_000, 1_700_000_000_001}},
		begin: []begun{{name: Epoch{1}, spare: []record.Key{key}}},
	}.apply(nil, 1)
	if len(attrs) != 2 || string(attrs["s"+string(key[:])]) != "\x80\xd0\x95\xff\xbc1\x81\xd0\x95\xff\xbc1" || !bytes.Equal(attrs["e\x01\x00\x00\x00\x00\x00\x00\x00"], key[:]) {
		t.Errorf("an owner's record says %q", attrs)
	}
}

func TestAnOwnersRecordForgetsTheOldest(t *testing.T) {
	const now = 1000
	at := record.Timestamp{Clock: 1, Writer: 1}
	var all Change
	key := func(i int) record.Key { return record.KeyOf(fmt.Sprint(i)) }
	for i := range MostListed {
		all.enter = append(all.enter, Entry{key(i), int64(i), 5000})
	}
	all.enter[7].Until = now // its time is over
	r := record.Change(nil, all.apply(nil, now), 5000, at)
	if o := Read(r, now); len(o.Sessions) != MostListed-1 {
		t.Fatalf("%d are listed", len(o.Sessions))
	}
	next := Change{enter: []Entry{{key(1000), 1000, 5000}, {key(1001), 1001, 5000}}, remove: []record.Key{key(20)}}
	r = record.Change(r, next.apply(r, now), 5000, at)
	o := Read(r, now)
	for i, want := range map[int]bool{0: true, 1: true, 7: false, 20: false, 1000: true, 1001: true} {
		if _, ok := o.Entry(key(i)); ok != want {
			t.Errorf("session %d is listed: %v", i, ok)
		}
	}
	more := Change{enter: []Entry{{key(2000), 2000, 5000}}}
	o = Read(record.Change(r, more.apply(r, now), 5000, at), now)
	if _, ok := o.Entry(key(0)); ok || len(o.Sessions) != MostListed {
		t.Errorf("the oldest is listed: %v, of %d", ok, len(o.Sessions))
	}
	if o := Read(r, 5000); len(o.Sessions) != 0 {
		t.Errorf("a record whose time is over lists %d", len(o.Sessions))
	}
}

// Whatever lies under an owner's key, reading it does no harm.
func FuzzOwnerRecord(f *testing.F) {
	f.Add("s"+strings.Repeat("k", 32), []byte{1, 2})
	f.Add("e12345678", bytes.Repeat([]byte{1}, 70))
	f.Add("a label that is no text", []byte("\x01"+strings.Repeat("0", 33)+"\x01"+strings.Repeat("0", 8)+"\xf4"))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		if o, err := decode(value); err == nil {
			if again, err := decode(o.encode()); err != nil || !slices.Equal(again.Epochs, o.Epochs) || again.Label != o.Label {
				t.Errorf("%v came back as %v, %v", o, again, err)
			}
		}
		r := record.Change(nil, map[string][]byte{name: value}, 5000, record.Timestamp{Clock: 1, Writer: 1})
		o := Read(r, 1)
		o.Ends(record.KeyOf("x"), nil)
		Change{enter: o.Sessions}.apply(r, 1)
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
	one, two := begun{name: Epoch{1}}, begun{name: Epoch{2}, spare: []record.Key{key}}
	for _, c := range []struct {
		what  string
		begun []begun
		seen  []Epoch
		key   record.Key
		ends  bool
	}{
		{"none in force", nil, nil, key, false},
		{"one that the session has not seen begin", []begun{one}, nil, key, true},
		{"one that it has seen begin", []begun{one}, []Epoch{{1}}, key, false},
		{"one that spares it", []begun{two}, nil, key, false},
		{"one that spares another", []begun{two}, nil, other, true},
		{"two, of which one spares it", []begun{one, two}, nil, key, true},
		{"two, of which it has seen one and the other spares it", []begun{one, two}, []Epoch{{1}}, key, false},
		{"one that took the place of the one that it has seen", []begun{one}, []Epoch{{2}}, key, true},
	} {
		if o := (&Record{begun: c.begun}); o.Ends(c.key, c.seen) != c.ends {
			t.Errorf("%s: ended %v", c.what, !c.ends)
		}
	}
}
