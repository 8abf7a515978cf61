package serializer

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func hostileBytes() map[string][]byte {
	cat := func(parts ...any) []byte {
		var b []byte
		for _, p := range parts {
			switch p := p.(type) {
			case int:
				b = append(b, byte(p))
			case byte:
				b = append(b, p)
			case string:
				b = append(b, p...)
			case []byte:
				b = append(b, p...)
			}
		}
		return b
	}
	name := func(s string) []byte { return append([]byte{0xa0 | byte(len(s))}, s...) }
	typ := func(v any) []byte {
		d, err := describe(reflect.TypeOf(v))
		if err != nil {
			panic(err)
		}
		return d.bytes
	}
	return map[string][]byte{
		"nothing":                              {},
		"reserved code":                        {0xc1},
		"extension":                            {0xd4, 1, 1},
		"long extension":                       {0xc7, 1, 1, 1},
		"msgpack timestamp":                    {0xd6, 0xff, 0, 0, 0, 1},
		"half a number":                        {0xcf, 1, 2, 3},
		"half a head":                          {0xda, 1},
		"string past the end":                  {0xa5, 'a', 'b'},
		"string past the end in a list":        {0x92, tagStrings, 0x92, 0xa5, 'a', 'b'},
		"4 GiB of bytes":                       {0xc6, 0xff, 0xff, 0xff, 0xff},
		"4 GiB of string":                      {0xdb, 0xff, 0xff, 0xff, 0xff},
		"4 G elements":                         {0x92, tagAnys, 0xdd, 0xff, 0xff, 0xff, 0xff},
		"4 G entries":                          {0x92, tagStringMap, 0xdf, 0xff, 0xff, 0xff, 0xff},
		"more elements than bytes":             {0x92, tagAnys, 0xdc, 0, 5, 1, 2, 3, 4},
		"more entries than bytes":              cat(0x92, tagStringMap, 0xde, 0, 3, name("a"), 1, name("b"), 2),
		"nested arrays":                        bytes.Repeat([]byte{0x91}, 1_000_000),
		"nested maps":                          bytes.Repeat([]byte{0x81}, 1_000_000),
		"nested headers that each claim a lot": bytes.Repeat([]byte{0xdd, 0, 0x80, 0, 0}, 1_000_000),
		"nested pairs":                         append(bytes.Repeat([]byte{0x92, tagAnys, 0x91}, maxDepth/2+1), 1),
		"something behind a number":            {1, 1},
		"something behind a list":              {0x92, tagInts, 0x91, 1, 1},
		"bare list":                            {0x91, 1},
		"bare map":                             {0x81, 1, 1},
		"list of three":                        {0x93, tagInt64, 1, 1},
		"pairs of three and one":               {0x92, tagAnys, 0x93, 0x93, tagInt64, 1, 2, 0x91, tagAnys, 0x91, 5},
		"uint in a signed form":                {0x92, tagUint64, 0xd1, 0, 5},
		"longer than a value may be":           cat(0xdb, 0x04, 0, 0, 0, make([]byte, maxSize)),
		"unknown tag":                          {0x92, tagCount, 1},
		"tag zero":                             {0x92, tagNone, 1},
		"constructor as a tag":                 {0x92, tagSlice, 0x90},
		"interface as a type":                  {0x92, tagAny, 1},
		"negative tag":                         {0x92, 0xff, 1},
		"nil type":                             {0x92, 0xc0, 1},
		"bin as a type":                        {0x92, 0xc4, 1, 1, 1},
		"huge tag":                             {0x92, 0xcf, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"type list without parts":              {0x92, 0x90, 1},
		"type list with one part":              {0x92, 0x91, tagSlice, 1},
		"slice of two types":                   {0x92, 0x93, tagSlice, tagInt, tagInt, 0x90},
		"unknown constructor":                  {0x92, 0x92, 0x7f, tagInt, 0x90},
		"array without a length":               {0x92, 0x92, tagArray, tagInt, 0x90},
		"array of negative length":             {0x92, 0x93, tagArray, 0xff, tagInt, 0x90},
		"array of 2^63 elements":               cat(0x92, 0x93, tagArray, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0, tagInt, 0x90),
		"array that is too large":              cat(0x92, 0x93, tagArray, 0xce, 0x00, 0x80, 0, 1, tagInt, 0x90),
		"array of nothing that is too large":   cat(0x92, 0x93, tagArray, 0xce, 0xff, 0xff, 0xff, 0xff, tagEmpty, 0x90),
		"arrays that multiply":                 cat(0x92, 0x93, tagArray, 0xcd, 0xff, 0xff, 0x93, tagArray, 0xcd, 0xff, 0xff, tagInt, 0x90),
		"large array in few bytes":             cat(0x92, 0x93, tagArray, 0xcd, 0xff, 0xff, tagString, 0x90),
		"array of another length":              {0x92, 0x93, tagArray, 2, tagInt, 0x91, 1},
		"array of too many":                    {0x92, 0x93, tagArray, 1, tagInt, 0x92, 1, 2},
		"byte array of another length":         {0x92, 0x93, tagArray, 2, tagUint8, 0xc4, 1, 1},
		"map with slices as keys":              {0x92, 0x93, tagMap, tagInts, tagInt, 0x80},
		"type nested too deeply":               cat(0x92, bytes.Repeat([]byte{0x92, tagSlice}, maxTypeDepth+1), tagInt, 0x90),
		"unregistered name":                    cat(0x92, name("nobody.Knows"), 0x90),
		"bytes for a string":                   {0x92, tagStrings, 0x91, 0xc4, 1, 'a'},
		"string for bytes":                     {0x92, tagBytes, 0xa1, 'a'},
		"float for an int":                     cat(0x92, tagInts, 0x91, 0xca, 0, 0, 0, 0),
		"int for a float":                      {0x92, 0x92, tagSlice, tagFloat64, 0x91, 1},
		"double too large for a float32":       cat(0x92, tagFloat32, 0xcb, 0x7f, 0xef, bytes.Repeat([]byte{0xff}, 6)),
		"nil for an int":                       {0x92, tagInt64, 0xc0},
		"nil for a string":                     {0x92, tagStrings, 0x91, 0xc0},
		"bool for an int":                      {0x92, tagInt64, 0xc3},
		"int for a bool":                       {0x92, 0x92, tagSlice, tagBool, 0x91, 1},
		"int8 out of range":                    {0x92, tagInt8, 0xcc, 0x80},
		"uint8 out of range":                   {0x92, tagUint8, 0xcd, 1, 0},
		"negative uint":                        {0x92, tagUint64, 0xff},
		"int64 out of range":                   cat(0x92, tagInt64, 0xcf, bytes.Repeat([]byte{0xff}, 8)),
		"int out of range":                     cat(0xcf, bytes.Repeat([]byte{0xff}, 8)),
		"complex of three":                     cat(0x92, tagComplex128, 0x93, bytes.Repeat(cat(0xcb, make([]byte, 8)), 3)),
		"complex64 out of range":               cat(0x92, tagComplex64, 0x92, 0xcb, bytes.Repeat([]byte{0x7e}, 8), 0xcb, make([]byte, 8)),
		"time of no parts":                     {0x92, tagTime, 0x90},
		"time of four parts":                   {0x92, tagTime, 0x94, 1, 2, 3, 4},
		"time that is a number":                {0x92, tagTime, 1},
		"time of strings":                      cat(0x92, tagTime, 0x91, name("a")),
		"time with too many nanoseconds":       {0x92, tagTime, 0x92, 1, 0xce, 0x3b, 0x9a, 0xca, 0x00},
		"time with negative nanoseconds":       {0x92, tagTime, 0x92, 1, 0xff},
		"time with too large an offset":        {0x92, tagTime, 0x93, 1, 2, 0xce, 0x00, 0x1d, 0xff, 0xc5},
		"time with too small an offset":        {0x92, tagTime, 0x93, 1, 2, 0xd2, 0xff, 0xe2, 0x00, 0x3b},
		"key twice":                            cat(0x92, tagStringMap, 0x82, name("a"), 1, name("a"), 2),
		"key twice in a typed map":             {0x92, 0x93, tagMap, tagInt, tagInt, 0x82, 1, 1, 1, 2},
		"key twice in a mixed map":             {0x92, tagAnyMap, 0x82, 1, 1, 1, 2},
		"slice as a key":                       {0x92, tagAnyMap, 0x81, 0x92, tagInts, 0x90, 1},
		"map as a key":                         {0x92, tagAnyMap, 0x81, 0x92, tagStringMap, 0x80, 1},
		"NaN as a key":                         cat(0x92, tagAnyMap, 0x81, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1, 1),
		"int as a string key":                  {0x92, tagStringMap, 0x81, 1, 1},
		"list for a map":                       {0x92, tagStringMap, 0x90},
		"map for a list":                       {0x92, tagAnys, 0x80},
		"pointer to a slice, not wrapped":      {0x92, 0x92, tagPointer, tagInts, 0x92, 1, 2},
		"pointer to two slices":                {0x92, 0x92, tagPointer, tagInts, 0x92, 0x91, 1, 0x91, 2},
		"struct without a shape":               cat(0x92, typ(Point{}), 0x92, 0xc0, 1),
		"struct that is no list":               cat(0x92, typ(Point{}), 1),
		"struct with a shape to come":          cat(0x92, typ(Point{}), 0x93, 0x7f, 1, 2),
		"struct that refers to itself":         cat(0x92, typ(Point{}), 0x93, 0, 1, 2),
		"struct with more fields than names":   cat(0x92, typ(Point{}), 0x93, 0x91, name("X"), 1, 2),
		"struct with more names than fields":   cat(0x92, typ(Point{}), 0x92, 0x92, name("X"), name("Y"), 1),
		"struct with a value too many":         cat(0x92, typ(Point{}), 0x94, 0x92, name("X"), name("Y"), 1, 2, 3),
		"struct with a value too few":          cat(0x92, typ(Point{}), 0x92, 0x92, name("X"), name("Y"), 1),
		"list with a struct too long":          cat(0x92, typ([]Point{}), 0x92, 0x94, 0x92, name("X"), name("Y"), 1, 2, 0x92, 0x92, name("X"), name("Y"), 1),
		"struct with a very long name":         cat(0x92, typ(Point{}), 0x92, 0x91, 0xda, 1, 0, make([]byte, 256), 1),
		"struct with numbers for names":        cat(0x92, typ(Point{}), 0x92, 0x91, 1, 1),
		"struct with names inside a string":    cat(0x92, tagAnys, 0x92, 0xa3, 0x91, 0xd9, 0xff, 0x92, typ(Point{}), 0x92, 4, 1),
		"struct with a wrong field":            cat(0x92, typ(Point{}), 0x92, 0x91, name("X"), name("a")),
		"wrong type in an interface":           cat(0x92, typ([]Shape{}), 0x91, 1),
		"large structs in few bytes":           cat(0x92, typ([]heavy{}), 0xdc, 1, 0, bytes.Repeat([]byte{0x90}, 256)),
		"large pointees in few bytes":          cat(0x92, typ([]*heavy{}), 0xdc, 1, 0, bytes.Repeat([]byte{0x90}, 256)),
		"many pointees in few bytes":           cat(0x92, typ([]*wideItem{}), 0xdc, 1, 0, bytes.Repeat([]byte{0x90}, 256)),
		"large map values in few bytes":        cat(0x92, typ(map[int]heavy{}), 0x82, 1, 0x90, 2, 0x90),
		"one large struct in few bytes":        cat(0x92, typ(heavy{}), 0x90),
		"unmarshaler that fails":               cat(0x92, typ(failing{}), 0xc4, 1, 1),
		"unmarshaler that panics":              cat(0x92, typ(panicking{}), 0xc4, 1, 1),
		"unmarshaler without bytes":            cat(0x92, typ(failing{}), 1),
		"type of unexported fields":            cat(0x92, typ(opaque{}), 0x90),
	}
}

func TestHostileBytes(t *testing.T) {
	for name, b := range hostileBytes() {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(b)
			v, err := Unmarshal(b)
			if err == nil {
				t.Fatalf("became a %T", v)
			}
			var missing *UnregisteredTypeError
			if !errors.Is(err, ErrCorrupt) && !errors.As(err, &missing) {
				t.Errorf("got a %T: %v", err, err)
			}
			if strings.Contains(err.Error(), "panicked") != strings.Contains(name, "panics") {
				t.Errorf("a panic, or none: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 600 {
				t.Errorf("the error shows too much: %.1000q", err)
			}
			if !bytes.Equal(b, before) {
				t.Error("the bytes were changed")
			}
		})
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	for _, c := range roundTrips() {
		b, err := Marshal(c.value)
		if err != nil || len(b) > 5000 {
			continue
		}
		for n := range b {
			if _, err := Unmarshal(b[:n]); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s, cut to %d of %d bytes: %v", c.name, n, len(b), err)
			}
		}
	}
}

