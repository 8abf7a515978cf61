package serializer

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
	"unsafe"
)

type (
	unregistered struct{ A int }
	opaque       struct{ n int }
	cyclic       struct{ Next *cyclic }
	failing      struct{ N int }
	panicking    struct{ N int }
	heavy        struct {
		N int
		_ [1 << 20]byte
	}
	withChan struct {
		Name string
		Ch   chan int
		Ptr  uintptr
	}
	halfKept struct{ ID, note int }
	vast     struct{ A [1 << 40]struct{} }
	wordy    struct {
		AFieldWithANameThatIsSoLongThatItWouldBeARealNuisanceToWalkOverItAgainAndAgainForEachOfManySmallStructsInAListThatSomebodyMayHaveMadeUpToKeepThisProgramFromItsWorkWhichIsWhyFieldNamesAreHeldToALengthThatNobodyWillEverReachButWithADeterminationLikeTheOneShownHere int
	}
	// folded comes back in lower case.
	folded string
)

func (f folded) MarshalBinary() ([]byte, error)  { return []byte(strings.ToLower(string(f))), nil }
func (f *folded) UnmarshalBinary(b []byte) error { *f = folded(b); return nil }

func (failing) MarshalBinary() ([]byte, error)   { return nil, errors.New("hunter2") }
func (failing) UnmarshalBinary([]byte) error     { return errors.New("hunter2") }
func (panicking) MarshalBinary() ([]byte, error) { panic("hunter2") }
func (panicking) UnmarshalBinary([]byte) error   { panic("hunter2") }

func init() {
	for _, v := range []any{opaque{}, cyclic{}, failing{}, panicking{}, heavy{}, withChan{}, halfKept{}, vast{}, wordy{}, folded("")} {
		Register(v)
	}
}

func TestValuesThatWouldNotComeBackAreRefused(t *testing.T) {
	ring := &cyclic{}
	ring.Next = ring
	list := []any{nil}
	list[0] = list
	table := map[string]any{}
	table["self"] = table
	deep := any(1)
	for range maxDepth {
		deep = []any{deep}
	}
	now := time.Now()
	for _, c := range []struct {
		name  string
		value any
		typ   string // the type the error names
		path  string
		says  string
	}{
		{"channel", make(chan int), "chan int", "", "outside this process"},
		{"function", func() {}, "func()", "", "outside this process"},
		{"uintptr", uintptr(1), "uintptr", "", "outside this process"},
		{"unsafe pointer", unsafe.Pointer(nil), "unsafe.Pointer", "", "outside this process"},
		{"unregistered struct", unregistered{1}, "serializer.unregistered", "", "serializer.Register"},
		{"pointer to an unregistered struct", &unregistered{1}, "serializer.unregistered", "", "serializer.Register"},
		{"list of an unregistered struct", []unregistered{}, "serializer.unregistered", "", "serializer.Register"},
		{"unregistered named basic type", time.March, "time.Month", "", "serializer.Register"},
		{"unnamed struct", struct{ A int }{1}, "struct { A int }", "", "serializer.Register"},
		{"struct of unexported fields", opaque{1}, "serializer.opaque", "", "no exported fields"},
		{"inside a list", []any{1, "a", unregistered{}}, "serializer.unregistered", "[2]", "serializer.Register"},
		{"inside a map, whose keys are not shown", map[string]any{"hunter2": make(chan int)}, "chan int", "[*]", "outside"},
		{"inside a struct", User{Name: "hunter2", Friend: &User{Any: []any{func() {}}}}, "func()", ".Friend.Any[0]", "outside"},
		{"field that is a function", User{Callback: func() {}}, "func()", ".Callback", "outside"},
		{"field that is a channel", []any{withChan{Ch: make(chan int)}}, "chan int", "[0].Ch", "outside"},
		{"field that is a uintptr", withChan{Ptr: 1}, "uintptr", ".Ptr", "outside"},
		{"map key", map[any]any{unregistered{1}: 1}, "serializer.unregistered", "[*]", "serializer.Register"},
		{"ring of pointers", ring, "serializer.cyclic", "", "cycle"},
		{"list that holds itself", list, "[]interface {}", "", "cycle"},
		{"map that holds itself", table, "map[string]interface {}", "", "cycle"},
		{"too deep", deep, "[]interface {}", "", "nested deeper"},
		{"type too deep", new([][][][][][][][][][][][][][][][][]int), "[][]int", "", "nested deeper"},
		{"array too large", new([1 << 40]struct{}), "[1099511627776]struct {}", "", "too large"},
		{"nil pointer to such an array", (*[1 << 40]struct{})(nil), "[1099511627776]struct {}", "", "too large"},
		{"text too large", strings.Repeat("x", maxSize), "string", "", "too large"},
		{"list too large", []any{strings.Repeat("x", maxSize), 1, []any{}}, "[]interface {}", "[2]", "too large"},
		{"far larger in memory than in bytes", make([]heavy, 100), "[]serializer.heavy", "", "more memory"},
		{"one struct that is far larger in memory", heavy{}, "serializer.heavy", "", "more memory"},
		{"pointer to one", []*heavy{{}}, "[]*serializer.heavy", "", "more memory"},
		{"one as a key", map[any]any{heavy{}: 1}, "map[interface {}]interface {}", "", "more memory"},
		{"array too large, in a struct", vast{}, "[1099511627776]struct {}", ".A", "too large"},
		{"very long field name", wordy{}, "serializer.wordy", "", "a name longer"},
		{"key that comes back changed", map[folded]int{"A": 1}, "serializer.folded", "[*]", "equal to itself"},
		{"NaN as key", map[float64]int{math.NaN(): 1}, "float64", "[*]", "equal to itself"},
		{"NaN in a key", map[[1]float32]int{{float32(math.NaN())}: 1}, "[1]float32", "[*]", "equal to itself"},
		{"complex NaN as key", map[any]any{complex(0, math.NaN()): 1}, "complex128", "[*]", "equal to itself"},
		{"pointer as key", map[*int]int{new(int): 1}, "*int", "[*]", "equal to itself"},
		{"pointer in an interface as key", map[any]int{new(int): 1}, "*int", "[*]", "equal to itself"},
		{"time with a monotonic reading as key", map[time.Time]int{now: 1}, "time.Time", "[*]", "equal to itself"},
		{"key with an unexported field", map[halfKept]int{{1, 2}: 1}, "serializer.halfKept", "[*]", "equal to itself"},
		{"marshaler that fails", failing{1}, "serializer.failing", "", "its MarshalBinary failed"},
		{"marshaler that panics", panicking{1}, "serializer.panicking", "", "panicked"},
		{"time with an odd zone", []time.Time{noon.In(time.FixedZone("", 1<<30))}, "time.Time", "[0]", "offset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Marshal(c.value)
			if err == nil {
				t.Fatalf("gave %d bytes", len(b))
			}
			var refused *UnsupportedTypeError
			if !errors.As(err, &refused) {
				t.Fatalf("got a %T: %v", err, err)
			}
			if refused.Type.String() != c.typ {
				t.Errorf("the error names %v, want %s", refused.Type, c.typ)
			}
			if c.says != "cycle" && c.says != "nested deeper" && refused.Path != c.path {
				t.Errorf("the error points to %q, want %q", refused.Path, c.path)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.typ) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 600 {
				t.Errorf("the error shows too much: %q", err)
			}
		})
	}
}

