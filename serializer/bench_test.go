package serializer

import (
	"encoding/gob"
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

// TestSmallerAndLighterThanGob holds what does not depend on the machine; the benchmarks show the
// rest.
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

// TestASessionTakesFewAllocations holds what a request pays beside its values: one allocation for
// all keys and one for all strings of a list, not one for each.
func TestASessionTakesFewAllocations(t *testing.T) {
	b, err := Codec{}.Encode(noon, typical())
	if err != nil {
		t.Fatal(err)
	}
	attrs, _ := Split(b)
	e := newEncoder()
	for _, c := range []struct {
		of   string
		most float64
		do   func()
	}{
		{"Decode", 26, func() { _, _, _ = Codec{}.Decode(b) }},
		{"to write the deadline", 0, func() { e.reset(); _ = e.deadline(noon) }},
		{"Split", 5, func() { Split(b) }},
		{"Join", 1, func() { Join(attrs) }},
	} {
		if n := testing.AllocsPerRun(100, c.do); n > c.most {
			t.Errorf("%s takes %v allocations, want %v at most", c.of, n, c.most)
		}
	}
}

// BenchmarkKeys is a map with keys that are no strings, beside gob.
func BenchmarkKeys(b *testing.B) {
	pairs, points, ids := map[pairKey]int{}, map[Point]string{}, map[ID]int{}
	arrays, times, numbers := map[[2]int16]bool{}, map[time.Time]int{}, map[int]string{}
	for i := range 200 {
		pairs[pairKey{fmt.Sprint("warehouse ", i%7), i}] = i
		points[Point{i, -i}] = "here"
		ids[ID{byte(i), 1}] = i
		arrays[[2]int16{int16(i), 3}] = true
		times[noon.Add(time.Duration(i))] = i
		numbers[i] = "there"
	}
	for _, m := range []any{pairs, points, ids, arrays, times, numbers} {
		gob.Register(m)
		for _, c := range contenders {
			values := map[string]any{"m": m}
			in, err := c.codec.Encode(noon, values)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%T/Encode/%s", m, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.codec.Encode(noon, values); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(in)), "bytes")
			})
			b.Run(fmt.Sprintf("%T/Decode/%s", m, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := c.codec.Decode(in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

type pairKey struct {
	Warehouse string
	Shelf     int
}

func init() { Register(pairKey{}) }

// TestStructKeysAreLighterThanGobs holds what does not depend on the machine: a key that always
// comes back is not tried.
func TestStructKeysAreLighterThanGobs(t *testing.T) {
	points, pairs := map[Point]string{}, map[pairKey]int{}
	for i := range 200 {
		points[Point{i, -i}] = "here"
		pairs[pairKey{"here", i}] = i
	}
	gob.Register(points)
	gob.Register(pairs)
	for _, m := range []any{points, pairs} {
		values := map[string]any{"m": m}
		allocs := map[string]float64{}
		for _, c := range contenders {
			in, err := c.codec.Encode(noon, values)
			if err != nil {
				t.Fatal(err)
			}
			allocs[c.name] = testing.AllocsPerRun(20, func() {
				_, _ = c.codec.Encode(noon, values)
				_, _, _ = c.codec.Decode(in)
			})
		}
		if 2*allocs["holdfast"] > allocs["gob"] {
			t.Errorf("%T: %v allocations, more than half of gob's %v", m, allocs["holdfast"], allocs["gob"])
		}
	}
}
