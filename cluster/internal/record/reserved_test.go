package record

import (
	"bytes"
	"testing"
)

const lockName = ReservedPrefix + "lock"

// What this library keeps in a session is not the app's to see, to change, or to replace.
func TestReservedAttributesAreNotTheApps(t *testing.T) {
	at := func(clock int64) Timestamp { return Timestamp{Clock: clock, Writer: 7} }
	r := Change(nil, map[string][]byte{"a": []byte("1"), lockName: []byte("forged")}, 1000, at(1))
	if v, ok := r.Reserved(lockName); ok {
		t.Fatalf("the app has set a reserved attribute: %q", v)
	}
	r = r.WithReserved(lockName, []byte("held"), at(2))
	if got := r.Values(); len(got) != 1 || !bytes.Equal(got["a"], []byte("1")) {
		t.Errorf("the app sees %q", got)
	}
	for name, changed := range map[string]*Record{
		"a change":                Change(r, map[string][]byte{"b": []byte("2")}, 1000, at(3)),
		"no attribute at all":     Change(r, nil, 1000, at(3)),
		"a change of the lock":    Change(r, map[string][]byte{lockName: []byte("forged")}, 1000, at(3)),
		"a replacement":           Merge(Change(nil, nil, 1000, at(3)).Replacing(r, at(3)), r),
		"the value that it has":   r.WithReserved(lockName, []byte("held"), at(3)),
		"a merge with an old one": Merge(r, Change(nil, map[string][]byte{"a": []byte("1")}, 1000, at(1))),
	} {
		if v, ok := changed.Reserved(lockName); !ok || string(v) != "held" {
			t.Errorf("after %s it is %q, %v", name, v, ok)
		}
	}
	if same := r.WithReserved(lockName, []byte("held"), at(9)); same != r {
		t.Error("a value that was there already has got a new timestamp")
	}
	gone := r.WithReserved(lockName, nil, at(4))
	if v, ok := Merge(gone, r).Reserved(lockName); ok {
		t.Errorf("it was removed, and is %q", v)
	}
	if r.Equal(gone) || !gone.Includes(r) {
		t.Error("a removal is no change")
	}
}