func TestTheErrorOfAMarshalerCanBeInspected(t *testing.T) {
	_, err := Marshal(failing{1})
	if cause := errors.Unwrap(err); cause == nil || cause.Error() != "hunter2" {
		t.Errorf("got %v", cause)
	}
}

func TestWhatIsJustWithinTheLimitsComesBack(t *testing.T) {
	deep := any(1)
	for range maxDepth / 2 { // a list inside an interface nests twice
		deep = []any{deep}
	}
	chain := &cyclic{}
	for range maxDepth - 4 { // the pair, its descriptor or a struct each, and the shape in the innermost
		chain = &cyclic{chain}
	}
	for name, v := range map[string]any{
		"deepest list":        deep,
		"longest chain":       chain,
		"deepest type":        new([][][][][][][][][][][][][][][]int),
		"nearly too heavy":    [][]heavy{make([]heavy, 0)},
		"NaN outside of keys": map[float64]any{math.Inf(1): []heavy{}},
	} {
		b, err := Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := Unmarshal(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mustEqual(t, got, v)
	}
	if _, err := Marshal(&cyclic{&cyclic{chain}}); err == nil {
		t.Error("the chain could have been longer")
	}
}

// Whatever Marshal accepts must come back, also next to a limit: both sides have to count alike.
func TestBothSidesCountAlike(t *testing.T) {
	accepted, refused := 0, 0
	for n := range 300 {
		for _, v := range []any{make([]heavy, n/100), nest(n), keyed(n), make([]*big.Int, n), wide(n), make([][64]struct{}, n), list(n)} {
			b, err := Marshal(v)
			if err != nil {
				refused++
				continue
			}
			accepted++
			if _, err := Unmarshal(b); err != nil {
				t.Fatalf("n = %d, %T: %v", n, v, err)
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused: no limit was met", accepted, refused)
	}
}

func nest(n int) any {
	t := Tree{Value: n}
	for range n {
		t = Tree{Kids: []Tree{t}, More: map[int]*Tree{1: {}}}
	}
	return t
}

// keyed has nothing deeper than a map key.
func keyed(n int) any {
	v := any(map[any]any{[1]int{1}: 1})
	for range n {
		v = []any{v}
	}
	return v
}

type wideItem struct {
	N int
	_ [1024]byte
}

func wide(n int) any {
	m := map[string]wideItem{}
	for i := range n {
		m[string(rune('a'+i))] = wideItem{N: i}
	}
	return m
}

func list(n int) any {
	v := any(int64(1)) // an odd number of levels in all
	for i := range n {
		if i%2 == 0 {
			v = map[any]any{[1]int{i}: v}
		} else {
			v = []any{v, nil}
		}
	}
	return v
}

func init() { Register(wideItem{}) }
