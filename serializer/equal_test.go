package serializer

import (
	"bytes"
	"math"
	"math/big"
	"runtime"
	"testing"
	"time"
)

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reencoded returns v as a request finds it, and as the same request stores it.
func reencoded(t *testing.T, v any) (stored, untouched []byte) {
	t.Helper()
	stored = mustMarshal(t, v)
	back, err := Unmarshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	return stored, mustMarshal(t, back)
}

func orders() shuffled {
	return shuffled{map[string]decimal{"a": {}, "b": {}, "c": {value: big.NewInt(3)}, "d": {}, "e": {}, "f": {}, "g": {}}}
}

// A value that the app left alone is the same, whatever its encoder does.
func TestAnUntouchedValueIsTheSameWhateverItsBytes(t *testing.T) {
	n := 5
	for name, v := range map[string]any{
		"map in random order":          orders(),
		"map of what has two forms":    annotated{map[string]noted{"a": {}, "b": {}, "c": {}, "d": {}, "e": {}}},
		"zero decimal":                 decimal{},
		"pointer to a zero decimal":    &decimal{},
		"zero decimals":                []decimal{{}, {value: big.NewInt(7), exp: -2}},
		"zero decimal in a map":        map[string]decimal{"a": {}},
		"zero decimal in an interface": map[string]any{"a": []any{decimal{}}},
		"both":                         []any{orders(), &decimal{}, math.NaN(), []any{orders()}},
		"keys in random forms":         map[coin]int{{true}: 1, {false}: 2},
		"keys in interfaces":           map[any]any{coin{true}: orders(), coin{}: decimal{}},
		"pointer to pointer":           func() **decimal { d := &decimal{}; return &d }(),
		"list that ends in itself":     loop{&loopLink{n: 5}},
		"pointer":                      &n,
		"everything":                   fullUser(),
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				if stored, untouched := reencoded(t, v); !Equal(stored, untouched) || !Equal(untouched, stored) {
					t.Fatalf("changed:\n%x\n%x", stored, untouched)
				}
			}
		})
	}
}

func TestEqualTellsChangedValuesApart(t *testing.T) {
	type m = map[string]any
	other := orders()
	other.m["g"] = decimal{exp: 1}
	fewer := orders()
	delete(fewer.m, "g")
	zero, berlin := 0.0, time.FixedZone("", 3600)
	deep := loop{&loopLink{n: 0xff}}
	for name, c := range map[string][2]any{
		"number":                           {1, 2},
		"types of one number":              {1, int64(1)},
		"types of one struct":              {profileBefore{"Ada"}, profileAfter{Name: "Ada"}},
		"pointer and value":                {&Point{1, 2}, Point{1, 2}},
		"nil and empty slice":              {[]string(nil), []string{}},
		"nil and empty map":                {map[string]int(nil), map[string]int{}},
		"nil and empty in a struct":        {Item{}, Item{Tags: []string{}}},
		"nil and pointer to zero":          {(*Point)(nil), &Point{}},
		"nil and typed nil":                {nil, (*Point)(nil)},
		"zero and negative zero":           {zero, -1 / math.Inf(1)},
		"zero and negative zero, in parts": {[]complex128{complex(0, 0)}, []complex128{complex(0, -1/math.Inf(1))}},
		"a number and none":                {math.NaN(), 1.0},
		"one instant in two zones":         {noon, noon.In(berlin)},
		"one instant in two zones, inside": {m{"a": noon}, m{"a": noon.In(berlin)}},
		"map in random order":              {orders(), other},
		"map with an entry less":           {orders(), fewer},
		"in a list beside one that is not": {[]any{orders(), 1}, []any{orders(), 2}},
		"decimals":                         {decimal{}, decimal{value: big.NewInt(1)}},
		"two forms of one decimal":         {decimal{value: big.NewInt(1)}, decimal{value: big.NewInt(10), exp: -1}},
		"entities with one ID":             {handle{1, "Ada"}, handle{1, "Bob"}},
		"map keys":                         {map[coin]int{{true}: 1}, map[coin]int{{false}: 1}},
		"text beside a salt":               {salted{text: "a"}, salted{text: "b"}},
		"lists that end in themselves":     {loop{&loopLink{n: 5}}, loop{&loopLink{n: 6}}},
		"too deep to say":                  {deep, deep},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				if a, b := mustMarshal(t, c[0]), mustMarshal(t, c[1]); Equal(a, b) || Equal(b, a) {
					t.Fatalf("%#v and %#v are the same", c[0], c[1])
				}
			}
		})
	}
}

