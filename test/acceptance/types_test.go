package acceptance

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides which values come back from a session as they went in, and what
// happens to those that cannot.

type address struct {
	Street string
	Number int
	Tags   map[string]string
}

type account struct {
	Name     string
	Balance  float64
	Since    time.Time
	Home     *address
	Previous []address
	Extra    map[string]any
}

type role uint8

// unknown is a type that the app forgot to register.
type unknown struct{ Word string }

func init() {
	serializer.Register(address{})
	serializer.Register(account{})
	serializer.Register(role(0))
}

var noon = time.Date(2031, 2, 3, 12, 4, 5, 678901234, time.UTC)

// values are one of each kind that a session can hold.
var values = map[string]any{
	"bool": true, "false": false,
	"int": -1, "int8": int8(math.MinInt8), "int16": int16(math.MinInt16), "int32": int32(math.MinInt32), "int64": int64(math.MinInt64),
	"uint": uint(1), "uint8": uint8(math.MaxUint8), "uint16": uint16(math.MaxUint16), "uint32": uint32(math.MaxUint32), "uint64": uint64(math.MaxUint64),
	"float32": float32(1.5), "float64": math.Pi, "infinite": math.Inf(-1),
	"complex64": complex64(complex(1, 2)), "complex128": complex(3, 4),
	"string": "grüß\x00dich\n", "empty": "", "bytes": []byte{0, 1, 0xff}, "no bytes": []byte{},
	"time": noon, "duration": 90 * time.Minute,
	"strings": []string{"a", ""}, "ints": []int{3, -3}, "floats": []float64{1.25}, "bools": []bool{true, false},
	"times": []time.Time{noon}, "durations": []time.Duration{1}, "matrix": [][]int{{1}, {2, 3}}, "array": [3]int{1, 2, 3},
	"anys":  []any{1, "two", 3.0, nil, []any{true}},
	"byStr": map[string]int{"a": 1}, "byInt": map[int]string{-1: "x"}, "byInt64": map[int64]bool{5: true}, "byBool": map[bool]string{true: "yes"},
	"strStr": map[string]string{"k": "v"}, "strAny": map[string]any{"n": 1, "deep": map[string]any{"s": "t"}},
	"struct": address{"Main St", 5, map[string]string{"floor": "2"}}, "pointer": &address{Street: "Side St"}, "named": role(3),
	"account": account{
		Name: "ann", Balance: -0.5, Since: noon, Home: &address{Number: 7},
		Previous: []address{{Street: "Old St"}}, Extra: map[string]any{"role": role(1), "address": address{Number: 1}},
	},
	"structs": []address{{Number: 1}, {Number: 2}}, "byName": map[string]address{"home": {Number: 9}},
}

func putTypes(s session, _ *http.Request) (string, error) {
	for name, v := range values {
		s.put(name, v)
	}
	return "kept", nil
}

func checkTypes(s session, _ *http.Request) (string, error) {
	var wrong []string
	for name, want := range values {
		if got := s.get(name); !reflect.DeepEqual(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s: %T %v is not %T %v", name, got, got, want, want))
		}
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "; "), nil
}

// largeSize is more than a node takes.
const largeSize = 2_000_000

func putLarge(s session, _ *http.Request) (string, error) {
	s.put("blob", strings.Repeat("x", largeSize))
	s.put("beside", "1")
	return "kept", nil
}

func putUnregistered(s session, r *http.Request) (string, error) {
	if s.get("user") == nil {
		return "", errors.New("nobody is logged in")
	}
	s.put("beside", "1")
	s.put("odd", unknown{"private"})
	return "kept", nil
}

func TestEverySupportedTypeComesBackAsItWentIn(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.do(app1, "/types/put")
		u.sees(app2, "", "/types/check")
		u.set(app2, "after", "1") // and once more, after another instance has saved them
		u.sees(app1, "", "/types/check")
	})
}

// A value that would not come back is refused when it is saved, not met when it is read.
func TestValueOfAnUnregisteredTypeIsRefusedAndNothingIsLost(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		r := u.ask(app1, "/unregistered")
		if r.status != http.StatusInternalServerError {
			t.Fatalf("the save went through: %v", r)
		}
		for _, word := range []string{"odd", "acceptance.unknown", "Register"} {
			if !strings.Contains(r.body, word) {
				t.Errorf("the error does not name %q: %s", word, r.body)
			}
		}
		if strings.Contains(r.body, "private") {
			t.Errorf("the error quotes the value: %s", r.body)
		}
		for _, a := range []*app{app1, app2} {
			u.is("ann", a)
			u.finds(a, "a", "1")
			u.finds(a, "beside", "")
		}
	})
}

func TestTooLargeAValueIsRefusedAndTheSessionStays(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		r := u.ask(app1, "/large")
		if r.status != http.StatusInternalServerError {
			t.Fatalf("the save went through: %v", r)
		}
		var size, most int
		for _, word := range strings.Fields(r.body) {
			n := 0
			if _, err := fmt.Sscanf(word, "%d", &n); err == nil && n > 1000 {
				size, most = max(size, n), n
			}
		}
		if size < largeSize || most >= size || !strings.Contains(r.body, "MaxRecordBytes") {
			t.Errorf("the error does not tell the size, the limit and the setting: %.300s", r.body)
		}
		for _, a := range []*app{app2, app1} {
			u.is("ann", a)
			u.finds(a, "a", "1")
			u.finds(a, "beside", "")
		}
		u.set(app2, "a", "2")
		u.finds(app1, "a", "2")
	})
}
