package serializer

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// This file holds the types and the cases that the tests share: what has to come back, and what gob
// makes of it.

type (
	Role    string
	Level   int8
	Weights []float64
	Flags   map[string]bool
	Digest  [4]byte
	UserKey int
	Shape   interface{ Area() float64 }
	Square  struct{ Side float64 }
	Circle  struct{ Radius float64 }

	Point struct{ X, Y int }

	Item struct {
		SKU   string
		Count int
		Price float64
		Tags  []string
	}

	Base  struct{ ID int }
	Inner struct{ Note string }

	// User has a field of each sort that a struct in a session may have.
	User struct {
		Base
		*Inner
		Name     string
		Age      uint8
		Role     Role
		Joined   time.Time
		Timeout  time.Duration
		Home     *url.URL
		Balance  *big.Int
		Items    []Item
		ByName   map[string]*Item
		Any      any
		Shape    Shape
		Pair     [2]Point
		Hash     Digest
		Friend   *User
		Nothing  struct{}
		IP       net.IP
		Deep     **int
		Callback func()
		Done     chan int
		hidden   int
	}

	Tree struct {
		Value int
		Kids  []Tree
		More  map[int]*Tree
	}

	// Ring is a type whose values can only be told by their pointers.
	Ring *Ring

	// Temp keeps itself as a text, and has nothing else to be kept by.
	Temp struct{ milli int64 }

	// ID has an exported form and methods with value receivers, as uuid types have.
	ID [16]byte

	// Event has other fields beside a time.Time whose methods it inherits.
	Event struct {
		time.Time
		What string
	}

	// Money has a text that does not say all.
	Money struct {
		Cents    int
		Currency string
	}

	// OneWay can only be written by its method.
	OneWay struct{ A int }

	// Envelope has nothing but the methods of what it embeds.
	Envelope struct{ keeper }

	// keeper breaks the rule that UnmarshalBinary must copy what it is given.
	keeper struct{ b []byte }

	// Moment is a time.Time and nothing else.
	Moment struct{ time.Time }
)

func (s Square) Area() float64  { return s.Side * s.Side }
func (c *Circle) Area() float64 { return c.Radius * c.Radius * math.Pi }

func (t Temp) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(t.milli)), nil }
func (t *Temp) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), &t.milli)
	return err
}

func (OneWay) MarshalBinary() ([]byte, error) { return nil, nil }

func (m Money) MarshalText() ([]byte, error) { return fmt.Append(nil, m.Cents), nil }
func (m *Money) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), &m.Cents)
	return err
}

func (k keeper) MarshalBinary() ([]byte, error)  { return k.b, nil }
func (k *keeper) UnmarshalBinary(b []byte) error { k.b = b; return nil }

func (id ID) MarshalBinary() ([]byte, error) { return id[:], nil }
func (id *ID) UnmarshalBinary(b []byte) error {
	if len(b) != len(id) {
		return fmt.Errorf("%d bytes", len(b))
	}
	copy(id[:], b)
	return nil
}

func init() {
	for _, v := range []any{
		Role(""), Level(0),
		Weights{},
		Flags{},
		Digest{},
		UserKey(0),
		[]Shape{},
		Square{},
		&Circle{},
		Point{},
		Item{},
		User{},
		Tree{},
		Temp{},
		ID{},
		Event{},
		Moment{},
		Money{},
		OneWay{},
		Envelope{},
		url.URL{},
		&big.Int{}, &big.Float{},
		netip.Addr{},
		net.IP{},
	} {
		Register(v)
		gob.Register(v)
	}
	Register(Ring(nil)) // gob panics: "invalid recursive pointer type"
	for _, v := range []any{
		time.Time{},
		time.Duration(0),
		[]any{},
		map[string]any{},
		map[any]any{},
		map[string]string{},
		map[int]string{},
		[][]byte{},
		[]Point{},
		map[bool][]int{},
		map[Point]string{},
		map[Role]int{},
		[3]int{},
		map[string][]string{},
		[]time.Time{},
		[][]string{},
		map[string]int{},
	} {
		gob.Register(v)
	}
}

func pointer[T any](v T) *T { return &v }

var (
	far  = time.FixedZone("", 2*3600+17*60) // where nobody lives, so that it is nobody's local zone
	noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC)
)

