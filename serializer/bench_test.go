package serializer

import (
	"fmt"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
)

// typical is a session of ten values, with a struct and a slice among them.
func typical() map[string]any {
	return map[string]any{
		"userID":    48151623,
		"name":      "Ada Lovelace",
		"email":     "ada@example.com",
		"role":      "editor",
		"loggedIn":  true,
		"loginTime": noon,
		"csrf":      []byte("0123456789abcdef0123456789abcdef"),
		"balance":   1234.5,
		"recent":    []string{"SKU-1001", "SKU-1002", "SKU-1003", "SKU-1004"},
		"cart":      Item{SKU: "SKU-1001", Count: 2, Price: 19.99, Tags: []string{"blue", "large"}},
	}
}

var contenders = []struct {
	name  string
	codec scs.Codec
}{{"holdfast", Codec{}}, {"gob", scs.GobCodec{}}}

func BenchmarkEncode(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			values, size := typical(), 0
			b.ReportAllocs()
			for b.Loop() {
				out, err := c.codec.Encode(noon, values)
				if err != nil {
					b.Fatal(err)
				}
				size = len(out)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			in, err := c.codec.Encode(noon, typical())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.codec.Decode(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkValue is the way of the gorilla driver, one value at a time.
func BenchmarkValue(b *testing.B) {
	values := []any{7, "Ada Lovelace", noon, []string{"a", "b"}, fullUser(), map[any]any{1: 2, "a": "b"}, make([]Item, 50), time.Second}
	for _, v := range values {
		bytesOf, err := Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("Marshal/%T", v), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Marshal(v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(bytesOf)), "bytes")
		})
		b.Run(fmt.Sprintf("Unmarshal/%T", v), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Unmarshal(bytesOf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSmallerAndLighterThanGob holds what does not depend on the machine; the benchmarks show the rest.
func TestSmallerAndLighterThanGob(t *testing.T) {
	values := typical()
	ours, err := Codec{}.Encode(noon, values)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := scs.GobCodec{}.Encode(noon, values)
	if err != nil {
		t.Fatal(err)
	}
	if 10*len(ours) > 6*len(theirs) {
		t.Errorf("%d bytes, more than 0.6 of gob's %d", len(ours), len(theirs))
	}
	measure := func(codec scs.Codec, b []byte) (encode, decode float64) {
		encode = testing.AllocsPerRun(100, func() { _, _ = codec.Encode(noon, values) })
		decode = testing.AllocsPerRun(100, func() { _, _, _ = codec.Decode(b) })
		return encode, decode
	}
	ourEncode, ourDecode := measure(Codec{}, ours)
	gobEncode, gobDecode := measure(scs.GobCodec{}, theirs)
	if 3*ourEncode > gobEncode || 3*ourDecode > gobDecode {
		t.Errorf("%v and %v allocations, more than a third of gob's %v and %v", ourEncode, ourDecode, gobEncode, gobDecode)
	}
}