func TestMemoryStaysWithinAMultipleOfTheBytes(t *testing.T) {
	seeds := hostileBytes()
	for _, c := range roundTrips() {
		b, err := Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		seeds[c.name] = b
	}
	for _, v := range []any{make([][]byte, 1000), make([]any, 1000), make([]User, 100), make([]*User, 1000), make([]map[string]any, 1000), manyMaps()} {
		b, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		seeds[fmt.Sprintf("many %T", v)] = b
	}
	delete(seeds, "longer than a value may be")
	for name, b := range seeds {
		_, _ = Unmarshal(b) // the first time it also makes the plans of the types
		if got, limit := allocates(func() { _, _ = Unmarshal(b) }), uint64(budget(len(b))); got > limit {
			t.Errorf("%s: %d bytes took %d bytes of memory, more than %d", name, len(b), got, limit)
		}
	}
}

// allocates returns how many bytes f allocates, what it frees again included.
func allocates(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMapsTakeAboutWhatIsCountedForThem(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 50, 111, 112, 113, 440, 700, 895, 896, 897, 1000, 1700, 1790, 3500, 7100, 100_000, 114_000, 115_000} {
		for name, c := range map[string]struct {
			fill    func()
			counted int
		}{
			"small entries": {func() { fillMap[[8]byte](n) }, layoutOf(reflect.TypeFor[map[int][8]byte]()).memory(n)},
			"tiny entries":  {func() { fillMap[struct{}](n) }, layoutOf(reflect.TypeFor[map[int]struct{}]()).memory(n)},
			"large entries": {func() { fillMap[[1000]byte](n) }, layoutOf(reflect.TypeFor[map[int][1000]byte]()).memory(n)},
		} {
			if n > 10_000 && name == "large entries" {
				continue
			}
			const runs = 5
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				c.fill()
			}
			runtime.ReadMemStats(&after)
			got := int(after.TotalAlloc-before.TotalAlloc) / runs
			if got > c.counted || c.counted > 4*got+100 {
				t.Errorf("%d %s take %d bytes, counted are %d", n, name, got, c.counted)
			}
		}
	}
}

