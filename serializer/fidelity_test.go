package serializer

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestEveryTypeComesBackAsItWentIn(t *testing.T) {
	for _, c := range roundTrips() {
		t.Run(c.name, func(t *testing.T) {
			b, err := Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			before := bytes.Clone(b)
			got, err := Unmarshal(b)
			if err != nil {
				t.Fatalf("%v\n%x", err, b)
			}
			mustEqual(t, got, c.value)
			if !bytes.Equal(b, before) {
				t.Error("Unmarshal changed its input")
			}
			// The value must not live in the input's memory.
			for i := range b {
				b[i] = 0xff
			}
			mustEqual(t, got, c.value)
		})
	}
}

func mustEqual(t *testing.T, got, want any) {
	t.Helper()
	if reflect.TypeOf(got) != reflect.TypeOf(want) {
		t.Fatalf("got a %T, want a %T", got, want)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %#v\nwant %#v", got, want)
	}
	if a, ok := got.(float64); ok && math.Float64bits(a) != math.Float64bits(want.(float64)) {
		t.Fatalf("got %v, want %v", a, want)
	}
}

func TestNaNComesBack(t *testing.T) {
	b, err := Marshal([]any{math.NaN(), float32(math.NaN())})
	if err != nil {
		t.Fatal(err)
	}
	v, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	list := v.([]any)
	if !math.IsNaN(list[0].(float64)) || !math.IsNaN(float64(list[1].(float32))) {
		t.Errorf("got %v", list)
	}
}

func TestTimeDropsOnlyTheMonotonicReading(t *testing.T) {
	now := time.Now()
	b, err := Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, v, now.Round(0))
}

// silent is written as no bytes at all, and reads that.
type silent struct{ heard int }

func (silent) MarshalBinary() ([]byte, error)    { return nil, nil }
func (s *silent) UnmarshalBinary(b []byte) error { s.heard = 1 + len(b); return nil }

func TestAMarshalerMayReturnNil(t *testing.T) {
	Register(silent{})
	b, err := Marshal(silent{5})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, silent{1})
}

// As with gob, a time in the reader's own offset becomes local, and any other offset a zone without
// a name.
func TestZonesComeBackAsThroughGob(t *testing.T) {
	saved := time.Local
	t.Cleanup(func() { time.Local = saved })
	named := time.FixedZone("LMT", 2*3600+17*60)
	for _, local := range []*time.Location{time.UTC, far, time.FixedZone("GMT", 0)} {
		time.Local = local
		for _, in := range []time.Time{noon, noon.Local(), noon.In(named), noon.In(time.FixedZone("", 0)), noon.In(time.FixedZone("", -3600))} {
			b, err := Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Unmarshal(b)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := throughGob(in)
			if err != nil {
				t.Fatal(err)
			}
			mustEqual(t, got, theirs)
		}
	}
}

// gob is the measure: what it brings back, this package brings back too. The cases say where this
// package does better.
func TestGobBringsBackNoMore(t *testing.T) {
	for _, c := range roundTrips() {
		t.Run(c.name, func(t *testing.T) {
			got, err := throughGob(c.value)
			verdict := same
			switch {
			case err != nil:
				verdict = refuses
			case !reflect.DeepEqual(got, c.value):
				verdict = differs
			}
			if verdict != c.gob {
				t.Errorf("gob: verdict %d, the table says %d (%v; got %#v)", verdict, c.gob, err, got)
			}
		})
	}
}

func throughGob(v any) (any, error) {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(&v); err != nil {
		return nil, err
	}
	var back any
	err := gob.NewDecoder(&buf).Decode(&back)
	return back, err
}

func TestEqualValuesGiveEqualBytes(t *testing.T) {
	for _, c := range roundTrips() {
		t.Run(c.name, func(t *testing.T) {
			first, err := Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Unmarshal(first)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				again, err := Marshal(back)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(first, again) {
					t.Fatalf("%x\n%x", first, again)
				}
			}
		})
	}
}

func TestUnexportedFieldsAreLeftOutAsByGob(t *testing.T) {
	in := User{Name: "Ada", hidden: 7}
	ours, err := Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, User{Name: "Ada"})
	theirs, err := throughGob(in)
	if err != nil {
		t.Fatal(err)
	}
	if n := theirs.(User).hidden; n != 0 {
		t.Errorf("gob kept %d", n)
	}
}

func TestMapsAreSortedAtEveryDepth(t *testing.T) {
	build := func(backwards bool) any {
		inner, outer, mixed := map[string]any{}, map[int]map[string]any{}, map[any]any{}
		for i := range 100 {
			if backwards {
				i = 99 - i
			}
			inner[fmt.Sprint("k", i)] = i
			mixed[i], mixed[fmt.Sprint(i)], mixed[Point{i, i}] = inner, i, i
			outer[i] = inner
		}
		return []any{inner, outer, mixed, User{Any: mixed}}
	}
	forwards, err := Marshal(build(false))
	if err != nil {
		t.Fatal(err)
	}
	backwards, err := Marshal(build(true))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(forwards, backwards) {
		t.Error("two equal values have different bytes")
	}
}