type roundTrip struct {
	name  string
	value any
	gob   gobVerdict
}

// gobVerdict says what gob does with the value of a case: bring the same back, refuse it, or bring
// another back.
type gobVerdict int

const (
	same gobVerdict = iota
	refuses
	differs
)

func fullUser() User {
	return User{
		Base: Base{7}, Inner: &Inner{"embedded"}, Name: "Ada", Age: 36, Role: "admin", Joined: noon, Timeout: 90 * time.Second,
		Home: &url.URL{Scheme: "https", Host: "example.com", Path: "/a b", User: url.UserPassword("u", "p")}, Balance: big.NewInt(-1 << 40),
		Items: []Item{{"a", 1, 1.5, []string{"x"}}, {"b", 2, 2.5, nil}}, ByName: map[string]*Item{"a": {SKU: "a"}, "b": {SKU: "b"}},
		Any: []any{1, "two", Point{3, 4}}, Shape: &Circle{2}, Pair: [2]Point{{1, 2}, {3, 4}}, Hash: Digest{1, 2, 3, 4},
		Friend: &User{Name: "Bob", Shape: Square{3}}, IP: net.IPv4(1, 2, 3, 4), Deep: pointer(pointer(5)),
	}
}

func roundTrips() []roundTrip {
	cases := []roundTrip{
		{"nil", nil, same},
		{"true", true, same},
		{"false", false, same},
		{"empty string", "", same},
		{"string that is no UTF-8", "\xff\x00é", same},
		{"long string", string(bytes.Repeat([]byte("x"), 70000)), same},
		{"bytes", []byte{0, 1, 255}, same},
		{"empty bytes", []byte{}, differs},
		{"nil bytes", []byte(nil), same},
		{"long bytes", bytes.Repeat([]byte{7}, 70000), same},
		{"float64", math.Pi, same},
		{"negative zero", math.Copysign(0, -1), same},
		{"infinity", math.Inf(-1), same},
		{"smallest float", math.SmallestNonzeroFloat64, same},
		{"float32", float32(math.MaxFloat32), same},
		{"complex64", complex64(complex(1.5, -2.25)), same},
		{"complex128", complex(math.Pi, -math.E), same},
		{"UTC time", noon, same},
		{"zero time", time.Time{}, same},
		{"time in a zone", noon.In(far), same},
		{"time in a zone with seconds", noon.In(time.FixedZone("", 3*3600+1)), same},
		{"local time", time.Date(2026, 7, 1, 1, 2, 3, 4, time.Local), same},
		{"time far away", time.Date(-5000, 1, 1, 0, 0, 0, 1, time.UTC), same},
		{"duration", -1500 * time.Millisecond, same},
		{"strings", []string{"a", "", "c"}, same},
		{"nil strings", []string(nil), same},
		{"no strings", []string{}, differs},
		{"ints", []int{math.MinInt64, -1, 0, 1, math.MaxInt64}, same},
		{"times", []time.Time{noon, noon.Add(1)}, same},
		{"array", [3]int{1, 2, 3}, same},
		{"array of nothing", [0]int{}, refuses},
		{"byte array", [5]byte{1, 2, 3, 4, 5}, refuses},
		{"empty structs", [2]struct{}{}, refuses},
		{"slice of empty structs", make([]struct{}, 3), refuses},
		{"set", map[string]struct{}{"a": {}, "b": {}}, refuses},
		{"anys", []any{nil, 1, "a", []any{true}, map[string]any{"k": int64(1)}}, same},
		{"nil anys", []any(nil), same},
		{"flashes", []any{"saved", "welcome"}, same},
		{"string map", map[string]any{"a": 1, "b": "two", "c": []byte{3}, "d": map[string]any{}}, same},
		{"empty map", map[string]any{}, same},
		{"nil map", map[string]any(nil), differs},
		{"any map", map[any]any{1: "int", "1": "string", int64(1): "int64", true: 1.5, Point{1, 2}: nil, [2]int{1, 2}: 3, nil: 1, Role("r"): 2}, refuses},
		{"strings by string", map[string]string{"a": "b", "": ""}, same},
		{"strings by int", map[int]string{-1: "a", 1 << 40: "b"}, same},
		{"ints by bool", map[bool][]int{true: {1}, false: nil}, same},
		{"floats as keys", map[float64]string{1.5: "a", math.Inf(1): "b", 0: "c"}, refuses},
		{"struct keys", map[Point]string{{1, 2}: "a", {3, 4}: "b"}, same},
		{"times as keys", map[time.Time]int{noon: 1, noon.Add(1): 2}, refuses},
		{"IDs as keys", map[ID]string{{1}: "a", {2}: "b"}, refuses},
		{"named string keys", map[Role]int{"a": 1, "b": 2}, same},
		{"byte slices", [][]byte{{1}, {}, {2, 3}}, differs},
		{"nil among byte slices", [][]byte{nil, {}}, differs},
		{"nested slices", [][]string{{"a"}, {}, {"b", "c"}}, differs},
		{"nested maps", map[string]map[int8][]uint16{"a": {-1: {1, 2}}, "b": nil}, refuses},
		{"named string", Role("admin"), same},
		{"named int", Level(-128), same},
		{"named slice", Weights{1, 2.5}, same},
		{"named map", Flags{"a": true}, same},
		{"nil named map", Flags(nil), differs},
		{"named array", Digest{9, 8, 7, 6}, same},
		{"struct", Point{1, -2}, same},
		{"pointer to struct", &Point{1, 2}, differs},
		{"nil pointer", (*Point)(nil), refuses},
		{"pointer to int", pointer(5), differs},
		{"pointer to pointer", pointer(pointer(5)), differs},
		{"pointer to nil pointer", pointer((*int)(nil)), refuses},
		{"pointer to nil slice", pointer([]int(nil)), differs},
		{"pointer to interface", pointer(any(5)), refuses},
		{"pointer to nil interface", pointer(any(nil)), refuses},
		{"structs", []Point{{1, 2}, {3, 4}}, same},
		{"pointers to structs", []*Point{{1, 2}, nil, {3, 4}}, refuses},
		{"structs by string", map[string]Point{"a": {1, 2}}, refuses},
		{"interfaces", []Shape{Square{1}, &Circle{2}, nil}, same},
		{"everything", fullUser(), same},
		{"zero of everything", User{}, same},
		{"pointer to everything", pointer(fullUser()), differs},
		{"tree", Tree{1, []Tree{{2, nil, nil}, {3, []Tree{{Value: 4}}, nil}}, map[int]*Tree{5: {Value: 5}}}, same},
		{"ring that ends", Ring(pointer(Ring(nil))), refuses},
		{"type that is a text", Temp{-12345}, refuses},
		{"url", url.URL{Scheme: "https", Host: "example.com", RawQuery: "a=b"}, refuses},
		{"pointer to url", &url.URL{Scheme: "https", Host: "example.com"}, differs},
		{"big int", *new(big.Int).Lsh(big.NewInt(-3), 200), refuses},
		{"pointer to big int", new(big.Int).Lsh(big.NewInt(3), 200), same},
		{"pointer to big float", big.NewFloat(1.25), same},
		{"address", netip.MustParseAddr("2001:db8::1"), same},
		{"short IP", net.IP{1, 2, 3, 4}, same},
		{"id", ID{1, 2, 3}, same},
		{"ids", []ID{{1}, {2}}, refuses},
		{"struct that embeds a time", Event{noon, "lunch"}, differs},
		{"struct with a text that does not say all", Money{5, "EUR"}, same},
		{"struct with half a pair of methods", OneWay{5}, refuses},
		{"struct that keeps what it is given", Envelope{keeper{[]byte("abc")}}, same},
		{"struct that marshals to nothing", []Envelope{{keeper{[]byte{}}}}, refuses},
		{"struct that is a time", Moment{noon}, same},
		{"list in a list in a list", []any{[]any{[]any{map[string]any{"a": []Point{{1, 2}}}}}}, same},
	}
	for _, n := range []int64{0, 1, -1, 31, -32, -33, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535, 65536, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MinInt64} {
		for _, v := range []any{int(n), int8(n), int16(n), int32(n), n, uint(n), uint8(n), uint16(n), uint32(n), uint64(n), time.Duration(n)} {
			cases = append(cases, roundTrip{fmt.Sprintf("%T(%d)", v, v), v, same})
		}
	}
	return cases
}
