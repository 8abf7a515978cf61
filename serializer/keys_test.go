package serializer

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func sessionKeys() []any {
	return []any{
		"", "cart", "user id", "\xff\x00", "!deadline", "s", "k\x01", strings.Repeat("k", 300),
		1, int8(1), int16(1), int32(1), int64(1), uint(1), uint8(1), uint16(1), uint32(1), uint64(1), "1", 1.0, float32(1), true, "true", false,
		complex64(1), complex(1, 0), 0, -1, math.MinInt64, uint64(math.MaxUint64), 0.0, math.Inf(1), nil,
		UserKey(1), Level(1), Role("1"), Role(""),
		Point{1, 2},
		Point{2, 1},
		Digest{1},
		ID{1},
		ID{},
		[1]int{1},
		[1]any{1},
		[1]any{"1"},
		[2]string{"a", "b"},
		noon, noon.Add(1), time.Second,
		struct{}{},
		[0]int{},
		Square{2},
	}
}

func TestEveryKeyHasANameOfItsOwnAndComesBack(t *testing.T) {
	seen := map[string]any{}
	for _, key := range sessionKeys() {
		name, err := MarshalKey(key)
		if err != nil {
			t.Errorf("%T: %v", key, err)
			continue
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%T(%v) and %T(%v) share a name", key, key, other, other)
		}
		seen[name] = key
		if strings.HasPrefix(name, ReservedPrefix) {
			t.Errorf("%T(%v) has the reserved name %q", key, key, name)
		}
		again, err := MarshalKey(key)
		if err != nil || again != name {
			t.Errorf("%T(%v): %q, then %q (%v)", key, key, name, again, err)
		}
		back, err := UnmarshalKey(name)
		if err != nil {
			t.Errorf("%T(%v): %v", key, key, err)
			continue
		}
		if back != key {
			t.Errorf("%T(%v) came back as %T(%v)", key, key, back, back)
		}
	}
}

func TestTheZerosAreOneKeyAsInGo(t *testing.T) {
	negative := math.Copysign(0, -1)
	for _, pair := range [][2]any{
		{0.0, negative},
		{float32(0), float32(negative)},
		{complex(0, 0), complex(negative, negative)},
		{[1]float64{0}, [1]float64{negative}},
		{[1]any{0.0}, [1]any{negative}},
	} {
		a, err := MarshalKey(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := MarshalKey(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%T: %q and %q", pair[0], a, b)
		}
	}
}

func TestKeysThatWouldNotComeBackAreRefused(t *testing.T) {
	if _, err := MarshalKey([]int{1}); err == nil || !strings.Contains(err.Error(), "cannot be a map key") {
		t.Errorf("a slice: %v", err)
	}
	for name, key := range map[string]any{
		"slice":                       []int{1},
		"bytes":                       []byte{1},
		"map":                         map[string]int{},
		"function":                    func() {},
		"channel":                     make(chan int),
		"slice in an interface":       [1]any{[]int{1}},
		"pointer":                     &Point{},
		"nil pointer that has a type": [1]*unregistered{},
		"struct with a pointer":       [1]*int{new(int)},
		"NaN":                         math.NaN(),
		"NaN in an array":             [1]float32{float32(math.NaN())},
		"unregistered":                unregistered{1},
		"unexported field":            halfKept{1, 2},
		"monotonic time":              time.Now(),
		"failing marshaler":           failing{1},
		"panicking marshaler":         panicking{1},
	} {
		got, err := MarshalKey(key)
		var refused *UnsupportedTypeError
		if !errors.As(err, &refused) || refused.Type == nil || strings.Contains(err.Error(), "panicked") != strings.Contains(name, "panicking") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestNamesThatNoKeyHas(t *testing.T) {
	for _, name := range []string{
		"", "!deadline", "!", "x", "cart", "k", "k\xc1", "k\x01\x01",
		"k\xa1a",                                             // the string "a" has another name
		"k\xcc\x01", "k\xd3\x00\x00\x00\x00\x00\x00\x00\x01", // 1, in longer forms
		"k\x92\x03\x01",                         // int with a tag it does not need
		"k\xc4\x01a",                            // bytes
		"k\x92\x19\x91\x01",                     // a list
		"k\xcb\x80\x00\x00\x00\x00\x00\x00\x00", // negative zero
		"k\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", // NaN
	} {
		if key, err := UnmarshalKey(name); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q became %T(%v), %v", name, key, key, err)
		}
	}
}

// A name that is another each time names nothing.
func TestAKeyThatEncodesDifferentlyEachTimeIsRefused(t *testing.T) {
	var refused *UnsupportedTypeError
	for _, key := range []any{coin{true}, [1]coin{}, [1]any{coin{}}} {
		name, err := MarshalKey(key)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "another name") {
			t.Errorf("%T: %q, %v", key, name, err)
		}
	}
}
