package serializer

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// sparse is large in memory and small in bytes, within what one value may have.
type sparse struct {
	Name  string
	cache [8192]byte
}

func init() { Register(sparse{}) }

// planCases are hostile bytes of the sort that the writer finds.
func planCases() map[string][]byte {
	array := func(n uint32, elem ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0x93, tagArray, 0xce}, n), elem...)
	}
	cat := func(parts ...[]byte) []byte { return bytes.Join(append([][]byte{{0x92}}, parts...), nil) }
	huge := array(64<<20, tagInt8)
	return map[string][]byte{
		"empty map, huge keys and elements": cat([]byte{0x93, tagMap}, array(64<<20, tagBool), huge, []byte{0x80}),
		"empty map, huge keys":              cat([]byte{0x93, tagMap}, huge, []byte{tagInt, 0x80}),
		"empty map, huge elements":          cat([]byte{0x93, tagMap, tagInt}, huge, []byte{0x80}),
		"map of such maps":                  cat([]byte{0x93, tagMap, tagInt, 0x93, tagMap}, huge, huge, []byte{0x82, 1, 0x80, 2, 0x80}),
		"list of such maps":                 cat([]byte{0x92, tagSlice, 0x93, tagMap}, huge, huge, []byte{0x9f}, bytes.Repeat([]byte{0x80}, 15)),
		"map with an element cut off":       cat([]byte{0x93, tagMap, tagInt}, huge, []byte{0x81, 1, 0x90}),
		"map with a key cut off":            cat([]byte{0x93, tagMap}, huge, []byte{tagInt, 0x81, 0x90, 1}),
		"pointer to one":                    cat([]byte{0x92, tagPointer}, huge, []byte{0x90}),
		"nil pointer to one":                cat([]byte{0x92, tagPointer}, huge, []byte{0xc0}),
		"pointer to a pointer to one":       cat([]byte{0x92, tagPointer, 0x92, tagPointer}, huge, []byte{0x91, 0x90}),
		"slice of one":                      cat([]byte{0x92, tagSlice}, huge, []byte{0x91, 0x90}),
		"empty slice of them":               cat([]byte{0x92, tagSlice}, huge, []byte{0x90}),
		"array of slices of them":           cat([]byte{0x93, tagArray, 2, 0x92, tagSlice}, huge, []byte{0x92, 0x90, 0x90}),
		"array of arrays":                   cat(array(1<<12, array(1<<12, tagInt8)...), []byte{0x90}),
		"array of maps":                     cat(array(1<<20, 0x93, tagMap, tagInt, tagInt), []byte{0x90}),
		"array of zero size":                cat(array(1<<26, tagEmpty), []byte{0x90}),
		"in an interface":                   cat([]byte{tagAnys, 0x91, 0x92, 0x93, tagMap}, huge, huge, []byte{0x80}),
		"in an interface of a map":          cat([]byte{tagAnyMap, 0x81, 1, 0x92, 0x93, tagMap}, huge, huge, []byte{0x80}),
	}
}

// mustBeCheap fails if reading b takes more memory than its bytes pay for.
func mustBeCheap(t *testing.T, name string, b []byte, slack uint64) {
	t.Helper()
	read := func() { _, _ = Unmarshal(b) }
	got, limit := allocates(read), uint64(budget(len(b)))+slack
	if got > limit { // the first time may have made plans and types, which stay
		if got = allocates(read); got > limit {
			t.Errorf("%s: %d bytes took %d bytes of memory, more than %d: %.100x", name, len(b), got, limit, b)
		}
	}
}

func TestNothingIsAllocatedBeforeItIsPaidFor(t *testing.T) {
	for name, b := range planCases() {
		mustBeCheap(t, name, b, 0)
		key := otherKey + string(b)
		if got, limit := allocates(func() { _, _ = UnmarshalKey(key) }), uint64(2*budget(len(key))); got > limit {
			t.Errorf("%s, as a session key: %d bytes took %d bytes of memory, more than %d", name, len(key), got, limit)
		}
	}
}