// stamped returns v as another version of the program stores it.
func stamped(t *testing.T, v any, from, to string) []byte {
	t.Helper()
	return bytes.ReplaceAll(mustMarshal(t, v), []byte(from), []byte(to))
}

// An older instance that does not know a field must not take it for removed, nor a newer one for
// added.
func TestAFieldThatThisVersionDoesNotKnowIsNoChange(t *testing.T) {
	stored := stamped(t, []any{profileAfter{"Ada", "ada@example.com"}, 1}, "version.1", "version.0")
	if !Equal(stored, mustMarshal(t, []any{profileBefore{"Ada"}, 1})) {
		t.Error("a field that the older version does not know is a change")
	}
	if Equal(stored, mustMarshal(t, []any{profileBefore{"Bob"}, 1})) || Equal(stored, mustMarshal(t, []any{profileBefore{"Ada"}, 2})) {
		t.Error("a change beside it is none")
	}
	stored = stamped(t, profileBefore{"Ada"}, "version.0", "version.2")
	if !Equal(stored, mustMarshal(t, profileWide{Name: "Ada"})) {
		t.Error("a field that the newer version has added is a change")
	}
	if Equal(stored, mustMarshal(t, profileWide{Name: "Ada", Extra: []int{}})) || Equal(stored, mustMarshal(t, profileWide{Name: "Ada", Mail: "a"})) {
		t.Error("a value for it is none")
	}
}

func TestNaNIsTheSameAsNaN(t *testing.T) {
	odd := math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)
	if !Equal(mustMarshal(t, []any{math.NaN(), 1}), mustMarshal(t, []any{odd, 1})) {
		t.Error("two NaNs with different bits are a change")
	}
}

func TestTheMonotonicReadingOfATimeIsNoChange(t *testing.T) {
	now := time.Now()
	if !Equal(mustMarshal(t, now), mustMarshal(t, now.Round(0))) {
		t.Error("a time without its monotonic reading is a change")
	}
}

func TestEqualBytesAreNotLookedInto(t *testing.T) {
	for name, b := range hostileBytes() {
		if !Equal(b, bytes.Clone(b)) {
			t.Errorf("%s: the same bytes are a change", name)
		}
	}
}

func TestBytesThatCannotBeReadAreTheSameAsNoOthers(t *testing.T) {
	good := mustMarshal(t, []any{1, decimal{}})
	hostile := hostileBytes()
	delete(hostile, "longer than a value may be")
	for name, b := range hostile {
		for _, other := range [][]byte{good, nil, append(bytes.Clone(b), 0)} {
			if len(b) > 0 && (Equal(b, other) || Equal(other, b)) {
				t.Errorf("%s is the same as %x", name, other)
			}
		}
	}
}

func TestEqualTakesMemoryByTheBytesOnly(t *testing.T) {
	seeds := hostileBytes()
	delete(seeds, "longer than a value may be")
	for _, c := range roundTrips() {
		seeds[c.name] = mustMarshal(t, c.value)
	}
	small := mustMarshal(t, 1)
	for name, b := range seeds {
		for _, other := range [][]byte{small, append(bytes.Clone(b), 0), cutOff(b)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			Equal(b, other)
			runtime.ReadMemStats(&after)
			if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(8*budget(len(b))); got > limit {
				t.Errorf("%s: %d bytes took %d bytes of memory, more than %d", name, len(b), got, limit)
			}
		}
	}
}

func cutOff(b []byte) []byte { return b[:len(b)/2] }

func BenchmarkEqual(b *testing.B) {
	stored, err := Marshal(fullUser())
	if err != nil {
		b.Fatal(err)
	}
	changed := fullUser()
	changed.Friend.Name = "Eve"
	other, err := Marshal(changed)
	if err != nil {
		b.Fatal(err)
	}
	for name, to := range map[string][]byte{"same": bytes.Clone(stored), "changed": other} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Equal(stored, to)
			}
		})
	}
}
