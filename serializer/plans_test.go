package serializer

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"
)

// sparse is large in memory and small in bytes, within what one value may have.
type sparse struct {
	Name  string
	cache [8192]byte
}

func init() { Register(sparse{}) }

// A writer of hostile bytes: choices decides, one byte at a time, on a type and then on a body that
// fits it more or less, with as few bytes as can be for as much memory as can be.
type writer struct {
	choices []byte
	out     []byte
}

func (w *writer) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := int(w.choices[0]) % n
	w.choices = w.choices[1:]
	return c
}

var (
	plainTags  = []byte{tagBool, tagInt8, tagInt, tagUint8, tagFloat64, tagComplex128, tagString, tagTime, tagDuration, tagBytes, tagAny, tagAnys, tagStringMap, tagAnyMap, tagStrings, tagInts, tagStringStrings, tagEmpty}
	namedParts = []any{Point{}, Item{}, Tree{}, heavy{}, wideItem{}, sparse{}, nullID{}, decimal{}, ID{}, Digest{}, Flags{}, Weights{}, places{}}
	lengths    = []uint64{0, 1, 2, 8, 129, 1 << 10, 1 << 16, 1 << 23, 1 << 26}
)

// typ writes a type and returns it; nil where bytes may not name it.
func (w *writer) typ(levels int) reflect.Type {
	from := len(w.out)
	switch kind := w.choose(8); {
	case kind < 2 || levels == 0:
		w.out = append(w.out, plainTags[w.choose(len(plainTags))])
	case kind == 2:
		v := namedParts[w.choose(len(namedParts))]
		d, err := describe(reflect.TypeOf(v))
		if err != nil {
			panic(err)
		}
		w.out = append(w.out, d.bytes...)
	case kind == 3:
		w.out = append(w.out, 0x92, tagPointer)
		w.typ(levels - 1)
	case kind == 4:
		w.out = append(w.out, 0x92, tagSlice)
		w.typ(levels - 1)
	case kind == 5:
		w.out = append(w.out, 0x93, tagArray, 0xce)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(lengths[w.choose(len(lengths))]))
		w.typ(levels - 1)
	default:
		w.out = append(w.out, 0x93, tagMap)
		w.typ(levels - 1)
		w.typ(levels - 1)
	}
	d, err := resolve(w.out[from:], maxTypeDepth)
	if err != nil {
		return nil
	}
	return d.typ
}

// maxWritten keeps one input from taking seconds.
const maxWritten = 1 << 13

func (w *writer) body(t reflect.Type, levels int) {
	how := w.choose(16)
	switch {
	case how == 15: // what does not fit
		w.out = append(w.out, byte(w.choose(256)))
	case t == nil || levels == 0 || len(w.out) > maxWritten:
		w.out = append(w.out, 0xc0)
	case isCustom(t):
		w.out = append(w.out, 0x90)
	default:
		w.parts(t, how, levels-1)
	}
}

func (w *writer) parts(t reflect.Type, how, levels int) {
	switch t.Kind() {
	case reflect.Bool:
		w.out = append(w.out, byte(0xc2+how%2))
	case reflect.Float32, reflect.Float64:
		w.out = append(w.out, 0xca, byte(how), byte(w.choose(256)), 0, 0)
	case reflect.Complex64, reflect.Complex128:
		w.out = append(w.out, 0x92, 0xca, byte(how), byte(w.choose(256)), 0, 0, 0xca, 0, 0, 0, 0)
	case reflect.String:
		w.out = append(w.out, 0xa0|byte(how))
		for range how {
			w.out = append(w.out, byte(w.choose(256)))
		}
	case reflect.Interface:
		if how%2 == 0 {
			w.out = append(w.out, 0xc0)
			return
		}
		w.out = append(w.out, 0x92)
		w.body(w.typ(2), levels)
	case reflect.Pointer:
		if how < 3 {
			w.out = append(w.out, 0xc0)
			return
		}
		if nilable(t.Elem()) {
			w.out = append(w.out, 0x91)
		}
		w.body(t.Elem(), levels)
	case reflect.Slice, reflect.Array:
		w.list(t, how, levels)
	case reflect.Map:
		n := []int{0, 0, 0, 1, 1, 2, 7, 8, 9, 15, 100}[how%11]
		w.out = append(w.out, 0xde, 0, byte(n))
		for range n {
			w.body(t.Key(), levels)
			w.body(t.Elem(), levels)
		}
	case reflect.Struct:
		if t == builtins[tagTime] {
			w.out = append(w.out, 0x93, byte(how), 0, 0xd1, byte(w.choose(100)), byte(w.choose(256)))
			return
		}
		w.out = append(w.out, 0x90)
	default:
		w.out = append(w.out, byte(how))
	}
}

func (w *writer) list(t reflect.Type, how, levels int) {
	n := []int{0, 1, 2, 3, 9, 33, 200, 1000}[how%8]
	if t.Kind() == reflect.Array && how < 12 {
		n = min(t.Len(), 1<<12)
	}
	if t.Elem().Kind() == reflect.Uint8 {
		w.out = append(w.out, 0xc5, byte(n>>8), byte(n))
		w.out = append(w.out, make([]byte, n)...)
		return
	}
	w.out = append(w.out, 0xdc, byte(n>>8), byte(n))
	from := len(w.out)
	w.body(t.Elem(), levels)
	if one := w.out[from:]; n > 0 && n*len(one) < 1<<16 {
		one = bytes.Clone(one)
		for range n - 1 {
			w.out = append(w.out, one...)
		}
	}
}

// hostileFrom returns the bytes that choices stand for.
func hostileFrom(choices []byte) []byte {
	w := &writer{choices: choices}
	w.out = append(w.out, 0x92)
	w.body(w.typ(4), 8)
	return w.out
}

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
		"list of such maps":                 cat([]byte{0x92, tagSlice, 0x93, tagMap}, huge, huge, []byte{0xdc, 4, 0}, bytes.Repeat([]byte{0x80}, 1<<10)),
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