// As a property: whatever types bytes name, and however little they say of the values.
func TestMemoryIsPaidForByBytesForAllTypes(t *testing.T) {
	saved := foreign
	t.Cleanup(func() { foreign = saved })
	foreign = 0
	random := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 3000 {
		choices := make([]byte, 5+random.IntN(40))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		b := hostileFrom(choices)
		mustBeCheap(t, "written", b, 0)
		if v, err := Unmarshal(b); err == nil {
			accepted++
			mustStay(t, v)
		}
	}
	if accepted < 300 {
		t.Errorf("only %d of 3000 were values at all", accepted)
	}
}

// mustStay fails if a value that was read cannot be written and read again as the same.
func mustStay(t *testing.T, v any) {
	t.Helper()
	once, err := Marshal(v)
	if err != nil {
		return // one of those that are near a limit
	}
	again, err := Unmarshal(once)
	if err != nil {
		t.Fatalf("%T written as %.200x: %v", v, once, err)
	}
	twice, err := Marshal(again)
	if err != nil || !bytes.Equal(once, twice) || !Equal(once, twice) {
		t.Fatalf("%T: %.200x, then %.200x (%v)", v, once, twice, err)
	}
}

// A record of 3 kB may hold a thousand empty maps whose keys are huge: to write them again takes no
// more memory than to read them.
func TestAnEmptyMapOfHugeKeysIsWrittenCheaply(t *testing.T) {
	v := make([]map[[8 << 20]int8]int8, 100)
	for i := range v {
		v[i] = map[[8 << 20]int8]int8{}
	}
	mustMarshal(t, v) // makes the plan
	if got := allocates(func() { mustMarshal(t, v) }); got > 64<<10 {
		t.Errorf("%d bytes of memory", got)
	}
}

// FuzzPlans looks for types and values that take more memory than their bytes pay for, or do not
// stay as they are.
func FuzzPlans(f *testing.F) {
	f.Add([]byte{6, 5, 8, 0, 0, 5, 8, 0, 1, 0})
	f.Add([]byte{2, 5, 0})
	random := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		choices := make([]byte, 30)
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		f.Add(choices)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 200 {
			return
		}
		namedMu.Lock()
		if len(named) < 50_000 { // the runtime keeps them all
			foreign = 0
		}
		namedMu.Unlock()
		b := hostileFrom(choices)
		mustBeCheap(t, "written", b, 32<<10) // the fuzzing engine allocates beside
		if v, err := Unmarshal(b); err == nil {
			mustStay(t, v)
		}
	})
}

// A type with a buffer of its own is kept: its bytes are padded until they pay for the memory.
func TestAStructWithALargeUnexportedFieldComesBack(t *testing.T) {
	in := sparse{Name: "Ada"}
	in.cache[7] = 7
	b := mustMarshal(t, in)
	if len(b) > 400 {
		t.Errorf("%d bytes", len(b))
	}
	for _, v := range []any{sparse{Name: "Ada"}, &sparse{Name: "Bob"}, []sparse{{}, {Name: "b"}}, map[string]*sparse{"a": {}}, []any{1, sparse{}}} {
		comesBack(t, v)
	}
	got, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, sparse{Name: "Ada"})
	for _, bad := range [][]byte{b[:len(b)-1], append(bytes.Clone(b), 0), bytes.Replace(b, []byte("\x00\x00"), []byte("\x00\x01"), 1)} {
		if _, err := Unmarshal(bad); err == nil {
			t.Errorf("%.80x was read", bad)
		}
	}
	deadline, values, err := Codec{}.Decode(mustEncode(t, map[string]any{"a": in, "b": 1}))
	if err != nil || !deadline.Equal(noon) || values["a"] != (sparse{Name: "Ada"}) {
		t.Errorf("%v, %v, %v", deadline, values, err)
	}
}

func mustEncode(t *testing.T, values map[string]any) []byte {
	t.Helper()
	b, err := Codec{}.Encode(noon, values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
