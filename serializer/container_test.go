package serializer

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"
	"time"
)

func TestAContainerIsCutAndJoined(t *testing.T) {
	values := map[string]any{"": 1, "cart": []Item{{SKU: "a"}}, "!deadline": "mine", "sname": nil, "k\x01": true}
	b, err := Codec{}.Encode(noon, values)
	if err != nil {
		t.Fatal(err)
	}
	attrs, ok := Split(b)
	if !ok || len(attrs) != len(values)+1 {
		t.Fatalf("%v, %d attributes", ok, len(attrs))
	}
	for key, value := range values {
		name, err := MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(attrs[name], want) {
			t.Errorf("attribute %q is %x, want %x", name, attrs[name], want)
		}
	}
	deadline, err := Unmarshal(attrs[DeadlineAttr])
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, deadline, noon)
	if !Splittable(attrs) || !bytes.Equal(Join(attrs), b) {
		t.Error("the attributes do not join to what they were cut from")
	}
}

func TestOnlyTheAttributesOfASessionAreSplittable(t *testing.T) {
	session := func(name string, value []byte) map[string][]byte {
		return map[string][]byte{DeadlineAttr: {1}, "sa": {2}, name: value}
	}
	for name, c := range map[string]struct {
		attrs map[string][]byte
		want  bool
	}{
		"session":             {session("sb", []byte{3}), true},
		"long name and value": {session("s"+string(make([]byte, 1000)), make([]byte, 100_000)), true},
		"deadline only":       {map[string][]byte{DeadlineAttr: {1}}, true},
		"nothing":             {nil, false},
		"no deadline":         {map[string][]byte{"sa": {1}}, false},
		"foreign attribute":   {session("!payload", []byte{1}), false},
		"other key":           {session("k\x01", []byte{1}), false},
		"empty name":          {session("", []byte{1}), false},
		"empty value":         {session("sb", nil), false},
	} {
		if got := Splittable(c.attrs); got != c.want {
			t.Errorf("%s: Splittable is %v", name, got)
		}
		b := Join(c.attrs)
		attrs, ok := Split(b)
		if ok != c.want || ok && !reflect.DeepEqual(attrs, c.attrs) || !ok && b != nil {
			t.Errorf("%s: joined to %x, cut to %v, %v", name, b, attrs, ok)
		}
	}
}

func TestWhatIsNoContainerIsNotCut(t *testing.T) {
	good := Join(map[string][]byte{DeadlineAttr: {1}, "sa": {2}, "sb": {3}})
	var ofGob bytes.Buffer
	if err := gob.NewEncoder(&ofGob).Encode(struct {
		Deadline time.Time
		Values   map[string]any
	}{noon, map[string]any{"a": 1}}); err != nil {
		t.Fatal(err)
	}
	swap := func(old, with string) []byte {
		b := bytes.Replace(good, []byte(old), []byte(with), 1)
		if bytes.Equal(b, good) {
			t.Fatalf("%q is not in the container", old)
		}
		return b
	}
	cases := map[string][]byte{
		"nothing":                nil,
		"magic only":             good[:1],
		"no deadline":            good[:2],
		"gob":                    ofGob.Bytes(),
		"text":                   []byte(`{"a":1}`),
		"another magic":          append([]byte{0xc2}, good[1:]...),
		"another version":        append([]byte{good[0], containerVersion + 1}, good[2:]...),
		"key without a value":    append(bytes.Clone(good), 1, 'c'),
		"something behind":       append(bytes.Clone(good), 0),
		"keys out of order":      swap("\x01a\x01\x02\x01b", "\x01b\x01\x02\x01a"),
		"key twice":              swap("\x01b", "\x01a"),
		"empty deadline":         swap("\x01\x01\x01a", "\x00\x01a"),
		"empty value":            append(bytes.Clone(good[:len(good)-2]), 0),
		"length past the end":    append(bytes.Clone(good[:len(good)-2]), 9, 3),
		"length in too many":     append(bytes.Clone(good[:len(good)-2]), 0x81, 0x00, 3),
		"length of eleven bytes": append(bytes.Clone(good[:len(good)-2]), bytes.Repeat([]byte{0xff}, 11)...),
		"length of 2^63":         append(append(bytes.Clone(good[:len(good)-2]), bytes.Repeat([]byte{0xff}, 9)...), 1, 3),
	}
	for n := range good {
		if attrs, ok := Split(good[:n]); ok && len(attrs) == 3 {
			t.Errorf("cut to %d of %d bytes, still whole", n, len(good))
		}
	}
	for name, b := range cases {
		if attrs, ok := Split(b); ok {
			t.Errorf("%s: cut to %v", name, attrs)
		}
		if _, _, err := (Codec{}).Decode(b); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}