var sink any

func fillMap[V any](n int) {
	m := make(map[int]V, n)
	var zero V
	for i := range n {
		m[i] = zero
	}
	sink = m
}

// Types that were built once stay in memory for good, so bytes must not be able to have ever more
// of them built, not even by types that are refused in the end.
func TestBytesCannotBuildEverMoreTypes(t *testing.T) {
	saved := foreign
	t.Cleanup(func() { foreign = saved })
	array := func(n int) []byte { return []byte{0x93, tagArray, 0xcd, byte(n >> 8), byte(n), tagString} }
	foreign = maxForeignTypes - 2
	for i, want := range []bool{true, true, false} {
		// A map from arrays to something unknown: the array type is built before the map is
		// refused.
		b := append(append([]byte{0x92, 0x93, tagMap}, array(1001+i)...), tagCount, 0x80)
		if _, err := Unmarshal(b); !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if built := named[string(array(1001+i))] != nil; built != want {
			t.Errorf("array type %d: built %v, want %v", i, built, want)
		}
	}
	b, err := Marshal([3]map[Level]time.Time{}) // what this process writes itself it can always read
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unmarshal(b); err != nil {
		t.Error(err)
	}
	if _, err := Unmarshal(append(append([]byte{0x92}, array(1001)...), 0x90)); err == nil || strings.Contains(err.Error(), "more types") {
		t.Errorf("a type that is known already: %v", err)
	}
}

// manyMaps is the worst that honest values of unregistered types ask for: small maps in small maps.
func manyMaps() any {
	list := make([]map[string]map[string]map[int8]bool, 1000)
	for i := range list {
		list[i] = map[string]map[string]map[int8]bool{"": {"": {1: true}}}
	}
	return list
}

// What was read before the damage is not given out beside the error.
func TestADamagedValueIsNoValue(t *testing.T) {
	b, err := Marshal(map[string]any{"a": 1, "b": []string{"x", "y"}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if v, err := Unmarshal(b[:n]); err == nil || v != nil {
			t.Errorf("%d of %d bytes: %v, %v", n, len(b), v, err)
		}
	}
}
