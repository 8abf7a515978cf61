package serializer

import (
	"bytes"
	"maps"
	"testing"
	"time"
)

func FuzzUnmarshal(f *testing.F) {
	for _, c := range roundTrips() {
		if b, err := Marshal(c.value); err == nil && len(b) < 5000 {
			f.Add(b)
		}
	}
	for _, b := range hostileBytes() {
		if len(b) < 5000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := Unmarshal(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		// What was read can be written, and then stays as it is.
		once, err := Marshal(v)
		if err != nil {
			return // a value in bytes of its own making, such as one that nests just too deeply when written in full
		}
		again, err := Unmarshal(once)
		if err != nil {
			t.Fatalf("%T written as %x: %v", v, once, err)
		}
		twice, err := Marshal(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%T: %x, then %x (%v)", v, once, twice, err)
		}
	})
}

func FuzzCodecDecode(f *testing.F) {
	values := map[string]any{}
	for _, c := range roundTrips() {
		if len(c.name) < 8 {
			values[c.name] = c.value
		}
	}
	b, err := Codec{}.Encode(noon, values)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	b, _ = Codec{}.Encode(time.Time{}, map[string]any{"a": 1, "b": "two", "c": []Point{{1, 2}}})
	f.Add(b)
	f.Add([]byte{containerMagic, containerVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		deadline, values, err := Codec{}.Decode(b)
		lenient := Codec{OnDecodeError: func(string, error) error { return nil }}
		_, kept, lenientErr := lenient.Decode(b)
		if lenientErr != nil || kept == nil {
			t.Fatalf("%v, %v", kept, lenientErr)
		}
		if err != nil {
			return
		}
		once, err := Codec{}.Encode(deadline, values)
		if err != nil {
			return
		}
		deadline2, values2, err := Codec{}.Decode(once)
		if err != nil || !deadline2.Equal(deadline) || len(values2) != len(values) {
			t.Fatalf("%v, %v: %v", deadline2, deadline, err)
		}
		twice, err := Codec{}.Encode(deadline2, values2)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x (%v)", once, twice, err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add(Join(map[string][]byte{DeadlineAttr: {1}, "sa": {2}, "sb": {3}}))
	f.Add(Join(map[string][]byte{DeadlineAttr: {1}, "s": bytes.Repeat([]byte("x"), 300)}))
	f.Add([]byte{containerMagic, containerVersion})
	f.Add([]byte("\x0d\xff\x81\x02\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		attrs, ok := Split(b)
		if !ok {
			if attrs != nil {
				t.Fatal("attributes of what is no container")
			}
			return
		}
		if !Splittable(attrs) {
			t.Fatalf("%q", attrs)
		}
		if joined := Join(attrs); !bytes.Equal(joined, b) {
			t.Fatalf("%x, joined %x", b, joined)
		}
		again, ok := Split(Join(attrs))
		if !ok || !maps.EqualFunc(attrs, again, bytes.Equal) {
			t.Fatalf("%q, then %q", attrs, again)
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, key := range sessionKeys() {
		name, err := MarshalKey(key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, err := UnmarshalKey(name)
		if err == nil {
			again, err := MarshalKey(key)
			if err != nil || again != name {
				t.Fatalf("%q, then %q (%v)", name, again, err)
			}
			_ = map[any]bool{key: true}
		}
		// Any text is a session key, too.
		own, err := MarshalKey(name)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := UnmarshalKey(own); err != nil || back != name {
			t.Fatalf("%q came back as %v (%v)", name, back, err)
		}
	})
}
